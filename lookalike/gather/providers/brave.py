"""Brave Search images: an index of its own, up to 200 hits in one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from lookalike.files import JsonObject
from lookalike.gather.providers.base import Hit, Page, Query, Request, Stop, large_enough, text, whole_number
from lookalike.gather.providers.web import JsonAnswer, ServiceAnswer, WebProvider
from lookalike.net.client import retry_after
from lookalike.settings.fields import Section

PAGE = 200
MAX_WORDS = 400


def parse(payload: JsonAnswer) -> Page:
    """The hits of an answer. `url` of a result is the page; the photo's address is in `properties`."""
    hits = []
    for item in payload["results"]:
        properties = item.get("properties") or {}
        if address := properties.get("url"):
            thumbnail = (item.get("thumbnail") or {}).get("src")
            hits.append(
                Hit(
                    address,
                    alternatives=tuple(filter(None, [thumbnail])),
                    page_url=text(item.get("url"), 2000),
                    title=text(item.get("title")),
                    width=whole_number(properties.get("width")),
                    height=whole_number(properties.get("height")),
                )
            )
    return Page(tuple(hits))


class BraveSettings(Section):
    """Brave Search."""

    table: ClassVar[str] = "brave"
    endpoint: str = Field("https://api.search.brave.com/res/v1/images/search", description="address of the search")
    country: str = Field("US", description="country to search in, or ALL")


class Brave(WebProvider):
    """There is no second page, no filter for sizes and none for licences."""

    name: ClassVar[str] = "brave"
    section: ClassVar[type[Section] | None] = BraveSettings
    summary: ClassVar[str] = "Brave Search, an index of its own"
    terms: ClassVar[str] = "the standard plan forbids storing and training; a plan with those rights is sold"
    docs: ClassVar[str] = "https://api-dashboard.search.brave.com/app/documentation/image-search"
    last_verified: ClassVar[str] = "2026-11-22"
    restricted: ClassVar[bool] = True
    keys: ClassVar[tuple[str, ...]] = ("BRAVE_SEARCH_API_KEY",)
    pause: ClassVar[float] = 1.0

    def headers(self) -> dict[str, str]:
        """The key goes into X-Subscription-Token."""
        return {"X-Subscription-Token": self.key}

    def first(self, query: Query) -> Request:
        """Spelling is left alone: a name must not be rewritten to a more common one."""
        params = {
            "q": query.text[:MAX_WORDS],
            "count": PAGE,
            "search_lang": "en",
            "country": self.settings.of(BraveSettings).country,
            "safesearch": "strict" if query.safe else "off",
            "spellcheck": "false",
        }
        return Request(self.settings.of(BraveSettings).endpoint, params)

    def read(self, payload: Any, query: Query) -> Page:
        """The page without the photos that are known to be too small."""
        return Page(tuple(hit for hit in parse(payload).hits if large_enough(hit.width, hit.height, query)))

    def explain(self, answer: ServiceAnswer) -> Stop | None:
        """A refused key comes as 422; a month's quota and a second's limit both come as 429."""
        payload = answer.payload if isinstance(answer.payload, dict) else {}
        error: JsonObject = payload["error"] if isinstance(payload.get("error"), dict) else {}
        code = str(error.get("code", ""))
        meta: dict[str, object] = error["meta"] if isinstance(error.get("meta"), dict) else {}
        if answer.status == 422:
            return Stop("bad-key" if code.startswith("SUBSCRIPTION_TOKEN") else "bad-request", text(code))
        if answer.status != 429:
            return None
        month_over, wait = self._limits(answer.headers)
        quota = whole_number(meta.get("quota_limit"))
        used = whole_number(meta.get("quota_current", quota))
        if month_over or (month_over is None and quota and used >= quota):
            return Stop("quota", "the quota of this month is used up")
        return Stop("rate-limited", text(code), retry_after(answer.headers) or wait)

    @staticmethod
    def _limits(headers: Mapping[str, str]) -> tuple[bool | None, float | None]:
        """Whether the month is over (None: not told), and the seconds until the limit for the second is lifted.

        Headers hold numbers for both: `X-RateLimit-Remaining: 0, 1234`, `X-RateLimit-Reset: 1, 1209600`. A plan that
        is paid by the call has no limit for the month, and says `X-RateLimit-Limit: 50, 0`.
        """
        limit, left, reset = (
            [part.strip() for part in headers.get(f"X-RateLimit-{name}", "").split(",")]
            for name in ("Limit", "Remaining", "Reset")
        )
        endless = len(limit) > 1 and limit[-1] == "0"
        over = left[-1] == "0" and not endless if len(left) > 1 else None
        return over, float(reset[0]) if reset[0].isdecimal() else None
