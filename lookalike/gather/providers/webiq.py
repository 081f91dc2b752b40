"""Microsoft Web IQ images, the successor of Bing's API: 30 hits a call, no second page: the question is varied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from lookalike.gather.providers.base import Hit, Page, Query, Request, Stop, large_enough, text, whole_number
from lookalike.gather.providers.web import JsonAnswer, ServiceAnswer, WebProvider
from lookalike.settings.fields import Section

PAGE = 30
FEW = 3
"""A variant that adds fewer new hits than this is the last one."""

VARIANTS: tuple[dict[str, str], ...] = (
    {},
    {"aspectRatio": "square"}, {"aspectRatio": "tall"}, {"aspectRatio": "wide"},
    {"imageSize": "large"}, {"imageSize": "medium"}, {"imageSize": "extraLarge"},
    {"region": "GB"}, {"region": "CA"}, {"region": "AU"}, {"region": "IN"},
)  # fmt: skip


def parse(payload: JsonAnswer) -> Page:
    """The hits of an answer; any field of one may be null."""
    hits = [
        Hit(
            item["url"],
            alternatives=tuple(filter(None, [item.get("thumbnailUrl")])),
            page_url=text(item.get("hostPageUrl"), 2000),
            title=text(item.get("title") or item.get("caption")),
            width=whole_number(item.get("width")),
            height=whole_number(item.get("height")),
        )
        for item in payload["imageResults"]
        if item.get("url")
    ]
    return Page(tuple(hits))


class WebIQSettings(Section):
    """Microsoft Web IQ, the successor of Bing's API."""

    table: ClassVar[str] = "webiq"
    endpoint: str = Field("https://api.microsoft.ai/v3/search/images", description="address of the search")
    region: str = Field("US", description="country to search in")


class WebIQ(WebProvider):
    """Each variant of a question is one paid call; they are asked only as long as photos are missing."""

    name: ClassVar[str] = "webiq"
    listed: ClassVar[tuple[str, ...]] = ("imageResults",)
    section: ClassVar[type[Section] | None] = WebIQSettings
    summary: ClassVar[str] = "Microsoft Web IQ, the successor of Bing's API"
    terms: ClassVar[str] = "its terms of use decide whether photos may be kept and learnt from: read them first"
    docs: ClassVar[str] = "https://learn.microsoft.com/web-iq"
    last_verified: ClassVar[str] = "2026-11-22"
    restricted: ClassVar[bool] = True
    keys: ClassVar[tuple[str, ...]] = ("WEBIQ_API_KEY",)

    def headers(self) -> dict[str, str]:
        """The key goes into x-apikey."""
        return {"x-apikey": self.key}

    def first(self, query: Query) -> Request:
        """Unknown fields are refused by the service, so only documented ones are sent."""
        body = {
            "query": query.text[:1000],
            "maxResults": PAGE,
            "language": "en",
            "region": self.settings.of(WebIQSettings).region,
            "safeSearch": "strict" if query.safe else "off",
            "minWidth": query.min_size,
            "minHeight": query.min_size,
        }
        return Request(self.settings.of(WebIQSettings).endpoint, json=body)

    def read(self, payload: Any, query: Query) -> Page:
        """A page without the photos that are known to be too small."""
        return Page(tuple(hit for hit in parse(payload).hits if large_enough(hit.width, hit.height, query)))

    def search(self, query: Query) -> Iterator[Hit]:
        """The question, then its variants, until one of them brings hardly anything new."""
        seen: set[str] = set()
        for variant in VARIANTS:
            new = 0
            for hit in self._one(query, variant):
                if hit.address not in seen:
                    seen.add(hit.address)
                    new += 1
                    yield hit
            if new < FEW:
                break
        raise Stop("exhausted" if seen else "no-hits")

    def _one(self, query: Query, variant: Mapping[str, str]) -> Iterator[Hit]:
        if not self.key:
            raise Stop("no-key", f"set {self.keys[0]}")
        request = self.first(query)
        payload = self.ask(self, Request(request.url, json={**(request.json or {}), **variant}))
        yield from self.understand(payload, query).hits

    def explain(self, answer: ServiceAnswer) -> Stop | None:
        """The wait is in the body, as "60s"; 430 means too many calls at the same time."""
        payload = answer.payload if isinstance(answer.payload, dict) else {}
        if answer.status in (429, 430):
            seconds = duration(payload.get("retryAfter"))
            return Stop("rate-limited", text(payload.get("userMessage") or payload.get("errorCode")), seconds)
        if answer.status in (400, 415):
            return Stop("bad-request", text(payload.get("userMessage") or payload.get("errorCode")))
        return None


def duration(value: object) -> float | None:
    """Seconds from "60s", "PT1M30S" or a number; None from anything else."""
    if isinstance(value, (int, float)):
        return float(value)
    found = re.fullmatch(r"(?:PT)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S?)?", str(value or "").strip().upper())
    if not found or not any(found.groups()):
        return None
    return 60.0 * float(found[1] or 0) + float(found[2] or 0)
