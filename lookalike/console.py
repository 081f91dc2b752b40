"""The only file that prints: results on stdout, everything else on stderr, bars only on a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from lookalike.errors import LookalikeError
from lookalike.project.records import json_text
from lookalike.report import Result, Table, Task

FORMAT_VERSION = 1


@contextmanager
def _to_whoever_reads() -> Iterator[None]:
    """Around the last words of a command: when the reader (head, less) has gone, there is nobody to tell."""
    with suppress(BrokenPipeError):
        yield


class Console:
    """A Reporter for people and programs. `json` and `quiet` and `debug` are set once the flags are known."""

    def __init__(self) -> None:
        self.json = False
        self.quiet = False
        self.debug = False
        self.mute = os.environ.get("RANK", "0") != "0"  # of several processes that torchrun started, the first speaks

    def note(self, text: str) -> None:
        """One line on stderr, unless quiet."""
        if not (self.quiet or self.mute):
            print(text, file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """A line on stderr that starts with "warning:", unless quiet."""
        self.note(f"warning: {text}")

    def emit(self, text: str) -> None:
        """Output itself, at once."""
        print(text, flush=True)

    def confirm(self, question: str) -> bool:
        """Ask on the terminal; no when nobody can answer."""
        if self.json or self.quiet or not sys.stdin.isatty():
            return False
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[Task]:
        """A bar on a terminal; elsewhere one line when the work ends and one about every ten seconds of it."""
        if self.quiet or self.mute:
            yield _Lines(title, total, None)
        elif sys.stderr.isatty():
            yield from _bar(title, total)
        else:
            lines = _Lines(title, total, self)
            yield lines
            lines.finish()

    @_to_whoever_reads()
    def result(self, result: Result | None) -> None:
        """Print what a command returned."""
        if self.mute:
            return
        if self.json:
            kind = result.kind if result else "none"
            self._document({"ok": True, "kind": kind, "data": result.data() if result else {}})
        elif result and not self.quiet:
            self._show(result)

    @_to_whoever_reads()
    def error(self, error: LookalikeError, code: int | None = None) -> None:
        """Print why a command stopped: what was done so far, one line, and the next command to type."""
        if self.json:
            fault = {"code": code or error.exit_code, "message": error.message, "hint": error.hint}
            document: dict[str, Any] = {"ok": False, "error": fault}
            if error.result:
                document |= {"kind": error.result.kind, "data": error.result.data()}
            self._document(document)
            return
        if error.result and not self.quiet:
            self._show(error.result)
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr, flush=True)

    def _document(self, body: dict[str, Any]) -> None:
        print(json_text({"version": FORMAT_VERSION, **body}), flush=True)

    def _show(self, result: Result) -> None:
        room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for block in result.show():
            if isinstance(block, str):
                print(block, flush=True)
            elif room and room < sum(_widths(block)) + 3 * len(block.columns) + 1:
                _print_folded(block)
            else:
                print(_drawn(block), flush=True)


def _drawn(table: Table) -> str:
    """A table as `_print_folded` draws it where nothing needs folding; without rich an answer comes 30 ms sooner."""
    widths = _widths(table)
    lines = []
    for row in (table.columns, *table.rows):
        gaps = [" " * (width - _width(cell)) for width, cell in zip(widths, row, strict=True)]
        cells = zip(table.columns, row, gaps, strict=True)
        lines.append("  " + "   ".join(gap + cell if name in table.right else cell + gap for name, cell, gap in cells))
    dash = "─" if "utf" in sys.stdout.encoding.lower() else "-"
    lines.insert(1, " " + dash * (sum(widths) + 3 * len(widths) - 1))
    return "\n".join([*([table.title] if table.title else []), "", *(line.rstrip() for line in lines), ""])


def _widths(table: Table) -> list[int]:
    return [max(map(_width, column)) for column in zip(table.columns, *table.rows, strict=True)]


def _width(text: str) -> int:
    """Columns of a terminal that a text takes: two for each wide letter of East Asia, none for a combining one."""
    if text.isascii():
        return len(text)
    seen = (letter for letter in text if unicodedata.category(letter) not in ("Mn", "Me", "Cf"))
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in seen)


def _print_folded(table: Table) -> None:
    """A table wider than the terminal, with long cells over several lines."""
    from rich import box
    from rich.console import Console as Terminal
    from rich.table import Table as RichTable
    from rich.text import Text

    title = Text(table.title) if table.title else None
    drawn = RichTable(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="", header_style="")
    for column in table.columns:
        drawn.add_column(column, justify="right" if column in table.right else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Terminal(highlight=False).print(drawn)


def _bar(title: str, total: int | None) -> Iterator[Task]:
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(), TextColumn("{task.fields[status]}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=Terminal(stderr=True), transient=False) as progress:
        key = progress.add_task(title, total=total, status="")

        class Bar:
            def advance(self, steps: int = 1, status: str = "") -> None:
                fields: dict[str, Any] = {"status": status} if status else {}
                progress.update(key, advance=steps, **fields)

        yield Bar()


class _Lines:
    """Progress where there is no terminal: a line now and then, so that a log shows life."""

    EVERY_SECONDS = 10.0

    def __init__(self, title: str, total: int | None, console: Console | None) -> None:
        self.title, self.total, self.console = title, total, console
        self.done, self.status, self.last = 0, "", time.monotonic()

    def advance(self, steps: int = 1, status: str = "") -> None:
        self.done += steps
        self.status = status or self.status
        if time.monotonic() - self.last >= self.EVERY_SECONDS:
            self.finish()

    def finish(self) -> None:
        self.last = time.monotonic()
        if self.console:
            of = f"/{self.total}" if self.total else ""
            self.console.note(f"{self.title}: {self.done}{of} {self.status}".rstrip())
