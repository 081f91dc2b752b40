"""A SearXNG instance, usually one's own: it asks many engines and needs no key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from lookalike.gather.providers.base import Hit, Page, Query, Request, Stop, large_enough, text, whole_number
from lookalike.gather.providers.web import JsonAnswer, ServiceAnswer, WebProvider
from lookalike.settings.fields import Section

LAST_PAGE = 30


def parse(payload: JsonAnswer) -> Page:
    """The hits of an answer; sizes come as text such as "800 x 600"."""
    hits = []
    for item in payload["results"]:
        address = item.get("img_src") or ""
        if address.startswith("//"):
            address = f"https:{address}"
        if address:
            width, _, height = str(item.get("resolution") or "").lower().replace("×", "x").partition("x")
            hits.append(
                Hit(
                    address,
                    alternatives=tuple(filter(None, [item.get("thumbnail_src")])),
                    page_url=text(item.get("url"), 2000),
                    title=text(item.get("title")),
                    width=whole_number(width.strip()),
                    height=whole_number(height.strip()),
                )
            )
    return Page(tuple(hits))


class SearXNGSettings(Section):
    """Your own SearXNG instance."""

    table: ClassVar[str] = "searxng"
    endpoint: str = Field("", description="address of the instance, e.g. http://localhost:8888")


class SearXNG(WebProvider):
    """Set `[searxng] endpoint` to your instance; JSON must be among its formats."""

    name: ClassVar[str] = "searxng"
    section: ClassVar[type[Section] | None] = SearXNGSettings
    summary: ClassVar[str] = "your own SearXNG instance, which asks many engines"
    terms: ClassVar[str] = "those of the engines it asks: on your own responsibility"
    docs: ClassVar[str] = "https://docs.searxng.org/dev/search_api.html"
    last_verified: ClassVar[str] = "2026-11-22"

    def search(self, query: Query) -> Iterator[Hit]:
        """Pages until one is empty or brings nothing new."""
        if not self.settings.of(SearXNGSettings).endpoint:
            raise Stop("no-key", "set LOOKALIKE_SEARXNG_ENDPOINT to the address of your instance")
        yield from super().search(query)

    def first(self, query: Query) -> Request:
        """`safesearch` has three steps: 0, 1 and 2."""
        params = {
            "q": query.text,
            "categories": "images",
            "format": "json",
            "pageno": 1,
            "safesearch": 2 if query.safe else 0,
        }
        return Request(f"{self.settings.of(SearXNGSettings).endpoint.rstrip('/')}/search", params)

    def read(self, payload: Any, query: Query) -> Page:
        """A page; another follows unless this one is empty."""
        found = parse(payload)
        kept = tuple(hit for hit in found.hits if large_enough(hit.width, hit.height, query))
        return Page(kept, bool(found.hits) or None)

    def follow(self, request: Request, page: Page) -> Request | None:
        """There is no total: the first empty page is the end."""
        number = int(request.params["pageno"]) + 1
        return request.with_params(pageno=number) if page.more and number <= LAST_PAGE else None

    def explain(self, answer: ServiceAnswer) -> Stop | None:
        """An instance that does not offer JSON refuses with 403."""
        if answer.status == 403:
            return Stop("blocked", "add json to search.formats in the instance's settings.yml")
        return None
