"""Wikimedia Commons: free photos with named authors; needs no key, wants to know who asks."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field

from lookalike.gather.licences import allows
from lookalike.gather.providers.base import Hit, Page, Query, Request, Stop, large_enough, text, whole_number
from lookalike.gather.providers.web import JsonAnswer, ServiceAnswer, WebProvider
from lookalike.net.client import retry_after
from lookalike.settings.fields import Section

WIDTH = 960
"""One of the widths that the thumbnail server makes; any other is refused there."""

METADATA = "LicenseShortName|LicenseUrl|Artist|Credit|AttributionRequired|UsageTerms"
ENDED = {"ratelimited": "rate-limited", "maxlag": "rate-limited", "blocked": "blocked", "readonly": "unreachable"}


def parse(payload: JsonAnswer) -> Page:
    """The hits of an answer in their order; `more` is everything that the service wants back for the next page."""
    if "query" not in payload and "batchcomplete" not in payload and "continue" not in payload:
        raise KeyError("query")
    pages = payload.get("query", {}).get("pages", [])
    hits = [
        _hit(page) for page in sorted(pages, key=lambda page: whole_number(page.get("index"))) if page.get("imageinfo")
    ]
    return Page(tuple(hits), payload.get("continue") or None)


def _hit(page: JsonAnswer) -> Hit:
    info = page["imageinfo"][0]
    meta = {name: _plain(entry.get("value")) for name, entry in (info.get("extmetadata") or {}).items()}
    original = _address(info["url"])
    thumbnail = _address(info.get("thumburl") or "")
    small = whole_number(info.get("width")) <= WIDTH
    return Hit(
        original if small or not thumbnail else thumbnail,
        page_url=text(info.get("descriptionurl"), 2000),
        title=text(page.get("title")).removeprefix("File:"),
        license=meta.get("LicenseShortName", ""),
        license_url=meta.get("LicenseUrl", ""),
        creator=meta.get("Artist", ""),
        attribution=meta.get("Credit", ""),
        width=whole_number(info.get("width")),
        height=whole_number(info.get("height")),
    )


def _plain(value: Any) -> str:
    """Text out of the HTML that authors and credits are written in."""
    return text(html.unescape(re.sub(r"<[^>]*>", " ", str(value or ""))))


def _address(url: str) -> str:
    """Without the utm_… that some answers carry among what they ask for."""
    parts = urlsplit(url)
    asked = parts.query.split("&") if parts.query else []
    kept = [one for one in asked if not one.startswith("utm_")]
    return parts._replace(query="&".join(kept)).geturl() if kept != asked else url


class CommonsSettings(Section):
    """Wikimedia Commons."""

    table: ClassVar[str] = "commons"
    endpoint: str = Field("https://commons.wikimedia.org/w/api.php", description="address of the search")


class Commons(WebProvider):
    """Thumbnails 960 pixels wide: originals are large, and refused to programs when asked for in number."""

    name: ClassVar[str] = "commons"
    listed: ClassVar[tuple[str, ...]] = ("query", "pages")
    section: ClassVar[type[Section] | None] = CommonsSettings
    summary: ClassVar[str] = "Wikimedia Commons: free photos with named authors"
    terms: ClassVar[str] = "each photo has its own free licence; keep licence and credit"
    docs: ClassVar[str] = "https://www.mediawiki.org/wiki/API:Search"
    last_verified: ClassVar[str] = "2026-11-22"
    licenses: ClassVar[bool] = True
    pause: ClassVar[float] = 0.25
    contact: ClassVar[str] = "Wikimedia slows down the unnamed"
    connections: ClassVar[Mapping[str, int]] = {"wikimedia.org": 2}

    def first(self, query: Query) -> Request:
        """Bitmaps only, with a smallest size; the words are the user's own."""
        words = f"filetype:bitmap filew:>={query.min_size} fileh:>={query.min_size} {query.text}"
        if query.type == "photo":
            words = f"filemime:image/jpeg {words}"
        params = {
            "action": "query", "format": "json", "formatversion": 2, "generator": "search", "gsrnamespace": 6,
            "gsrlimit": 50, "gsroffset": 0, "gsrsearch": words, "prop": "imageinfo",
            "iiprop": "url|size|mime|mediatype|extmetadata", "iiextmetadatafilter": METADATA, "iiurlwidth": WIDTH,
        }  # fmt: skip
        return Request(self.settings.of(CommonsSettings).endpoint, params)

    def read(self, payload: Any, query: Query) -> Page:
        """A page without what is too small or whose licence does not allow enough."""
        page = parse(payload)
        kept = [
            hit for hit in page.hits
            if large_enough(hit.width, hit.height, query) and allows(hit.license, query.license)
        ]  # fmt: skip
        return Page(tuple(kept), page.more)

    def follow(self, request: Request, page: Page) -> Request | None:
        """Everything in `continue` goes back as it came."""
        return None if page.more is None else replace(request, params={**request.params, **page.more})

    def explain(self, answer: ServiceAnswer) -> Stop | None:
        """Errors come with status 200; a 403 means that the User-Agent names nobody to write to."""
        error = answer.payload.get("error") if isinstance(answer.payload, dict) else None
        if isinstance(error, dict):
            code = text(error.get("code"))
            told = f"{code}: {text(error.get('info'))}"
            return Stop(ENDED.get(code, "bad-request"), told, retry_after(answer.headers))
        if answer.status == 403:
            return Stop("blocked", "set LOOKALIKE_NETWORK_CONTACT to a page or an e-mail address of yours")
        return None
