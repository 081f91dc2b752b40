"""What the crew keeps count of: labels under way, and the single fetches that serve them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from lookalike.errors import UnusablePhoto
from lookalike.gather.search import Candidate
from lookalike.project.records import ImageRecord


@dataclass
class Wanted:
    """One label under way. `goal` photos in all, `had` of them before; `flying` are being fetched, `late` slowly."""

    label: str
    goal: int
    had: int
    source: Iterator[Candidate]
    take_all: bool = False
    saved: int = 0
    withdrawn: int = 0
    found: int = 0
    known: int = 0
    flying: int = 0
    late: int = 0
    ended: bool = False
    reasons: Counter[str] = field(default_factory=Counter)
    held: Candidate | None = None
    errands: set[Errand] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    files: list[str] = field(default_factory=list)
    lost: list[ImageRecord] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Photos it has now."""
        return self.had + self.saved - self.withdrawn

    @property
    def lacking(self) -> int:
        """How many more fetches are worth starting now: those that take long are not counted on."""
        return self.goal - self.total - self.flying + self.late

    @property
    def complete(self) -> bool:
        """Whether it has all it wants, whatever is still under way."""
        return not self.take_all and self.total >= self.goal


@dataclass(eq=False)
class Errand:
    """One candidate on its way: the address being tried, those still left, and how often this one was tried.

    `since` is when a thread first took it; 0 while it waits for its turn.
    """

    wanted: Wanted
    candidate: Candidate
    address: str
    left: deque[str]
    tries: int = 0
    fault: UnusablePhoto | None = None
    since: float = 0.0
