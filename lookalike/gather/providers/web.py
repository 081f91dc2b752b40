"""A search service that is asked page by page: what all of them share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from lookalike.errors import UnusablePhoto
from lookalike.gather.providers import reading
from lookalike.gather.providers.base import Ask, Hit, Page, Query, Request, Stop
from lookalike.settings.fields import Section, Settings

FEWEST_PAGES, PHOTOS_A_PAGE = 20, 5
"""How many pages of a search are read: as many as give the photos wanted when one page brings five, and twenty more."""


@dataclass(frozen=True)
class ServiceAnswer:
    """A service's refusal: status, headers and body, for `explain`."""

    status: int
    headers: Mapping[str, str]
    payload: object
    text: str = ""


JsonAnswer = Mapping[str, Any]
"""An object in the JSON of a service's answer: anything may stand in it, so each part is checked where it is read."""


class WebProvider:
    """A search service that is asked page by page. Subclasses say how to ask and how to read an answer."""

    name: ClassVar[str]
    section: ClassVar[type[Section] | None] = None
    keys: ClassVar[tuple[str, ...]] = ()
    optional_keys: ClassVar[tuple[str, ...]] = ()
    licenses: ClassVar[bool] = False
    local: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    restricted: ClassVar[bool] = False
    listed: ClassVar[tuple[str, ...]] = ("results",)  # where in an answer the list of photos is
    pause: ClassVar[float] = 0.0
    """Seconds between the starts of two calls."""

    def __init__(self, settings: Settings, env: Mapping[str, str], ask: Ask) -> None:
        self.settings = settings
        self.env = env
        self.ask = ask

    def labels(self) -> list[str]:
        """A search has no labels of its own."""
        return []

    @property
    def key(self) -> str:
        """The key from the environment, or nothing."""
        return next((self.env[name] for name in self.keys if self.env.get(name)), "")

    @property
    def secrets(self) -> list[str]:
        """Whatever must never be written anywhere."""
        return [self.env[name] for name in (*self.keys, *self.optional_keys) if self.env.get(name)]

    def headers(self) -> dict[str, str]:
        """Headers of every call; the only place for a key besides `secret_params`."""
        return {}

    def secret_params(self) -> dict[str, str]:
        """Parameters that carry a key and so stay out of the cache."""
        return {}

    def sign_in(self) -> tuple[str, dict[str, str]] | None:
        """Where, and with which form, an id and a secret are to be traded for a token first; None: nowhere."""
        return None

    def signed_in(self, payload: object) -> None:
        """Take the token from the answer to `sign_in`. May raise KeyError or TypeError on an unknown shape."""

    def call(self, request: Request) -> object:
        """Answer a request without the network's help (a package that asks by itself); None: go to its address."""
        return None

    def first(self, query: Query) -> Request:
        """The call for the first page."""
        raise NotImplementedError

    def read(self, payload: object, query: Query) -> Page:
        """An answer as a page. May raise KeyError, TypeError, ValueError or AttributeError on an unknown shape."""
        raise NotImplementedError

    def understand(self, payload: object, query: Query) -> Page:
        """`read`, with an unknown shape as a reason to stop; items that make no sense become hits with a fault."""
        odd: list[tuple[str, str]] = []
        try:
            try:
                page = self._checked(payload, query)
            except reading.UNKNOWN_SHAPE:
                payload, odd = reading.split(payload, self.listed, lambda one: self._checked(one, query))
                page = self._checked(payload, query)
        except reading.UNKNOWN_SHAPE as error:
            raise Stop("changed", f"{type(error).__name__} in the answer") from None
        faults = (Hit(f"{self.name}:odd/{name}", fault=UnusablePhoto("odd-item", why)) for name, why in odd)
        return replace(page, hits=(*page.hits, *faults))

    def _checked(self, payload: object, query: Query) -> Page:
        page = self.read(payload, query)
        for hit in page.hits:
            if not all(isinstance(url, str) for url in (hit.address, *hit.alternatives)):
                raise TypeError("an address that is no text")
        return page

    def _next(self, request: Request, page: Page) -> Request | None:
        """What `follow` says, of an answer in which anything may stand. Raises Stop."""
        try:
            return self.follow(request, page)
        except reading.UNKNOWN_SHAPE as error:
            raise Stop("changed", f"what to ask for its next page: {type(error).__name__}") from None

    def follow(self, request: Request, page: Page) -> Request | None:
        """The call for the page after this one."""
        return None

    def explain(self, answer: ServiceAnswer) -> Stop | None:
        """Why a service refused; None leaves it to the general reading of the status."""
        return None

    def spent(self, headers: Mapping[str, str]) -> Stop | None:
        """Whether a good answer's headers say that it was the last one allowed."""
        return None

    def search(self, query: Query) -> Iterator[Hit]:
        """All pages, each address once; ends with Stop."""
        if self.keys and not self.key:
            raise Stop("no-key", f"set {' or '.join(self.keys)}")
        request: Request | None = self.first(query)
        seen: set[str] = set()
        pages, most = 0, FEWEST_PAGES + query.want // PHOTOS_A_PAGE
        while request is not None:
            if (pages := pages + 1) > most:
                raise Stop("endless", f"{most} pages were read for {query.want} photos")
            page = self.understand(self.ask(self, request), query)
            fresh = [hit for hit in page.hits if hit.address not in seen]
            seen.update(hit.address for hit in fresh)
            yield from fresh
            # a page of known hits means that the service runs in a circle; one whose hits were all filtered does not
            request = self._next(request, page) if fresh or not page.hits else None
        raise Stop("exhausted" if seen else "no-hits")
