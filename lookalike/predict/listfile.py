"""A file that lists photos, named as an argument: text with a name on each line, a table, JSON, or Parquet.

It is told by the end of its name and by its content: a photo called `x.txt` is a photo. Plain text and Parquet are read
as they are needed, however long; tables and JSON as a whole.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lookalike.errors import ConfigError, LookalikeError, NetworkError, in_words
from lookalike.predict import stores
from lookalike.project.kinds import HEAD, refusal
from lookalike.text import without_secrets

if TYPE_CHECKING:
    from lookalike.project.lists import Row

SUFFIXES = (".txt", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
EXPECTED = "expected: a file or an address on each line, CSV with a column `file` or `url`, JSON, or Parquet"
PARQUET = b"PAR1"
AT_A_TIME = 10_000


def rows(argument: str) -> Iterator[Row] | None:
    """The rows of a list, or None when the argument is none. Raises ConfigError, NetworkError, MissingExtraError."""
    if not argument.lower().endswith(SUFFIXES) or not (stores.is_store(argument) or os.path.isfile(argument)):  # noqa: PTH113
        return None
    from lookalike.project import encodings
    from lookalike.project.jsonlists import ListError

    with contextlib.closing(_opened(argument)) as file:
        head = file.read(HEAD)
    if not head or not refusal(head):
        return None
    if head.startswith(PARQUET):
        return _parquet(argument)
    try:
        encodings.text_of(head)
    except ListError:
        return None  # as a photo it gets the reason why it is none
    return _whole(argument) if is_structured(head) else _lines(argument)


def is_structured(head: bytes) -> bool:
    """Whether a list is more than a name on each line. What is the name of a file is that."""
    first = os.fsdecode(re.split(rb"[\r\n]", head.lstrip(), maxsplit=1)[0]).strip()
    if not first or os.path.lexists(first):
        return False
    from lookalike.project import encodings, lists  # load csv and json, which one photo on disk does without here

    return encodings.is_marked(head) or first[0] in "[{" or lists.is_header(first)


def understood(data: bytes, name: str) -> list[Row]:
    """The rows of a table or of JSON. Raises ConfigError, which names it."""
    from lookalike.project import lists

    try:
        rows = lists.read(data, (*lists.FILES, *lists.ADDRESSES), addresses=False)
        return rows if any(os.path.lexists(row.name) for row in rows) else list(map(_by_address, rows))
    except lists.ListError as error:
        raise ConfigError(f"the list {name} is not understood: {in_words(error)}", EXPECTED) from None


def _by_address(row: Row) -> Row:
    """The same by its address, if it has one: what is called `photo` may be words about it."""
    from lookalike.project import lists

    said = (row.values.get(name) for name in lists.ADDRESSES)
    address = next((text for text in said if isinstance(text, str) and lists.SCHEME.match(text.strip())), "")
    return replace(row, name=address.strip(), fault="") if address else row


def _opened(argument: str) -> IO[bytes]:
    if not stores.is_store(argument):
        return Path(argument).open("rb")
    try:
        return stores.stream(argument)
    except LookalikeError:
        raise
    except Exception as error:  # each store has its own; what they say may hold keys
        told = f"the list {without_secrets(argument)} cannot be read: {type(error).__name__}"
        raise NetworkError(told, "see that the address and the store's keys in the environment are right") from None


def _whole(argument: str) -> Iterator[Row]:
    with contextlib.closing(_opened(argument)) as file:
        yield from understood(file.read(), without_secrets(argument))


def _lines(argument: str) -> Iterator[Row]:
    from lookalike.project.lists import Row

    with contextlib.closing(_opened(argument)) as file:
        for number, line in enumerate(_divided(file), 1):
            if name := os.fsdecode(line).strip("\r\n"):
                yield Row(number, name)


def _divided(file: IO[bytes]) -> Iterator[bytes]:
    """The names of a list as they are divided in it: by line ends, those of old Macs too, or by NUL as `find` does."""
    for line in file:
        yield from re.split(rb"[\0\r]", line) if b"\0" in line or b"\r" in line.rstrip(b"\r\n") else [line]


def _parquet(argument: str) -> Iterator[Row]:
    """The column of files or addresses, or the only one of text."""
    from pyarrow.parquet import ParquetFile

    from lookalike.project.lists import Row

    with contextlib.closing(_opened(argument)) as file:
        try:
            table = ParquetFile(file)
            column, number = _column(table.schema_arrow, argument), 0
            for batch in table.iter_batches(AT_A_TIME, columns=[column]):
                for name in batch.column(0).to_pylist():
                    number += 1
                    yield Row(number, name) if name else Row(number, fault="the row names none")
        except (ValueError, OSError) as error:  # pyarrow's own are both
            told = f"the list {without_secrets(argument)} is not understood: {type(error).__name__}"
            raise ConfigError(told, EXPECTED) from None


def _column(schema: Any, argument: str) -> str:
    """Which column names the photos. Raises ConfigError."""
    from lookalike.project import lists

    text = [field.name for field in schema if "string" in str(field.type)]
    known = {lists.plain(name): name for name in text}
    found = next((known[name] for name in (*lists.FILES, *lists.ADDRESSES) if name in known), "")
    if found or len(text) == 1:
        return found or text[0]
    raise ConfigError(f"the list {without_secrets(argument)} has no column of files or addresses", EXPECTED)
