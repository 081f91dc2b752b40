"""Which photos are meant: files, folders, patterns, addresses, lists and bytes become one stream of named photos."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

from lookalike.errors import UnusablePhoto
from lookalike.predict import listfile, stores
from lookalike.project.kinds import HEAD, refusal
from lookalike.project.walk import Found, below
from lookalike.text import without_secrets

if TYPE_CHECKING:
    from lookalike.project.lists import Row

Source = Path | bytes | UnusablePhoto | str  # a str is an address that is still to be fetched
Named = tuple[str, Source]
STDIN = "-"
MAX_STDIN_PHOTO = 100_000_000
PIECE, PIECES = 65_536, 16  # bytes read from standard input at a time, and how many are read ahead


def portions(arguments: list[str], passed: list[Found]) -> Iterator[Iterable[Named]]:
    """Every photo the arguments name, each with the name it is reported under; nothing is read before its turn.

    Each portion is to be answered before the next is asked for: names on standard input come in portions of those
    that are there. Files in folders that are none or are hidden are added to `passed`.
    """
    if STDIN not in arguments:
        yield (named for argument in arguments for named in _argument(argument, passed))
        return
    for argument in arguments:
        if argument == STDIN:
            yield from _stdin(passed)
        else:
            yield _argument(argument, passed)


def count(arguments: Iterable[str]) -> int | None:
    """How many photos that will be, or None when only reading will tell."""
    arguments = list(arguments)
    if STDIN in arguments or any(map(stores.is_store, arguments)):
        return None
    return sum(1 for argument in arguments for _ in _argument(argument, []))


def is_address(text: str) -> bool:
    """Whether a name is a web address and not a file."""
    return text.lower().startswith(("http://", "https://"))


def is_remote(text: str) -> bool:
    """Whether a name is an address, on the web or in a store."""
    return is_address(text) or stores.is_store(text)


def _argument(argument: str, passed: list[Found]) -> Iterator[Named]:
    """What an argument means: of lists and of folders in a store all that is in them."""
    if (rows := listfile.rows(argument)) is not None:
        yield from _rows(rows, without_secrets(argument), passed)
    elif stores.is_store(argument):
        yield from ((without_secrets(address), address) for address in stores.addresses(argument))
    else:
        yield from _one(argument, passed)


def _rows(rows: Iterable[Row], list_name: str, passed: list[Found]) -> Iterator[Named]:
    for row in rows:
        if row.fault:
            yield f"{list_name}#row={row.number}", UnusablePhoto("bad-row", row.fault)
        else:
            yield from _one(row.name, passed)


def _one(argument: str, passed: list[Found]) -> Iterator[Named]:
    """What a row of a list means. An address in a store is one photo: to ask the store about each takes long."""
    argument = _meant(argument)
    if is_remote(argument):
        yield without_secrets(argument), argument
    elif os.path.isdir(argument):  # noqa: PTH112 (a Path raises what some names are refused with)
        yield from walk(Path(argument), passed)
    elif glob.has_magic(argument) and "\0" not in argument and not os.path.lexists(argument):
        yield from _fitting(argument)
    else:
        yield argument, Path(argument)


def _fitting(pattern: str) -> Iterator[Named]:
    found = [name for name in sorted(glob.iglob(pattern, recursive=True)) if Path(name).is_file()]  # noqa: PTH207
    for name in found:
        yield name, Path(name)
    if not found:
        yield pattern, UnusablePhoto("missing", "no file fits this pattern")


def walk(folder: Path, passed: list[Found]) -> Iterator[Named]:
    """Every file below a folder, in name order; what is passed over is added to `passed`."""
    for item in below(folder):
        place = folder / item.file
        if not item.reason:
            yield str(place), place
        elif item.reason == "no-access":
            yield str(place), UnusablePhoto(item.reason, item.detail)
        else:
            passed.append(replace(item, file=str(place)))


def _stdin(passed: list[Found]) -> Iterator[Iterable[Named]]:
    """A photo itself, or a list of files and addresses: one on each line, taken as it comes (or NUL between them:
    find -print0), or a table, JSON or another encoding, taken as a whole.
    """
    stream = sys.stdin.buffer
    head = stream.peek(HEAD)[:HEAD] if hasattr(stream, "peek") else b""
    if head and not refusal(head):
        data = stream.read(MAX_STDIN_PHOTO + 1)
        yield [(STDIN, data if len(data) <= MAX_STDIN_PHOTO else UnusablePhoto("too-large", "more than 100 MB"))]
    elif listfile.is_structured(head):
        yield _rows(listfile.understood(stream.read(), "on standard input"), STDIN, passed)
    else:
        for lines in _as_they_come(stream, b"\0" if b"\0" in head else b"\n"):
            names = (name for line in lines if (name := os.fsdecode(line).strip("\r\n")))
            yield (named for name in names for named in _one(name, passed))


def _meant(name: str) -> str:
    """What a list names, as it stands; where no file is called that, without what other programs put around or behind
    a path, quotes, spaces and more columns, or with Windows' strokes the other way round, if that is one."""
    bare = name.strip().strip("\"'")
    if is_remote(bare) or (bare != name and os.path.lexists(bare) and not os.path.lexists(name)):
        return bare
    if os.path.lexists(name):
        return name
    first = re.split("[,;\t]", bare, maxsplit=1)[0].strip().strip("\"'")
    return next((file for file in (bare.replace("\\", "/"), first) if os.path.isfile(file)), name)  # noqa: PTH113


def _as_they_come(stream: Any, separator: bytes) -> Iterator[list[bytes]]:
    """The lines of a stream, as many at a time as are there: whoever writes one at a time gets an answer to each."""
    pieces: Queue[bytes] = Queue(PIECES)
    Thread(target=_read, args=(stream, pieces), name="stdin", daemon=True).start()
    rest, ended = b"", False
    while not ended:
        there = [pieces.get()]
        while not pieces.empty():
            there.append(pieces.get())
        ended = not there[-1]
        *lines, rest = (rest + b"".join(there)).split(separator)
        yield [*lines, rest] if ended else lines


def _read(stream: Any, pieces: Queue[bytes]) -> None:
    """Put what comes into the queue, and nothing at the end.

    Past what is buffered already it is read from the descriptor: a thread that waits in `stream` holds its lock, and
    Python could not end.
    """
    piece = stream.read1(PIECE)
    try:
        more = partial(os.read, stream.fileno(), PIECE)
    except OSError:  # a stream in memory
        more = partial(stream.read1, PIECE)
    while piece:
        pieces.put(piece)
        piece = more()
    pieces.put(b"")
