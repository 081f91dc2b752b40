"""A list of addresses that the user brings along."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from lookalike.errors import ConfigError, UnusablePhoto, in_words
from lookalike.gather.providers import columns, tables
from lookalike.gather.providers.base import Ask, Hit, Query, Stop, text, whole_number
from lookalike.project import lists
from lookalike.settings.fields import Section, Settings
from lookalike.text import typed

WORDS = ("page_url", "title", "license", "license_url", "creator", "attribution", "group")
BARE = re.compile(r"//[^/\s]|(?![a-z][a-z0-9+-]*:(?!\d))[\w.-]+(?:\.[a-z]{2,}|:\d+)/", re.IGNORECASE)
"""An address that lacks only its scheme: //example.org/x.jpg, example.org/x.jpg, 127.0.0.1:8000/x.jpg."""

EXPECTED = "one address a line, CSV with a column `url`, a JSON array, or JSON lines"


def parse(path: Path, asked: Sequence[str] = ()) -> Iterator[tuple[str, Hit]]:
    """Label (may be empty) and hit for each row of a list, see lists.py; one without an address is a hit with a fault.

    Columns beside the address may be `label`, `page_url`, `title`, `license`, `license_url`, `creator`, `attribution`,
    `group`, `width` and `height`; a label is also what stands in the column of the names that were `asked` for.
    Raises ConfigError when the list cannot be read or makes no sense.
    """
    try:
        if (images := tables.coco(path)) is not None:
            yield from (_image(row, path.name) for row in images)
            return
        rows = _with_labels(lists.read(path.read_bytes()), asked)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", "give --source a file of addresses") from None
    except lists.ListError as error:
        raise ConfigError(f"{path} is not understood as a list: {in_words(error)}", f"expected: {EXPECTED}") from None
    yield from (_hit(row, path.name) for row in rows)


def _image(row: tables.TableRow, file: str) -> tuple[str, Hit]:
    """An image of a COCO document."""
    odd = row.fault or ("" if row.address else "it has no address")
    fault = UnusablePhoto("bad-row", f"{row.row} of {file}: {odd}") if odd else None
    address = row.address or f"{file}#{row.row.replace(' ', '=')}"
    return row.label, replace(Hit(address, fault=fault), **row.words)  # type: ignore[arg-type]


def _with_labels(rows: list[lists.Row], asked: Sequence[str]) -> list[lists.Row]:
    """The same with a label of a column that is not called so: the one in which names stand that were asked for; or the
    other of two, whatever it is called in whatever language, where no column is known for a label or for something
    else and each word of it stands in two rows or more."""
    rows = columns.labelled(rows, asked)
    beside = {name for row in rows for name, value in row.values.items() if value != row.name}
    names = {name for row in rows for name in row.values}
    known = names & {*columns.LABELS, *columns.SIZES} or (beside - {*lists.ADDRESSES}) & columns.NO_LABELS
    if len(names) != 2 or known:
        return rows
    others = [[text(value) for value in row.values.values() if value != row.name] for row in rows]
    words = Counter(other[0] for other in others if len(other) == 1 and other[0])
    if not words or min(words.values()) < 2 or any(map(lists.ADDRESS.match, words)):
        return rows
    return [replace(row, values={"label": (other or [""])[0]}) for row, other in zip(rows, others, strict=True)]


def _hit(row: lists.Row, file: str) -> tuple[str, Hit]:
    label, odd = columns.label_of(row.values)
    if row.fault or odd:
        fault = UnusablePhoto("bad-row", f"row {row.number} of {file}: {row.fault or odd}")
        return label, Hit(f"{file}#row={row.number}", fault=fault)
    address, alternatives = _complete(row.name.replace("&amp;", "&"))
    words = {name: text(row.values.get(lists.plain(name)), 2000) for name in WORDS}
    sizes = {name: whole_number(row.values.get(name)) for name in ("width", "height")}
    return label, replace(Hit(address, alternatives), **words, **sizes)  # type: ignore[arg-type]


def _complete(address: str) -> tuple[str, tuple[str, ...]]:
    """An address as a program needs it: where only the scheme is missing, both are tried."""
    if not BARE.match(address):
        return address, ()
    rest = address.removeprefix("//")
    return f"https://{rest}", (f"http://{rest}",)


class Urls:
    """Reads the file named by --source."""

    name: ClassVar[str] = "urls"
    section: ClassVar[type[Section] | None] = None
    summary: ClassVar[str] = "a list of addresses: text, CSV or JSON (--source FILE)"
    terms: ClassVar[str] = "those of each site"
    docs: ClassVar[str] = ""
    last_verified: ClassVar[str] = "2026-11-22"
    keys: ClassVar[tuple[str, ...]] = ()
    licenses: ClassVar[bool] = False
    local: ClassVar[bool] = False
    whole: ClassVar[bool] = True
    restricted: ClassVar[bool] = False
    connections: ClassVar[Mapping[str, int]] = {"gbif.org": 1}  # which hands out lists of addresses
    secrets: list[str] = []  # noqa: RUF012 - always empty

    def __init__(self, settings: Settings, env: Mapping[str, str], ask: Ask) -> None:
        if settings.gather.source is None:
            raise ConfigError("the provider `urls` needs a file of addresses", "add --source FILE")
        self.owner = ""
        self.source = settings.gather.source.expanduser()
        self.hits: dict[str, list[Hit]] = {}

    def asked(self, names: Sequence[str]) -> None:
        """Read the list. Raises ConfigError."""
        for label, hit in parse(self.source, names):
            self.hits.setdefault(label, []).append(hit)
        way = f"lookalike gather NAME --provider urls --source {typed(self.source)}"
        told = f"no name is given, and {self.source} has no column of labels that is known"
        self.unnamed = told, f"call it `label`, or give all of it one name: {way}"

    def labels(self) -> list[str]:
        """The labels the file names, in their order."""
        return [label for label, hits in self.hits.items() if label and not all(hit.fault for hit in hits)]

    def search(self, query: Query) -> Iterator[Hit]:
        """The lines of this label. Lines without one belong to the only label asked for; in a list of several labels
        they are faults, counted with the first. Raises ConfigError."""
        mine, anyones = self.hits.get(query.label, []), self.hits.get("", [])
        self.owner = self.owner or query.label
        labels = self.labels()
        anyones += [hit for label, hits in self.hits.items() if label not in ("", query.label, *labels) for hit in hits]
        if len(labels) > 1:
            lost = UnusablePhoto("bad-row", "it has no label, and the list has several")
            anyones = [replace(hit, fault=hit.fault or lost) for hit in anyones] if self.owner == query.label else []
        if anyones and self.owner != query.label:
            raise ConfigError(
                f"--source has addresses without a label, and there are several: {self.owner!r}, {query.label!r}",
                "use CSV with the columns url,label, or gather one name at a time",
            )
        yield from mine
        yield from anyones
        if mine or anyones:
            raise Stop("exhausted")
        raise Stop("no-hits", f"it has {', '.join(map(repr, labels[:5]))}" if labels else "")
