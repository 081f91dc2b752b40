"""What a provider is: something that turns a question into hits, a page at a time, and says why it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from lookalike.errors import UnusablePhoto
from lookalike.gather.providers.reading import text, whole_number
from lookalike.settings.fields import Section, Settings
from lookalike.text import without_user

if TYPE_CHECKING:
    from lookalike.gather.providers.web import WebProvider

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


Ask = Callable[["WebProvider", Request], Any]
"""How a provider has a call made, see api.py; those that ask nobody leave it."""


class Provider(Protocol):
    """What gather needs of a provider. The class attributes fill the table of `lookalike providers`.

    `keys` lists the environment variables that may hold the key, in order; empty when none is needed. `secrets` are
    the keys themselves. `licenses` says whether --license can be honoured; `local`, that photos come from this
    machine and are taken as they are; `whole`, that all of it is wanted when no --count is given; `restricted`, that
    its terms must be told when it is used.

    It may have `asked(names)`, which is told the names that were typed, if any, before anything else; `unnamed`, what
    to say and to do where neither they nor its own labels say what is wanted; `contact`, why the service wants to know
    whom to write to; `connections`, how many at the same time its sites allow; and a class method `reread` like
    LocalProvider's (local.py), without which a photo is fetched again from its address.
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


def large_enough(width: int, height: int, query: Query) -> bool:
    """Whether a photo may be large enough; unknown sizes pass and are measured after the download."""
    return not (width and height) or min(width, height) >= query.min_size
