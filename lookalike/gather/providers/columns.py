"""Which columns of a list or table say what: names that people and programs give them, and what stands in them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from lookalike.gather.providers.reading import text
from lookalike.project import lists

FILES = (*lists.FILES, "imageid", "id")
LABELS = (
    "label", "labels", "labelname", "class", "classname", "category", "categoryname", "target", "y", "species", "breed",
    "tag",
)  # fmt: skip
RANKS = {"kingdom", "phylum", "order", "family", "genus", "scientificname"}
"""Columns beside which a class is one of biology, such as that of all insects."""

CAPTIONS = ("text", "caption", "captions", "description", "alt", "alttext", "prompt")
"""What a photo shows in a sentence, as lists for other purposes have it: no label, however often it stands there."""

SPLITS = ("split", "part", "subset", "set")
WORDS = {
    "license": ("license", "licence", "licensename"), "license_url": ("licenseurl", "licenceurl"),
    "creator": ("creator", "author", "photographer"), "attribution": ("attribution", "credit"), "title": ("title",),
    "page_url": ("source", "pageurl", "sourceurl", "url", "imageurl", "originalurl", "flickrurl", "cocourl"),
    "group": ("group",),
}  # fmt: skip
"""What a manifest keeps, and the columns that may hold it as `lists.plain` writes them, best first."""

SIZES = ("width", "height")
NO_LABELS = frozenset((*FILES, *CAPTIONS, *SIZES, *(name for names in WORDS.values() for name in names)))
_MARKS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}


def label_columns(names: Collection[str]) -> list[str]:
    """Those of a table's columns that are called as labels are, best first: no class of biology, where a species may be
    told, and no y that stands beside an x."""
    no = {"class"} if RANKS & set(names) else set()
    no |= {"y"} if "x" in names else set()
    return [name for name in LABELS if name in names and name not in no]


def label_of(values: Mapping[str, object], more: Iterable[str] = ()) -> tuple[str, str]:
    """What the first column says that says something of a label, 0 included, or one of `more`; and what is wrong with
    that."""
    columns = (*label_columns(values), *more)
    value = next((values[name] for name in columns if values.get(name) not in (None, "")), "")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return ("", "its label is no text") if isinstance(value, (list, dict)) else (text(str(value)), "")


def named(rows: Sequence[lists.Row], names: Iterable[str]) -> list[lists.Row]:
    """The same with labels as they were typed; where no column is called so, of the one in which most of the names that
    were asked for stand."""
    wanted = {_alike(name): name for name in names}
    known = label_columns({name for row in rows for name in row.values})
    found = Counter(known[:1]) or Counter(
        column for row in rows for column, value in row.values.items()
        if column not in NO_LABELS and isinstance(value, (str, int)) and _alike(str(value)) in wanted
    )  # fmt: skip
    if not found or not wanted:
        return list(rows)
    own = found.most_common(1)[0][0]
    said = [label_of(row.values)[0] if known else row.values.get(own) for row in rows]
    labels = [wanted.get(_alike(str(value)), value) for value in said]
    return [replace(row, values={**row.values, "label": label}) for row, label in zip(rows, labels, strict=True)]


def marked(rows: Sequence[lists.Row]) -> tuple[str, ...]:
    """The columns that are labels themselves, where each row has a 1 in one of them and a 0 in the others."""
    said = [row.values for row in rows if not row.fault]
    names = [name for name in (said[0] if said else ()) if name and name not in (*NO_LABELS, *LABELS, *SPLITS)]
    columns = [name for name in names if all(_mark(values.get(name)) is not None for values in said)]
    once = all(sum(bool(_mark(values[name])) for name in columns) == 1 for values in said)
    return tuple(columns) if len(columns) > 1 and once else ()


def mark_of(row: lists.Row, columns: Iterable[str]) -> str:
    """Which of the columns that are labels has the 1, as it is written."""
    return next((row.written.get(name, name).strip() for name in columns if _mark(row.values.get(name))), "")


def unknown(rows: Sequence[lists.Row]) -> list[str]:
    """The columns of which nothing is known, in their order."""
    names = {name: row.written.get(name, name) for row in reversed(rows) for name in row.values}
    return [told for name, told in names.items() if name and name not in NO_LABELS and name not in (*LABELS, *SPLITS)]


def _mark(value: object) -> bool | None:
    return _MARKS.get(str(value).strip().casefold())


def _alike(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())
