"""Which columns of a list or table say what: names that people and programs give them, and what stands in them."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
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

SPLITS = ("split", "part", "subset", "set", "dataset", "datasetsplit", "partition", "phase", "usage")
WORDS = {
    "license": ("license", "licence", "licensename"), "license_url": ("licenseurl", "licenceurl"),
    "creator": ("creator", "author", "photographer"), "attribution": ("attribution", "credit"), "title": ("title",),
    "page_url": ("source", "pageurl", "sourceurl", "url", "imageurl", "originalurl", "flickrurl", "cocourl"),
    "group": ("group",),
}  # fmt: skip
"""What a manifest keeps, and the columns that may hold it as `lists.plain` writes them, best first."""

SIZES = ("width", "height")
NO_LABELS = frozenset((*FILES, *CAPTIONS, *SIZES, *(name for names in WORDS.values() for name in names)))
_NOTHING = ("", "None", "nan", "NaN", "<NA>")
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
    value = next((values[name] for name in columns if str(values.get(name, "")).strip() not in _NOTHING), "")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return ("", "its label is no text") if isinstance(value, (list, dict)) else (text(str(value)), "")


def labelled(rows: Sequence[lists.Row], asked: Iterable[str], *, guess: bool = True) -> list[lists.Row]:
    """The same with a `label` where one is told, as it was typed: of the column in which most of the names that were
    `asked` for stand, else of one that is called so, else (a `guess`) of those that are labels themselves.

    Raises ListError where two columns may be meant.
    """
    wanted = {_alike(name): name for name in asked}
    own, marks = _column_of(rows, wanted), _marked(rows) if guess else ()
    found = []
    for row in rows:
        label, odd = label_of({"label": row.values.get(own)} if own else row.values)
        label = label or (_mark_of(row, marks) if not odd else "")
        label = wanted.get(_alike(label), label)
        found.append(replace(row, values={**row.values, "label": label}) if label else row)
    return found


def _column_of(rows: Sequence[lists.Row], wanted: Mapping[str, str]) -> str:
    """The column in which most of the wanted names stand; one that is called as labels are before others."""
    names: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for column, value in row.values.items():
            if column not in NO_LABELS and isinstance(value, (str, int)) and (said := _alike(str(value))) in wanted:
                names[column].add(said)
    most = max(map(len, names.values()), default=0)
    best = [column for column, said in names.items() if len(said) == most]
    if known := label_columns(best):
        return known[0]
    if len({tuple(str(row.values.get(column)) for row in rows) for column in best}) > 1:
        written = ", ".join(repr(rows[0].written.get(column, column)) for column in best)
        raise lists.ListError(f"the columns {written} hold these names; call the one that is meant `label`")
    return best[0] if best else ""


def _marked(rows: Sequence[lists.Row]) -> tuple[str, ...]:
    """The columns that are labels themselves, where each row has a 1 in one of them and a 0 in the others, and there is
    nothing else that might tell one."""
    said = [row.values for row in rows if not row.fault]
    names = [name for name in (said[0] if said else ()) if name and name not in (*NO_LABELS, *LABELS, *SPLITS)]
    columns = [name for name in names if not name.endswith("id")]
    once = all([_mark(values.get(name)) for name in columns].count(True) == 1 for values in said)
    marks = all(_mark(values.get(name)) is not None for name in columns for values in said)
    return tuple(columns) if len(columns) > 1 and once and marks else ()


def _mark_of(row: lists.Row, columns: Iterable[str]) -> str:
    """Which of the columns that are labels has the 1, as it is written."""
    return next((row.written.get(name, name).strip() for name in columns if _mark(row.values.get(name))), "")


def unknown(rows: Sequence[lists.Row]) -> list[str]:
    """The columns of which nothing is known, in their order."""
    names = {name: row.written.get(name, name) for row in reversed(rows) for name in row.values}
    return [told for name, told in names.items() if name and name not in NO_LABELS and name not in (*LABELS, *SPLITS)]


def _mark(value: object) -> bool | None:
    return _MARKS.get(str(value).strip().casefold())


def _alike(name: str) -> str:
    """A name without what people and programs write differently."""
    plain = re.sub(r"^(\d+)\.0$", r"\1", unicodedata.normalize("NFC", name).casefold().replace("_", " "))
    return " ".join(plain.split())
