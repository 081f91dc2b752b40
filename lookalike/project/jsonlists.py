"""What a JSON document, or JSON lines, list: itself, a list somewhere in it, lists by label, or columns of a table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from lookalike.project.walk import part_of
from lookalike.text import json_value

WRAPPERS = ("data", "item", "image", "photo", "result", "value")


class ListError(ValueError):
    """A list that is not understood; the message says why."""


def plain(column: object) -> str:
    """The name of a column without what people write differently: case, spaces, dashes and underscores."""
    return re.sub(r"[\W_]+", "", str(column)).casefold()


def named(item: Mapping[str, Any], columns: Sequence[str]) -> str:
    """What the best of these columns says in an object; "" where none is text."""
    values = {plain(key): value for key, value in item.items()}
    return next((values[name] for name in columns if isinstance(values.get(name), str) and values[name]), "")


def items(text: str, columns: Sequence[str]) -> list[object] | None:
    """The items of a document or of JSON lines, each as it stands or as a ListError; None when the text is neither.

    Raises ListError for a document that lists nothing.
    """
    for written in (text, re.sub(r",\s*([\]}])", r"\1", text)):  # people leave a comma after the last item
        try:
            data = json_value(written)
        except (ValueError, RecursionError):
            continue
        return _Document(columns).items(data)
    return _lines(text)


def _lines(text: str) -> list[object] | None:
    """JSON lines; a line that is none becomes a row with that fault. None when most are none."""
    found: list[object] = []
    for line in filter(str.strip, re.split(r"\r\n|\n|\r", text)):
        try:
            found.append(json_value(line.rstrip().removesuffix(",")))
        except (ValueError, RecursionError):
            found.append(ListError("not JSON"))
    wrong = sum(isinstance(item, ListError) for item in found)
    return found if wrong * 2 < len(found) else None


class _Document:
    """One document; `columns` are the names that the wanted value may have, best first."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = columns

    def items(self, data: object) -> list[object]:
        """What it lists, in its order. Raises ListError."""
        if isinstance(data, list):
            return self._table(data)
        if not isinstance(data, dict) or named(data, self.columns):
            return [data]
        if isinstance(data.get("columns"), list) and isinstance(data.get("data"), list):
            return self._table([data["columns"], *data["data"]])
        if columns := self._columns(data):
            return columns
        lists = {key: value for key, value in data.items() if isinstance(value, list)}
        inner = [value for value in data.values() if isinstance(value, dict)]
        if len(inner) == len(data) > 1 and all(map(part_of, data)):
            return self._by_side(data)
        if not lists and self._count(inner):
            return list(data.values())  # by numbers or names of their own
        held = {key: [*chain(*_lists_in(value))] for key, value in data.items()}
        if len(inner) == len(data) > 1 and all(items and all(map(self._names, items)) for items in held.values()):
            return self._by_label(held)
        fullest = max(_lists_in(data), key=lambda found: (self._count(found), _objects(found)), default=[])
        wrapper = len(lists) == 1 and plain(next(iter(lists))).rstrip("s") in (*self.columns, *WRAPPERS)
        if wrapper or not lists or any(isinstance(item, dict) for each in lists.values() for item in each):
            if not fullest:
                raise ListError("a JSON object without a list in it")
            return self._table(fullest)
        return self._by_label(lists)

    def _by_side(self, data: Mapping[str, object]) -> list[object]:
        """What each side of a set lists, as rows that tell it."""
        rows = ((side, item) for side, inner in data.items() for item in self.items(inner))
        return [{"split": side, **item} if isinstance(item, dict) else item for side, item in rows]

    def _by_label(self, lists: Mapping[str, list[object]]) -> list[object]:
        """Names, or objects that hold one, by their label."""
        return [
            {"label": label, **_flat(item)} if isinstance(item, dict) else {self.columns[0]: item, "label": label}
            for label, items in lists.items()
            for item in items
        ]

    def _count(self, found: Sequence[object]) -> int:
        return sum(isinstance(item, dict) and bool(named(_flat(item), self.columns)) for item in found)

    def _names(self, item: object) -> bool:
        """Whether an item of a list says where a photo is."""
        if isinstance(item, str):
            return "/" in item or "." in item
        return isinstance(item, dict) and bool(named(_flat(item), self.columns))

    def _table(self, rows: list[object]) -> list[object]:
        """Rows whose first names the columns as objects; others as they are."""
        head = rows[0] if rows else None
        if not isinstance(head, list) or not any(plain(cell) in self.columns for cell in head):
            return [_flat(item) if isinstance(item, dict) else item for item in rows]
        return [dict(zip(map(str, head), row, strict=False)) if isinstance(row, list) else row for row in rows[1:]]

    def _columns(self, data: Mapping[str, Any]) -> list[object]:
        """The rows of a table that is kept by its columns, each a list, or an object by the numbers of the rows."""
        cells = {
            key: list(value.values()) if isinstance(value, dict) else value
            for key, value in data.items()
            if isinstance(value, (list, dict))
        }
        alike = len({len(each) for each in cells.values()}) == 1 and len(cells) > 1
        if not alike or not any(plain(key) in self.columns for key in cells):
            return []
        return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]


def _flat(item: Mapping[str, Any]) -> dict[str, Any]:
    """An object with what is inside its objects: `_source` of search engines, `value` of SPARQL's answers."""
    flat: dict[str, Any] = {}
    for key, value in item.items():
        if isinstance(value, dict) and isinstance(value.get("value"), str):
            flat[key] = value["value"]
        elif isinstance(value, dict):
            flat = {**value, **flat}
        else:
            flat[key] = value
    return flat


def _objects(found: Sequence[object]) -> int:
    return sum(isinstance(item, dict) for item in found)


def _lists_in(data: object) -> Iterator[list[object]]:
    """All lists of a document that are in no other list, however deep."""
    left = [data]
    while left:
        value = left.pop()
        if isinstance(value, list):
            yield value
        elif isinstance(value, dict):
            left += reversed(value.values())
