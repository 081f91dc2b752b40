"""Bing Image Search v7: the dialect lives on in private contracts and compatible services."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field

from lookalike.gather.providers.base import Hit, Page, Query, Request, Stop, large_enough, text, whole_number
from lookalike.gather.providers.web import JsonAnswer, ServiceAnswer, WebProvider
from lookalike.settings.fields import Section

LICENSES = {"cc": "Share", "commercial": "ShareCommercially", "modify": "Modify", "public": "Public"}
RETIRED_HOSTS = ("api.bing.microsoft.com", "api.cognitive.microsoft.com")
PAGE = 150
MAX_WORDS = 1500


def parse(payload: JsonAnswer) -> Page:
    """The hits of an answer; `more` is the offset of the next page, when there is one."""
    hits = []
    for item in payload["value"]:
        address = item.get("contentUrl") or ""
        if address:
            hits.append(
                Hit(
                    address,
                    alternatives=tuple(filter(None, [item.get("thumbnailUrl")])),
                    page_url=text(item.get("hostPageUrl"), 2000),
                    title=text(item.get("name")),
                    width=whole_number(item.get("width")),
                    height=whole_number(item.get("height")),
                )
            )
    following, current = payload.get("nextOffset"), payload.get("currentOffset") or 0
    total = payload.get("totalEstimatedMatches")
    ended = following is None or following <= current or (total is not None and following >= total)
    return Page(tuple(hits), None if ended or not payload["value"] else following)


class BingSettings(Section):
    """A service that speaks the Bing Image Search v7 dialect."""

    table: ClassVar[str] = "bing"
    endpoint: str = Field(
        "https://api.bing.microsoft.com/v7.0/images/search",
        description="address of the search",
        json_schema_extra={"env": "BING_SEARCH_V7_ENDPOINT"},
    )
    key_header: str = Field("Ocp-Apim-Subscription-Key", description="header that carries the key")
    market: str = Field("en-US", description="market to search in")


class Bing(WebProvider):
    """One call gives up to 150 hits."""

    name: ClassVar[str] = "bing"
    listed: ClassVar[tuple[str, ...]] = ("value",)
    section: ClassVar[type[Section] | None] = BingSettings
    summary: ClassVar[str] = "a service that speaks the Bing v7 dialect"
    terms: ClassVar[str] = "Microsoft's own terms forbid machine learning and storing; another service has its own"
    docs: ClassVar[str] = "https://learn.microsoft.com/bing/search-apis/bing-image-search/reference/query-parameters"
    last_verified: ClassVar[str] = "2026-11-22"
    restricted: ClassVar[bool] = True
    keys: ClassVar[tuple[str, ...]] = ("BING_SEARCH_V7_SUBSCRIPTION_KEY", "AZURE_SEARCH_KEY", "BING_SEARCH_KEY")
    licenses: ClassVar[bool] = True

    def headers(self) -> dict[str, str]:
        """The key, under the configured name."""
        return {self.settings.of(BingSettings).key_header: self.key}

    def first(self, query: Query) -> Request:
        """`minWidth` and `minHeight` are the documented names; others are ignored by the service without a word."""
        params: dict[str, object] = {
            "q": query.text[:MAX_WORDS],
            "count": PAGE,
            "offset": 0,
            "mkt": self.settings.of(BingSettings).market,
            "safeSearch": "Strict" if query.safe else "Off",
            "minWidth": query.min_size,
            "minHeight": query.min_size,
        }
        if query.type == "photo":
            params["imageType"] = "Photo"
        if query.license in LICENSES:
            params["license"] = LICENSES[query.license]
        return Request(self.settings.of(BingSettings).endpoint, params)

    def read(self, payload: Any, query: Query) -> Page:
        """A page without the photos that are known to be too small."""
        page = parse(payload)
        return Page(tuple(hit for hit in page.hits if large_enough(hit.width, hit.height, query)), page.more)

    def follow(self, request: Request, page: Page) -> Request | None:
        """`nextOffset` and not offset + count: the service skips what it found to be the same."""
        return None if page.more is None else request.with_params(offset=page.more)

    def explain(self, answer: ServiceAnswer) -> Stop | None:
        """The documented error codes; the retired hosts get a plain word."""
        host = urlsplit(self.settings.of(BingSettings).endpoint).hostname or ""
        if host in RETIRED_HOSTS and (answer.status in (0, 401, 403, 404, 410) or answer.status >= 500):
            return Stop("retired", "Microsoft ended it on 2025-08-11; set BING_SEARCH_V7_ENDPOINT to another service")
        errors = answer.payload.get("errors") if isinstance(answer.payload, dict) else None
        first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
        code, sub = first.get("code", ""), first.get("subCode", "")
        if answer.status == 403 and code == "RateLimitExceeded":
            return Stop("quota", "the quota of the key is used up")
        if answer.status in (401, 403):
            return Stop("bad-key", text(sub or code))
        if answer.status == 400:
            return Stop("bad-request", text(f"{sub or code} {first.get('parameter', '')}"))
        if answer.status == 410:
            return Stop("bad-request", "the address must start with https")
        return None
