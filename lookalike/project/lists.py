"""Lists as people have them: text, CSV with any delimiter, JSON or JSON lines, in any encoding, told by their content.

A row that cannot be used comes back with the reason and does not cost the others; a list that makes no sense as a
whole raises ListError, which says what it seems to be.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lookalike.project import csvlists, jsonlists
from lookalike.project.encodings import text_of
from lookalike.project.jsonlists import ListError, named, plain

__all__ = ("ListError", "Row", "is_header", "plain", "read")

DELIMITERS = ",;\t|"
ADDRESSES = (
    "imageurl", "contenturl", "imgurl", "photoimageurl", "url", "address", "photourl", "originalurl", "link", "uri",
    "src", "identifier", "cocourl", "flickrurl",
)  # fmt: skip
"""Names of columns that hold the address of a photo, as `plain` writes them, best first."""

FILES = ("file", "filename", "filepath", "path", "photo", "image", "imagepath", "imagename", "img", "filenames")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://|data:|//[^/\s]|[\w.-]+(?:\.[a-z]{2,}|:\d+)/", re.IGNORECASE)
SCHEME = re.compile(r"https?://", re.IGNORECASE)
AMONG = re.compile(r"[\"'\s]*[,;\s][\"'\s]*(?=https?://)", re.IGNORECASE)
PHOTO_END = re.compile(r"\.(?:jpe?g|png|webp|gif|bmp|tiff?|avif|hei[cf])$", re.IGNORECASE)
FILE_END = re.compile(r"\.\w{2,5}$")
SEPARATOR = re.compile(r"\s*sep=([^\w\"])\s*", re.IGNORECASE)
BULLET = re.compile(r"\s*(?:[-*+•]|\d+[.)])\s+(?=\w+://)")
_QUOTES = "\"'<>“”„«»‘’`"


@dataclass(frozen=True)
class Row:
    """One row: its number from 1, what it names, its other columns by their `plain` names, and why it is unusable;
    `written` are the names of columns as they are."""

    number: int
    name: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    fault: str = ""
    written: Mapping[str, str] = field(default_factory=dict)


def is_header(line: str) -> bool:
    """Whether a line names the columns of a table, one of them a file or an address, or says what is between them."""
    if SEPARATOR.fullmatch(line):
        return True
    cells = max((next(csv.reader([line.rstrip("\r")], delimiter=mark)) for mark in DELIMITERS), key=len)
    return any(plain(cell) in (*FILES, *ADDRESSES) for cell in cells)


def read(data: bytes, columns: Sequence[str] = ADDRESSES, *, addresses: bool = True) -> list[Row]:
    """The rows of a list. `columns` are the names that the column may have, best first; with `addresses`, what it
    holds are web addresses, which are told by themselves and may stand in quotes. Raises ListError.
    """
    text = text_of(data).lstrip("\ufeff")
    reader = _Reader(columns, addresses)
    lines = [line for line in re.split(r"\r\n|\n|\r", text) if line.strip() and not line.startswith("#")]
    if addresses and all(map(BULLET.match, lines)):
        lines = [BULLET.sub("", line, count=1) for line in lines]
    rows = reader.from_json(text) if text.lstrip()[:1] in ("[", "{") else None
    rows = reader.from_table(lines) if rows is None else rows
    rows = reader.from_lines(lines) if rows is None else rows
    if not rows:
        raise ListError("it is empty")
    if addresses and not any(ADDRESS.match(row.name) for row in rows):
        found = SCHEME.search(text)
        why = "what stands beside its addresses is not told" if found else "nothing in it looks like an address"
        raise ListError(f"{why}; it begins with {lines[0][:60]!r}")
    return rows


class _Reader:
    """One list being read; its rows are numbered as an editor numbers its lines."""

    def __init__(self, columns: Sequence[str], addresses: bool) -> None:
        self.columns, self.addresses = columns, addresses

    def row(self, number: int, name: str, values: Mapping[str, object] | None = None) -> Row:
        """A row, with a fault when it names nothing."""
        name = _bare(name) if self.addresses else name
        written = {plain(column): column for column in values or ()}
        found = {plain(column): value for column, value in (values or {}).items()}
        return Row(number, name, found, "" if name.strip() else "the row names none", written)

    def from_lines(self, lines: Sequence[str]) -> list[Row]:
        """A name on each line; or several addresses, with commas or spaces between them."""
        rows = []
        for number, line in enumerate(lines, start=1):
            names = [line]
            if self.addresses and len(SCHEME.findall(line)) > 1:
                bare = line.strip(" \t[](),;") if line.lstrip()[0] in "[(" else line
                names = AMONG.split(bare) if ADDRESS.match(_bare(bare)) else names
            rows += [self.row(number, name) for name in names]
        return rows

    def from_json(self, text: str) -> list[Row] | None:
        """The rows of a JSON document or of JSON lines; None when it is neither."""
        items = jsonlists.items(text, self.columns)
        if items is None:
            return None
        self.columns = self._json_columns(items)
        return [self._json_row(number, item) for number, item in enumerate(items, start=1)]

    def _json_columns(self, items: Sequence[object]) -> Sequence[str]:
        """The names of columns, or where no object has one of them the only one that holds addresses."""
        objects = [item for item in items if isinstance(item, dict)]
        if not self.addresses or any(named(item, self.columns) for item in objects):
            return self.columns
        cells = ((plain(key), value) for item in objects for key, value in item.items())
        holding = dict.fromkeys(key for key, value in cells if isinstance(value, str) and ADDRESS.match(value))
        return tuple(holding) if len(holding) == 1 else self.columns

    def _json_row(self, number: int, item: object) -> Row:
        if isinstance(item, str):
            return self.row(number, item)
        if isinstance(item, ListError):
            return Row(number, fault=str(item))
        if not isinstance(item, dict):
            return Row(number, fault="neither text nor an object")
        return self.row(number, named(item, self.columns), item)

    def from_table(self, lines: Sequence[str]) -> list[Row] | None:
        """The rows of a table with a header, or of two columns without one; None when the lines are no table."""
        if not lines:
            return None
        told = SEPARATOR.fullmatch(lines[0])
        lines, delimiters = (lines[1:], told[1]) if told and len(lines) > 1 else (lines, DELIMITERS)
        heads = {mark: next(csv.reader([lines[0]], delimiter=mark)) for mark in delimiters}
        known = [mark for mark in delimiters if any(plain(cell) in self.columns for cell in heads[mark])]
        if not known and self._is_title(lines, delimiters):
            below = self.from_table(lines[1:]) or []
            return [replace(row, number=row.number + 1) for row in below]
        if known:
            mark = max(known, key=lambda mark: len(heads[mark]))
            names = [plain(cell) for cell in heads[mark]]
            place = names.index(next(name for name in self.columns if name in names))
            return self._rows(csvlists.cells(lines[1:], mark, len(names)), heads[mark], place, mark)
        if not self.addresses:
            return self._unknown_header(lines, heads)
        if not any(ADDRESS.match(_bare(cell)) for cells in heads.values() for cell in cells):
            return self._unknown_header(lines, heads) or self._spaced(lines)
        return self._without_header(lines)

    def _is_title(self, lines: Sequence[str], delimiters: str) -> bool:
        """Whether the first of the lines says what the table is about, and its header stands below."""
        if len(lines) < 3:
            return False
        heads = [next(csv.reader([line], delimiter=mark)) for mark in delimiters for line in lines[:2]]
        if any(ADDRESS.match(_bare(cell)) or FILE_END.search(cell.strip()) for head in heads for cell in head):
            return False
        return any(len(head) > 1 and any(plain(cell) in self.columns for cell in head) for head in heads[1::2])

    def _rows(
        self, table: Iterable[list[str]], names: Sequence[str], place: int, mark: str, first: int = 2
    ) -> list[Row]:
        rows = []
        for number, cells in enumerate(table, start=first):
            if not any(cell.strip(" \t:-") for cell in cells):
                continue  # spreadsheets write rows of nothing, and Markdown one of lines
            last = place == len(names) - 1  # an address may hold the delimiter
            name = mark.join(cells[place:]) if last else "".join(cells[place : place + 1])
            rows.append(self.row(number, name, dict(zip(names, cells, strict=False))))
        return rows

    def _unknown_header(self, lines: Sequence[str], heads: Mapping[str, list[str]]) -> list[Row] | None:
        """A table whose header names no column we know: the one that holds addresses, or nothing but names of photos,
        is meant. Raises ListError."""
        for mark, head in sorted(heads.items(), key=lambda item: -len(item[1])):
            table = csvlists.cells(lines[1:], mark, len(head))
            holding = [place for place in range(len(head)) if self._holds(table, place)]
            is_head = len(head) > 1 and not any(PHOTO_END.search(head[place].strip()) for place in holding)
            if is_head and len(holding) == 1:
                return self._rows(table, head, holding[0], mark)
            if is_head and len(holding) > 1 and self.addresses:
                several = ", ".join(repr(head[place]) for place in holding)
                raise ListError(f"the columns {several} all hold addresses, and none is called 'url'")
        return None

    def _holds(self, table: Sequence[Sequence[str]], place: int) -> bool:
        """Whether a column holds what is looked for."""
        column = [row[place] if place < len(row) else "" for row in table]
        if self.addresses:
            return any(ADDRESS.match(_bare(cell)) for cell in column)
        return bool(column) and all(PHOTO_END.search(cell.strip()) for cell in column)

    def _without_header(self, lines: Sequence[str]) -> list[Row] | None:
        """Addresses with a label before or after them; None unless most lines are such pairs, the others halves.

        Columns of nothing but numbers may stand beside these two.
        """
        for mark in "\t;|,":
            table = csvlists.cells(lines, mark, 2)
            for place in (0, 1):
                whole = [row for row in table if len(row) != 2 or all(map(str.strip, row))]
                pairs = all(len(row) == 2 and _is_pair(row[place], row[1 - place], mark) for row in whole)
                if pairs and len(whole) * 2 > len(table):
                    names = ("url", "label") if place == 0 else ("label", "url")
                    return self._rows(table, names, place, mark, first=1)
            if len(table[0]) > 2 and {len(row) for row in table} == {len(table[0])}:
                columns = [
                    "url" if all(ADDRESS.match(_bare(cell)) for cell in column)
                    else "" if all(cell.strip().isdecimal() for cell in column)
                    else "label"
                    for column in zip(*table, strict=True)
                ]  # fmt: skip
                if columns.count("url") == columns.count("label") == 1:
                    return self._rows(table, columns, columns.index("url"), mark, first=1)
        return self._spaced(lines)

    def _spaced(self, lines: Sequence[str]) -> list[Row] | None:
        """Pairs of an address and a label with spaces between them; None unless all lines are such."""
        for turned in (False, True):
            table = [line.rsplit(None, 1)[::-1] if turned else line.split(None, 1) for line in lines]
            if all(
                len(row) == 2 and _is_pair(row[0], row[1].strip(), " ") and re.search(r"[^\W\d]", row[1])
                for row in table
            ):
                return self._rows(table, ("url", "label"), 0, " ", first=1)
        return None


def _bare(text: str) -> str:
    """An address without the quotes or brackets around it, of which one may be missing, and what stands there unseen;
    and without the comma after a quote, where a program's list was copied line by line."""
    return re.sub(rf"(?<=[{_QUOTES}])[,;]$", "", text.strip()).strip(f"{_QUOTES} \t\xa0\u200b\ufeff")


def _is_pair(address: str, label: str, mark: str) -> bool:
    """Whether these are an address and a label, and not two halves of an address with a delimiter in it."""
    halves = mark != "\t" and re.search(r"[/?=&%#]|\.\w{2,5}$", label)
    return bool(ADDRESS.match(_bare(address)) and label.strip() and not halves and not SCHEME.search(label))
