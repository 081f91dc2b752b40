"""What a step says while it works and what it hands back; silent unless somebody listens.

Steps never print. They take a `Reporter`, and return a `Result` that knows its JSON form and its readable form
as plain values; only console.py turns either into text on a screen.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Protocol

from lookalike.text import printable


@dataclass(frozen=True)
class Table:
    """Rows for a person to read. Every cell is text; columns named in `right` are aligned to the right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[str, ...] = ()


Block = str | Table


class Result(Protocol):
    """What a command returns: it can be shown to people and written as JSON."""

    kind: ClassVar[str]

    def data(self) -> dict[str, object]:
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


class Logged:
    """Hands all it is told on to another reporter, and keeps it in a text file as well, each line at once.

    What a process says before it is killed is in the file, and `tail -f` shows it as it comes. A file that cannot be
    written is no reason to stop.
    """

    EVERY_SECONDS = 5.0

    def __init__(self, inner: Reporter, path: Path) -> None:
        self.inner, self.path = inner, path

    def write(self, text: str) -> None:
        """One line for the file alone, after the time of day."""
        with suppress(OSError), self.path.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now().astimezone():%H:%M:%S} {printable(text)}\n")

    def note(self, text: str) -> None:
        self.write(text)
        self.inner.note(text)

    def warn(self, text: str) -> None:
        self.write(f"warning: {text}")
        self.inner.warn(text)

    def emit(self, text: str) -> None:
        self.inner.emit(text)

    def confirm(self, question: str) -> bool:
        return self.inner.confirm(question)

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[Task]:
        """Show progress, and write a line at the first step, every few seconds and at the end."""
        with self.inner.task(title, total) as task:
            logged = _LoggedTask(self, task, title, total)
            try:
                yield logged
            finally:
                logged.tell()


class _LoggedTask:
    def __init__(self, log: Logged, inner: Task, title: str, total: int | None) -> None:
        self.log, self.inner, self.title, self.total = log, inner, title, total
        self.done, self.status = 0, ""
        self.started = self.told = time.monotonic()

    def advance(self, steps: int = 1, status: str = "") -> None:
        self.inner.advance(steps, status)
        first = not self.done
        self.done, self.status = self.done + steps, status or self.status
        if first or time.monotonic() - self.told >= self.log.EVERY_SECONDS:
            self.tell()

    def tell(self) -> None:
        self.told = time.monotonic()
        parts = [f"{self.title}: {self.done}" + (f"/{self.total}" if self.total else "")]
        parts += [self.status] if self.status else []
        if self.total and 0 < self.done < self.total:
            parts.append(f"{(self.told - self.started) / self.done * (self.total - self.done):.0f} s left")
        self.log.write(", ".join(parts))
