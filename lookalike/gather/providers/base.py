"""What a provider is: something that turns a question into hits, a page at a time, and says why it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

from lookalike.errors import UnusablePhoto
from lookalike.gather.providers import reading
from lookalike.gather.providers.reading import text, whole_number
from lookalike.settings.fields import Section, Settings
from lookalike.text import without_user

__all__ = ["text", "whole_number"]


@dataclass(frozen=True)
class Query:
    """One question: the words to search for, for which label, and what is acceptable.

    `license` is any, cc, commercial, modify or public; `min_size` is the shortest side in pixels; `want` is how many
    photos are still missing, a hint for the page size.
    """

    label: str
    text: str
    want: int = 150
    safe: bool = True
    license: str = "any"
    min_size: int = 1
    type: str = "any"


@dataclass(frozen=True)
class Hit:
    """A photo that may be worth fetching, and what is known about it. `address` identifies it for all time.

    `alternatives` are further addresses of the same photo, tried in order. A photo that is on this machine already
    has `content`, which reads its bytes, and may have a `place`: its path below images/.
    With `sha256`, only these very bytes will do. With a `fault`, there is nothing to fetch: a row of a list or an item
    of an answer that makes no sense, to be counted. No address keeps a name or password: they would stand in the
    manifest, which is shared, and none is sent to anyone.
    """

    address: str
    alternatives: tuple[str, ...] = ()
    page_url: str = ""
    title: str = ""
    license: str = ""
    license_url: str = ""
    creator: str = ""
    attribution: str = ""
    group: str = ""
    width: int = 0
    height: int = 0
    content: Callable[[], bytes] | None = field(default=None, compare=False)
    place: str = ""
    sha256: str = ""
    fault: UnusablePhoto | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in ("address", "page_url", "license_url"):
            object.__setattr__(self, name, without_user(getattr(self, name)))
        object.__setattr__(self, "alternatives", tuple(map(without_user, self.alternatives)))


class Stop(Exception):
    """A provider gives nothing more. `reason` is one of OUTCOMES."""

    def __init__(self, reason: str, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after


OUTCOMES: dict[str, str] = {
    "enough": "all photos wanted were found",
    "exhausted": "it has no more",
    "endless": "its answers come to no end",
    "no-hits": "it knows nothing by this name",
    "bad-request": "it did not understand the question",
    "no-key": "it needs a key",
    "bad-key": "it refused the key",
    "rate-limited": "it asked us to slow down",
    "quota": "the quota of the key or address is used up",
    "blocked": "it refuses to answer this machine",
    "retired": "the service has ended",
    "unreachable": "it could not be reached",
    "changed": "its answer has an unknown shape",
    "no-extra": "an optional package is missing",
}


def in_words(reason: str, detail: str = "") -> str:
    """Why a provider stopped, as a phrase for the table."""
    words = OUTCOMES.get(reason, reason)
    return f"{words}: {detail}" if detail else words


FEWEST_PAGES, PHOTOS_A_PAGE = 20, 5
"""How many pages of a search are read: as many as give the photos wanted when one page brings five, and twenty more."""

FOR_THIS_QUESTION = frozenset({"enough", "exhausted", "endless", "no-hits", "bad-request"})
"""Outcomes that say nothing about the next question; after any other the provider is not asked again in this run."""


@dataclass(frozen=True)
class Request:
    """One call of a search service, without any secret: it names the answer in the cache."""

    url: str
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Mapping[str, object] | None = None

    def with_params(self, **changes: object) -> Request:
        """The same request with other parameters."""
        return replace(self, params={**self.params, **changes})


@dataclass(frozen=True)
class Page:
    """One answer, understood: its hits, and whatever the provider needs to ask for the next page (None: no more)."""

    hits: tuple[Hit, ...]
    more: Any = None


@dataclass(frozen=True)
class ServiceAnswer:
    """A service's refusal: status, headers and body, for `explain`."""

    status: int
    headers: Mapping[str, str]
    payload: object
    text: str = ""


JsonAnswer = Mapping[str, Any]
"""An object in the JSON of a service's answer: anything may stand in it, so each part is checked where it is read."""

Ask = Callable[["WebProvider", Request], Any]


class Provider(Protocol):
    """What gather needs of a provider. The class attributes fill the table of `lookalike providers`.

    `keys` lists the environment variables that may hold the key, in order; empty when none is needed. `secrets` are
    the keys themselves. `licenses` says whether --license can be honoured; `local`, that photos come from this
    machine and are taken as they are; `whole`, that all of it is wanted when no --count is given; `restricted`, that
    its terms must be told when it is used.

    It may have `contact`, why the service wants to know whom to write to; `connections`, how many at the same time
    its sites allow; and a class method `reread` like LocalProvider's (local.py), without which a photo is fetched
    again from its address.
    """

    name: ClassVar[str]
    section: ClassVar[type[Section] | None]
    summary: ClassVar[str]
    terms: ClassVar[str]
    docs: ClassVar[str]
    last_verified: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]
    licenses: ClassVar[bool]
    local: ClassVar[bool]
    whole: ClassVar[bool]
    restricted: ClassVar[bool]

    def __init__(self, settings: Settings, env: Mapping[str, str], ask: Ask) -> None: ...

    @property
    def secrets(self) -> list[str]:
        """The keys that the environment holds for this provider; they never appear in what is said or kept."""

    def labels(self) -> list[str]:
        """The labels it has by itself, for a gather without names; usually none."""

    def search(self, query: Query) -> Iterator[Hit]:
        """Hits for a question, as they are needed. Raises Stop with the reason when there are no more."""


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
        """The same, of an answer that may say anything. Raises Stop."""
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


def large_enough(width: int, height: int, query: Query) -> bool:
    """Whether a photo may be large enough; unknown sizes pass and are measured after the download."""
    return not (width and height) or min(width, height) >= query.min_size
