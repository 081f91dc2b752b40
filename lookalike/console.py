"""The only file that prints: results on stdout, everything else on stderr, bars only on a terminal.

Whatever a label, a file name or a stranger's text holds, nothing printed here steers the terminal.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import re
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from textwrap import TextWrapper
from typing import TextIO

from lookalike.errors import LookalikeError, NotReadyError
from lookalike.files import JsonObject
from lookalike.report import Result, Table, Task
from lookalike.text import json_text, printable

FORMAT_VERSION = 1


def _give_up(stream: TextIO) -> None:
    """Let what a stream refused to take go nowhere, or the end of the process would try again."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def stand_in_for_closed_streams() -> None:
    """Open what the caller has closed (`<&-`, `>&-`), or the next file opened would take its number and get its text.

    Nothing comes from stdin then, what goes to stderr is lost, and stdout refuses. Letters that a stream's encoding
    lacks are written as in JSON.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115
    codecs.register_error("as-in-json", _as_in_json)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="as-in-json")


def _as_in_json(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    escaped = (json.dumps(error.object[i])[1:-1] for i in range(error.start, error.end))
    return "".join(escaped), error.end


class Console:
    """A Reporter for people and programs. `json` and `quiet` and `debug` are set once the flags are known."""

    def __init__(self) -> None:
        self.json = False
        self.quiet = False
        self.debug = False
        self.unheard = False  # stdout refused
        self._typed: Callable[[str], str] = str
        self.mute = os.environ.get("RANK", "0") != "0"  # of several processes that torchrun started, the first speaks

    def repeat(self, where: Mapping[str, str], commands: Iterable[str]) -> None:
        """From now on, commands that are told to be typed next work in the same place: with these flags and values,
        unless they have them already."""
        pattern = re.compile(rf"\blookalike (?=({'|'.join(commands)})\b)")

        def typed(text: str) -> str:
            missing = "".join(f"{flag} {value} " for flag, value in where.items() if f"{flag} " not in text)
            return pattern.sub(lambda _: f"lookalike {missing}", text)

        self._typed = typed

    @contextmanager
    def _to_whoever_reads(self) -> Iterator[None]:
        """Around what goes to stdout. When the reader (head, less) has gone, there is nobody to tell: BrokenPipeError.

        Raises NotReadyError when it cannot be written: an answer must not be lost in silence.
        """
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            _give_up(sys.stdout)
            self.unheard = True
            reason = "it is closed" if error.errno == errno.EBADF else (error.strerror or str(error)).lower()
            hint = "what was done is kept; send the output elsewhere, or use --quiet"
            raise NotReadyError(f"the output cannot be written: {reason}", hint) from None

    def note(self, text: str) -> None:
        """One line on stderr, unless quiet."""
        if not (self.quiet or self.mute):
            self._aside(text)

    def warn(self, text: str) -> None:
        """A line on stderr that starts with "warning:", unless quiet."""
        self.note(f"warning: {text}")

    def emit(self, text: str) -> None:
        """Output itself, at once. Raises NotReadyError when it cannot be written."""
        with self._to_whoever_reads():
            print("\n".join(map(printable, text.split("\n"))), flush=True)

    def _aside(self, text: str, end: str = "\n") -> None:
        """To stderr; that it cannot be written is no reason to stop."""
        try:
            print(_folded(printable(text), sys.stderr), end=end, file=sys.stderr, flush=True)
        except OSError:
            _give_up(sys.stderr)

    def confirm(self, question: str) -> bool:
        """Ask on the terminal; no when nobody can answer."""
        if self.json or self.quiet or not sys.stdin.isatty():
            return False
        self._aside(f"{question} [y/N] ", end="")
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

    def result(self, result: Result | None) -> None:
        """Print what a command returned. Raises NotReadyError when it cannot be written."""
        if self.mute:
            return
        with suppress(BrokenPipeError), self._to_whoever_reads():
            self._result(result)

    def _result(self, result: Result | None) -> None:
        if self.json:
            kind = result.kind if result else "none"
            self._document({"ok": True, "kind": kind, "data": result.data() if result else {}})
        elif result and not self.quiet:
            self._show(result)

    def error(self, error: LookalikeError, code: int | None = None) -> None:
        """Print why a command stopped: what was done so far, one line, and the next command to type."""
        try:
            with self._to_whoever_reads():
                if self.json and not self.unheard:
                    self._document(_fault(error, code or error.exit_code, self._typed(error.hint)))
                    return
                if error.result and not (self.quiet or self.json):
                    self._show(error.result)
        except BrokenPipeError:  # who reads has seen enough
            return
        except NotReadyError as unwritten:
            self._aside(f"error: {unwritten.message}")
        self._aside(f"error: {error.message}")
        if error.hint:
            self._aside(f"  {self._typed(error.hint)}")

    def _document(self, body: dict[str, object]) -> None:
        print(json_text({"version": FORMAT_VERSION, **body}), flush=True)

    def _show(self, result: Result) -> None:
        room = _room(sys.stdout)
        for block in result.show():
            if isinstance(block, str):
                print(_folded(printable(self._typed(block)), sys.stdout), flush=True)
                continue
            table = _printable(block)
            if room and room < sum(_widths(table)) + 3 * len(table.columns) + 1:
                _print_folded(table)
            else:
                print(_drawn(table), flush=True)


def _fault(error: LookalikeError, code: int, hint: str) -> dict[str, object]:
    """An error as the body of a document, with what was done before."""
    body: dict[str, object] = {"ok": False, "error": {"code": code, "message": error.message, "hint": hint}}
    if error.result:
        body |= {"kind": error.result.kind, "data": error.result.data()}
    return body


def _room(stream: TextIO) -> int | None:
    """Columns of the terminal that a stream ends in, if it does."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def _folded(line: str, stream: TextIO) -> str:
    """The line over as many as the terminal needs to break no word; elsewhere programs read it, as it is."""
    room = _room(stream)
    if not room or len(line) < room:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    wrapper = TextWrapper(room - 1, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return wrapper.fill(line)


def _printable(table: Table) -> Table:
    cells = [tuple(map(printable, cells)) for cells in (table.columns, table.right, *table.rows)]
    return Table(printable(table.title), cells[0], tuple(cells[2:]), cells[1])


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
                fields: JsonObject = {"status": printable(status)} if status else {}
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
