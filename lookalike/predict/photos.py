"""Which photos are meant: files, folders, patterns, addresses, lists and bytes become one stream of named photos."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from lookalike.errors import UnusablePhoto

Source = Path | bytes | UnusablePhoto | str  # a str is an address that is still to be fetched
Named = tuple[str, Source]
STDIN = "-"
MAX_STDIN_PHOTO = 100_000_000


def expand(arguments: Iterable[str]) -> Iterator[Named]:
    """Every photo the arguments name, each with the name it is reported under; nothing is read before its turn."""
    for argument in arguments:
        if argument == STDIN:
            yield from _stdin()
        else:
            yield from _one(argument)


def count(arguments: Iterable[str]) -> int | None:
    """How many photos that will be, or None when only reading will tell."""
    arguments = list(arguments)
    return None if STDIN in arguments else sum(1 for argument in arguments for _ in _one(argument))


def is_address(text: str) -> bool:
    """Whether a name is a web address and not a file."""
    return text.lower().startswith(("http://", "https://"))


def _one(argument: str) -> Iterator[Named]:
    if is_address(argument):
        yield argument, argument
    elif (path := Path(argument)).is_dir():
        yield from walk(path)
    elif glob.has_magic(argument) and not os.path.lexists(argument):
        yield from _fitting(argument)
    else:
        yield argument, path


def _fitting(pattern: str) -> Iterator[Named]:
    found = [name for name in sorted(glob.iglob(pattern, recursive=True)) if Path(name).is_file()]  # noqa: PTH207
    for name in found:
        yield name, Path(name)
    if not found:
        yield pattern, UnusablePhoto("missing", "no file fits this pattern")


def walk(folder: Path) -> Iterator[Named]:
    """Every file below a folder, in name order; hidden ones, special ones and links to folders are passed over."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield str(folder), UnusablePhoto("no-access", error.strerror or type(error).__name__)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from walk(Path(entry.path))
        elif entry.is_file():
            yield entry.path, Path(entry.path)


def _stdin() -> Iterator[Named]:
    """A photo itself, or a list of files and addresses with one on each line (or NUL between them: find -print0)."""
    from lookalike.photos import images  # loads numpy and Pillow, which one photo on disk does without here

    stream = sys.stdin.buffer
    head = stream.peek(512)[:512] if hasattr(stream, "peek") else b""
    if images.sniff(head) in images.FORMATS:
        data = stream.read(MAX_STDIN_PHOTO + 1)
        yield STDIN, data if len(data) <= MAX_STDIN_PHOTO else UnusablePhoto("too-large", "more than 100 MB")
        return
    for line in _nul_separated(stream.read()) if b"\0" in head else stream:
        if name := os.fsdecode(line).strip("\r\n"):
            yield from _one(name)


def _nul_separated(data: bytes) -> Iterator[bytes]:
    yield from data.split(b"\0")
