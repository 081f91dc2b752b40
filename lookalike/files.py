"""How every file is written, and how bytes are told apart.

Each write goes to a temporary file in the same folder and is then moved into place, so no half file ever carries a
final name. What a killed process was writing goes when the next one writes in its folder (not on Windows, where files
can't be locked so). Of an artefact of several files, the JSON file that marks it complete is written last.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lookalike.text import CsvWriter, csv_rows

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

JsonObject = dict[str, Any]  # what a JSON file, line or document of ours holds: names, and values of JSON's types
PART = ".part"  # how the name of a file ends that is still being written


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write to the path this gives; when the block ends well it becomes `path`, else it is removed."""
    with about(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent.absolute())
        part, held = _part_of(path)
        try:
            yield part
            part.chmod(0o644)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
            if held is not None:
                os.close(held)


def _part_of(path: Path) -> tuple[Path, int | None]:
    """An empty file to write to, locked as long as the descriptor is open: a process that is killed lets go of it."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=PART)
        if fcntl is None:
            os.close(descriptor)
            return Path(name), None
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return Path(name), descriptor
        os.close(descriptor)  # another process has just taken it for one that was left


_swept: set[Path] = set()


def _sweep(folder: Path) -> None:
    """Remove what killed processes were writing, once for each folder: it may have many files."""
    if fcntl is None or folder in _swept:
        return
    _swept.add(folder)
    for part in folder.glob(f".*{PART}"):
        with suppress(OSError), part.open("rb") as file:  # a folder, or one that is being written
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


@contextmanager
def about(path: Path) -> Iterator[None]:
    """An OSError in the block names the file it is about, which writing doesn't say, and ours have odd names."""
    try:
        yield
    except OSError as error:
        if error.errno and (error.filename is None or str(error.filename).endswith(PART)):
            error.filename = str(path)
        raise


def write_text(path: Path, text: str) -> None:
    """Replace a text file in one step."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file in one step."""
    with replacing(path) as part:
        part.write_bytes(data)


_ADD = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def add_lines(path: Path, lines: Iterable[str]) -> None:
    """Add whole lines to a text file; one that a killed process left torn is closed first.

    Never through a link, which may lead anywhere, as sets and projects come from strangers: raises OSError (ELOOP).
    """
    with about(path), os.fdopen(os.open(path, _ADD, 0o666), "ab+") as file:
        torn = file.tell() and not _ends_with_newline(file.fileno())
        file.write(("\n" * bool(torn) + "".join(f"{line}\n" for line in lines)).encode())


def _ends_with_newline(descriptor: int) -> bool:
    """Whether the open file's last byte is a line end."""
    end = os.lseek(descriptor, -1, os.SEEK_END)
    last = os.read(descriptor, 1)
    os.lseek(descriptor, end + 1, os.SEEK_SET)
    return last == b"\n"


def write_json(path: Path, data: object) -> None:
    """Replace a JSON file in one step. Bytes of a file name that are no text are written as \\udcNN."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    write_text(path, text.encode("utf-8", "backslashreplace").decode() + "\n")


def write_rows(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Replace a CSV file in one step. No cell is a formula to a spreadsheet, and `read_rows` gives back what was given.

    Names of files that are no text are written byte by byte.
    """
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = CsvWriter(file)
        for row in (columns, *rows):
            writer.row(row)


def read_rows(path: Path, needed: Iterable[str] = ()) -> list[dict[str, str]]:
    """The rows of a CSV file that `write_rows` wrote, by column.

    Raises OSError, and ValueError when it is no CSV or lacks one of the `needed` columns.
    """
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        return list(csv_rows(file, needed))


def sha256_file(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
