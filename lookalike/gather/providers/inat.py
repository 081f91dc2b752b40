"""iNaturalist: observations of plants and animals, identified by more than one person; needs no key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from lookalike.gather.licences import allows
from lookalike.gather.providers.base import Hit, Page, Query, Request, Stop, large_enough, text, whole_number
from lookalike.gather.providers.reading import UNKNOWN_SHAPE
from lookalike.gather.providers.web import JsonAnswer, WebProvider
from lookalike.settings.fields import Section

PAGE = 200
LAST = 10_000
PER_OBSERVATION = 2
"""Photos of one observation show the same animal: more of them add little, and all belong to one group."""

LICENSES = {
    "any": "cc0,cc-by,cc-by-nc,cc-by-sa,cc-by-nd,cc-by-nc-sa,cc-by-nc-nd",
    "cc": "cc0,cc-by,cc-by-nc,cc-by-sa,cc-by-nd,cc-by-nc-sa,cc-by-nc-nd",
    "commercial": "cc0,cc-by,cc-by-sa,cc-by-nd",
    "modify": "cc0,cc-by,cc-by-nc,cc-by-sa,cc-by-nc-sa",
    "public": "cc0",
}
CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"


def parse_taxa(payload: JsonAnswer, words: str) -> int | None:
    """The species or group meant by some words: an exact name first, else the best known of those offered."""
    offered = payload["results"]
    sound = [item for item in offered if isinstance(item, dict) and whole_number(item.get("id"))]
    names = [(str(item.get("name", "")), str(item.get("preferred_common_name", "")), item["id"]) for item in sound]
    for latin, common, number in names:
        if words.casefold() in (latin.casefold(), common.casefold()):
            return int(number)
    return int(names[0][2]) if names else None


def parse(payload: JsonAnswer) -> Page:
    """The photos of an answer, at most two of an observation; `more` is the number of the next page."""
    hits = []
    for item in payload["results"]:
        for photo in (item.get("photos") or [])[:PER_OBSERVATION]:
            if photo.get("license_code") and photo.get("url"):
                hits.append(_hit(item, photo))
    page, size = whole_number(payload["page"]), whole_number(payload["per_page"]) or PAGE
    more = page * size < min(whole_number(payload["total_results"]), LAST)
    return Page(tuple(hits), page + 1 if more and payload["results"] else None)


def _hit(item: JsonAnswer, photo: JsonAnswer) -> Hit:
    license = text(photo["license_code"])
    size = photo.get("original_dimensions") or {}
    family = license.removeprefix("cc-")
    return Hit(
        _sized(photo["url"], "large"),
        alternatives=(_sized(photo["url"], "medium"),),
        page_url=text(item.get("uri")),
        title=text((item.get("taxon") or {}).get("name")),
        license=license,
        license_url=CC0 if family == "cc0" else f"https://creativecommons.org/licenses/{family}/4.0/",
        creator=text((item.get("user") or {}).get("login")),
        attribution=text(photo.get("attribution")),
        group=f"inat:{item['id']}",
        width=whole_number(size.get("width")),
        height=whole_number(size.get("height")),
    )


class INaturalistSettings(Section):
    """iNaturalist, for species."""

    table: ClassVar[str] = "inat"
    endpoint: str = Field("https://api.inaturalist.org/v1", description="address of the service")


def _sized(url: str, size: str) -> str:
    """The address of a photo in another size: its file is called by the size it has."""
    return re.sub(r"/square(\.[a-z]+(?:\?[^/]*)?)$", rf"/{size}\1", url)


class INaturalist(WebProvider):
    """The name is looked up first; then research-grade observations of wild ones with licensed photos."""

    name: ClassVar[str] = "inat"
    section: ClassVar[type[Section] | None] = INaturalistSettings
    summary: ClassVar[str] = "iNaturalist: species, identified by several people"
    terms: ClassVar[str] = "its terms forbid training for commercial purposes, whatever the photo's licence"
    docs: ClassVar[str] = "https://api.inaturalist.org/v1/docs/"
    last_verified: ClassVar[str] = "2026-11-22"
    restricted: ClassVar[bool] = True
    licenses: ClassVar[bool] = True
    pause: ClassVar[float] = 1.1

    @property
    def endpoint(self) -> str:
        """The address of the service, without a slash at its end."""
        return self.settings.of(INaturalistSettings).endpoint.rstrip("/")

    def search(self, query: Query) -> Iterator[Hit]:
        """Photos of the taxon that the words name."""
        params = {"q": query.text, "per_page": 5}
        answer = self.ask(
            self, Request(f"{self.settings.of(INaturalistSettings).endpoint.rstrip('/')}/taxa/autocomplete", params)
        )
        try:
            self.taxon = parse_taxa(answer, query.text)
        except UNKNOWN_SHAPE as error:
            raise Stop("changed", f"{type(error).__name__} in the answer") from None
        if self.taxon is None:
            raise Stop("no-hits", "no species or group by this name")
        yield from super().search(query)

    def first(self, query: Query) -> Request:
        """Newest first; `photo_license` keeps observations with at least one such photo."""
        params = {
            "taxon_id": self.taxon, "photos": "true", "quality_grade": "research", "captive": "false",
            "photo_license": LICENSES[query.license], "per_page": PAGE, "page": 1, "order_by": "id", "order": "desc",
        }  # fmt: skip
        return Request(f"{self.endpoint}/observations", params)

    def read(self, payload: Any, query: Query) -> Page:
        """A page without photos that are too small or whose own licence does not allow enough."""
        page = parse(payload)
        kept = [
            hit for hit in page.hits
            if large_enough(hit.width, hit.height, query) and allows(hit.license, query.license)
        ]  # fmt: skip
        return Page(tuple(kept), page.more)

    def follow(self, request: Request, page: Page) -> Request | None:
        """Up to 10,000 observations."""
        return None if page.more is None else request.with_params(page=page.more)
