"""What a step says while it works and what it hands back; silent unless somebody listens.

Steps never print. They take a `Reporter`, and return a `Result` that knows its JSON form and its readable form
as plain values; only console.py turns either into text on a screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol


@dataclass(frozen=True)
class Table:
    """Rows for a person to read. Every cell is text; columns named in `right` are aligned to the right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[str, ...] = ()


Block = str | Table


class Result(Protocol):
    """What a command returns."""

    kind: ClassVar[str]

    def data(self) -> dict[str, Any]:
        """The whole result in JSON types: what `--json` prints under "data"."""

    def show(self) -> Iterable[Block]:
        """A short summary for people: lines of text and tables."""


class Task(Protocol):
    """One stretch of work under way."""

    def advance(self, steps: int = 1, status: str = "") -> None:
        """So many more steps are done; `status` is a few words about now."""


class Reporter(Protocol):
    """Where a step tells what happens."""

    def note(self, text: str) -> None:
        """One line worth knowing."""

    def warn(self, text: str) -> None:
        """One line the user should act on."""

    def emit(self, text: str) -> None:
        """Output itself, ready to print as it comes (predict --jsonl): goes to stdout at once."""

    def confirm(self, question: str) -> bool:
        """Ask yes or no; without a person at the keyboard the answer is no."""

    def task(self, title: str, total: int | None = None) -> AbstractContextManager[Task]:
        """Show progress while the block runs."""


class _SilentTask:
    def advance(self, steps: int = 1, status: str = "") -> None:
        pass


class Silent:
    """The reporter that says nothing: the default everywhere in the library."""

    def note(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    def emit(self, text: str) -> None:
        pass

    def confirm(self, question: str) -> bool:
        return False

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[Task]:
        yield _SilentTask()


SILENT = Silent()
