"""SerpApi: Google Images through a paid service."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from lookalike.gather.hosts import host
from lookalike.gather.providers.base import Hit, Page, Query, Request, Stop, large_enough, text, whole_number
from lookalike.gather.providers.web import JsonAnswer, ServiceAnswer, WebProvider
from lookalike.settings.fields import Section

LAST_PAGE = 9
THUMBNAIL_HOST = ".gstatic.com"
SPENT = ("run out of searches", "searches for the month are exhausted", "no searches left")


def parse(payload: JsonAnswer) -> Page:
    """The hits of an answer. What Google itself serves as the original is only a small picture."""
    if error := payload.get("error"):
        if "any results" in str(error):
            return Page(())
        raise Stop("bad-request", text(error))
    hits = []
    for item in payload["images_results"]:
        address = item.get("original") or ""
        if address and not f".{host(address)}".endswith(THUMBNAIL_HOST):
            hits.append(
                Hit(
                    address,
                    page_url=text(item.get("link"), 2000),
                    title=text(item.get("title")),
                    width=whole_number(item.get("original_width")),
                    height=whole_number(item.get("original_height")),
                )
            )
    return Page(tuple(hits), True if payload["images_results"] else None)


class SerpApiSettings(Section):
    """SerpApi, a paid door to Google Images."""

    table: ClassVar[str] = "serpapi"
    endpoint: str = Field("https://serpapi.com/search.json", description="address of the search")


class SerpApi(WebProvider):
    """About 100 hits a call; the key travels in the address, so addresses of calls are never written anywhere."""

    name: ClassVar[str] = "serpapi"
    listed: ClassVar[tuple[str, ...]] = ("images_results",)
    section: ClassVar[type[Section] | None] = SerpApiSettings
    summary: ClassVar[str] = "Google Images through a paid service"
    terms: ClassVar[str] = "it answers for the collection, not for your use of the photos"
    docs: ClassVar[str] = "https://serpapi.com/google-images-api"
    last_verified: ClassVar[str] = "2026-11-22"
    restricted: ClassVar[bool] = True
    keys: ClassVar[tuple[str, ...]] = ("SERPAPI_API_KEY", "SERPAPI_KEY")

    def secret_params(self) -> dict[str, str]:
        """The key goes into the address, as `api_key`; it is cut out of whatever is said or kept."""
        return {"api_key": self.key}

    def first(self, query: Query) -> Request:
        """The first page has number 0."""
        params: dict[str, object] = {
            "engine": "google_images",
            "q": query.text,
            "ijn": 0,
            "safe": "active" if query.safe else "off",
        }
        if query.type == "photo":
            params["tbs"] = "itp:photo"
        return Request(self.settings.of(SerpApiSettings).endpoint, params)

    def read(self, payload: Any, query: Query) -> Page:
        """A page without the photos that are known to be too small."""
        page = parse(payload)
        return Page(tuple(hit for hit in page.hits if large_enough(hit.width, hit.height, query)), page.more)

    def follow(self, request: Request, page: Page) -> Request | None:
        """Pages are numbered from 0."""
        number = int(request.params["ijn"]) + 1
        return request.with_params(ijn=number) if page.more and number <= LAST_PAGE else None

    def explain(self, answer: ServiceAnswer) -> Stop | None:
        """429 means that the searches of the month, or those of this hour, are used up: the words tell."""
        told = answer.payload.get("error") if isinstance(answer.payload, dict) else None
        if answer.status == 429 and any(words in str(told).lower() for words in SPENT):
            return Stop("quota", "no searches are left in the plan")
        return None
