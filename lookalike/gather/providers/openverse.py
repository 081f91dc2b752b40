"""Openverse: openly licensed photos from many collections; needs no key."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urljoin

from pydantic import Field

from lookalike.gather.providers.base import Hit, Page, Query, Request, Stop, large_enough, text, whole_number
from lookalike.gather.providers.web import JsonAnswer, ServiceAnswer, WebProvider
from lookalike.settings.fields import Section

LICENSES = {
    "cc": {"license_type": "all-cc"},
    "commercial": {"license_type": "commercial"},
    "modify": {"license_type": "modification"},
    "public": {"license": "cc0,pdm"},
}
MAX_WORDS = 200
MARGIN = 60.0
"""Seconds before its end that a token is no longer used."""


def parse(payload: JsonAnswer) -> Page:
    """The hits of an answer; `more` is the number of the next page, when there is one."""
    hits = []
    for item in payload["results"]:
        if address := item.get("url"):
            hits.append(
                Hit(
                    address,
                    alternatives=tuple(filter(None, [item.get("thumbnail")])),
                    page_url=text(item.get("foreign_landing_url"), 2000),
                    title=text(item.get("title")),
                    license=text(f"{item.get('license') or ''} {item.get('license_version') or ''}"),
                    license_url=text(item.get("license_url")),
                    creator=text(item.get("creator")),
                    attribution=text(item.get("attribution"), 600),
                    width=whole_number(item.get("width")),
                    height=whole_number(item.get("height")),
                )
            )
    page, pages = whole_number(payload.get("page")), whole_number(payload.get("page_count"))
    return Page(tuple(hits), page + 1 if payload["results"] and page < pages else None)


class OpenverseSettings(Section):
    """Openverse, the default search."""

    table: ClassVar[str] = "openverse"
    endpoint: str = Field("https://api.openverse.org/v1/images/", description="address of the search")


class Openverse(WebProvider):
    """Pages of 20, or of 50 with a token; about 240 hits for a question at most."""

    name: ClassVar[str] = "openverse"
    section: ClassVar[type[Section] | None] = OpenverseSettings
    summary: ClassVar[str] = "openly licensed photos from Flickr, museums and more"
    terms: ClassVar[str] = "each photo has its own open licence; stay inside the quota"
    docs: ClassVar[str] = "https://api.openverse.org/v1/"
    last_verified: ClassVar[str] = "2026-11-22"
    licenses: ClassVar[bool] = True
    optional_keys: ClassVar[tuple[str, ...]] = ("OPENVERSE_TOKEN", "OPENVERSE_CLIENT_ID", "OPENVERSE_CLIENT_SECRET")
    _traded: str = ""
    _until: float = 0.0

    @property
    def token(self) -> str:
        """An access token, which raises the quota fifty times; optional. Those given out live for half a day."""
        return self._traded or self.env.get("OPENVERSE_TOKEN", "")

    @property
    def secrets(self) -> list[str]:
        """The token traded for the id and the secret, too."""
        return [*super().secrets, *filter(None, [self._traded])]

    @property
    def _account(self) -> dict[str, str]:
        """The id and the secret that a registration gave, when both are there; they go before a token."""
        names = {"client_id": "OPENVERSE_CLIENT_ID", "client_secret": "OPENVERSE_CLIENT_SECRET"}
        found = {field: self.env.get(name, "") for field, name in names.items()}
        return found if all(found.values()) else {}

    def sign_in(self) -> tuple[str, dict[str, str]] | None:
        """A token, when there is an account: for this run, and another one when it has run out."""
        if not self._account or (self._traded and time.monotonic() < self._until):
            return None
        address = urljoin(self.settings.of(OpenverseSettings).endpoint, "../auth_tokens/token/")
        return address, {"grant_type": "client_credentials", **self._account}

    def signed_in(self, payload: Any) -> None:
        """The token is for this run only: it is written nowhere."""
        self._traded = str(payload["access_token"])
        self._until = time.monotonic() + whole_number(payload.get("expires_in", 3600)) - MARGIN

    def headers(self) -> dict[str, str]:
        """The token, when there is one."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def first(self, query: Query) -> Request:
        """There is no parameter for the smallest size: `read` looks at it."""
        params: dict[str, object] = {
            "q": query.text[:MAX_WORDS],
            "page": 1,
            "page_size": 50 if self.token or self._account else 20,
            "mature": "false" if query.safe else "true",
            **LICENSES.get(query.license, {}),
        }
        if query.type == "photo":
            params["category"] = "photograph"
        return Request(self.settings.of(OpenverseSettings).endpoint, params)

    def read(self, payload: Any, query: Query) -> Page:
        """A page without the photos that are known to be too small."""
        page = parse(payload)
        return Page(tuple(hit for hit in page.hits if large_enough(hit.width, hit.height, query)), page.more)

    def follow(self, request: Request, page: Page) -> Request | None:
        """There is no link to the next page, only its number."""
        return None if page.more is None else request.with_params(page=page.more)

    def explain(self, answer: ServiceAnswer) -> Stop | None:
        """A 401 here is about the page size, unless a token was sent; a page beyond the last is the end."""
        if answer.status == 401:
            return Stop("bad-key", "the token was refused") if self.token else Stop("bad-request", _detail(answer))
        if answer.status == 404:
            return Stop("exhausted")
        return Stop("bad-request", _detail(answer)) if answer.status == 400 else None

    def spent(self, headers: Mapping[str, str]) -> Stop | None:
        """Every answer tells what is left of the day."""
        for name, value in headers.items():
            low = name.lower()
            if low.startswith("x-ratelimit-available-") and low.endswith("_sustained") and value.strip() == "0":
                return Stop(
                    "quota",
                    "no calls are left today; a free account (OPENVERSE_CLIENT_ID and _SECRET) allows 50 times as many",
                )
        return None


def _detail(answer: ServiceAnswer) -> str:
    return text(answer.payload.get("detail") if isinstance(answer.payload, dict) else "")
