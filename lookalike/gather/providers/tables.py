"""Tables that say what is on the photos of a folder, as data sets are handed on: metadata.csv or .jsonl beside them
(imagefolder), COCO's JSON of images, annotations and categories, or CSV with a path and a label in each row.

All of it was written by strangers. A name in a table is only looked up among the files that are below the folder, so it
can lead nowhere else; a row that cannot be used is a fault with its reason and costs no other row.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lookalike.gather.providers import columns
from lookalike.gather.providers.reading import text
from lookalike.project import lists
from lookalike.project.jsonlists import named
from lookalike.project.records import Part
from lookalike.project.walk import OURS, part_of
from lookalike.text import json_value

ENDS = (".csv", ".tsv", ".json", ".jsonl")
NAMED = ("metadata.csv", "metadata.jsonl", "metadata.json")


@dataclass(frozen=True)
class TableRow:
    """What a row tells of a photo: its name, its label ("" for none), its side, and words for the manifest; or why the
    row is unusable. `row` is where it stands, in words; `address`, where the photo is on the web."""

    row: str
    name: str = ""
    label: str = ""
    part: Part | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    address: str = ""


def chosen(root: Path, names: Iterable[str], asked: Sequence[str], *, labelled: bool) -> list[str]:
    """The tables among the files below `root`: those called metadata; else COCO's; else, where folders say no labels,
    those of CSV or JSON that give a photo a label, which `read` may know by the names that were `asked` for."""
    beside = [name for name in names if PurePosixPath(name).name not in OURS]
    files = Files(beside)
    named_so = [name for name in beside if PurePosixPath(name).name in NAMED]
    if told := [name for name in named_so if _names_some(root / name, files, guess=not labelled)]:
        return told
    if told := [name for name in beside if name.endswith(".json") and _coco(_document(root / name)) is not None]:
        return told
    tables = [name for name in beside if name.lower().endswith(ENDS) and "submission" not in name.lower()]
    for guess in () if labelled else (False, True):  # what is called a label goes before what may be one
        rows = {name: _quiet(root / name, asked, guess=guess) for name in tables}
        if told := [name for name in tables if any(row.label and _is_there(row.name, files) for row in rows[name])]:
            return told
    return []


def _names_some(path: Path, files: Files, *, guess: bool) -> bool:
    """Whether a table names some of the files, or can't be read, which is told when it is."""
    rows = _quiet(path, (), guess=guess)
    return not rows or any(_is_there(row.name, files) for row in rows)


def _quiet(path: Path, asked: Sequence[str], *, guess: bool) -> list[TableRow]:
    try:
        return read(path, asked, guess=guess)
    except (OSError, lists.ListError):
        return []


def read(path: Path, asked: Sequence[str] = (), *, guess: bool = True) -> list[TableRow]:
    """The rows of a table. The label is in a column that is called so, or in which the names stand that were `asked`
    for; or, a `guess` where folders don't say it, in the other of two columns, or each label has a column.
    Raises OSError, and ListError when it is none."""
    document = _document(path)
    if (found := _coco(document)) is not None:
        return list(found)
    side = part_of(path.stem) or part_of(path.parent.name)
    rows = _rows(path, document)
    if guess and not any(row.values for row in rows):
        rows = _pairs(rows)
    return [_told(row, path.name, side, guess=guess) for row in columns.labelled(rows, asked, guess=guess)]


def _rows(path: Path, document: Any) -> list[lists.Row]:
    """The rows of a file, which may be a JSON document: of the label of each file, or any that lists reads."""
    if isinstance(document, dict) and document and all(map(_names_a_label, *zip(*document.items(), strict=True))):
        said = enumerate(document.items(), start=1)
        return [lists.Row(number, name, {"file": name, "label": label}) for number, (name, label) in said]
    return lists.read(path.read_bytes(), columns.FILES, addresses=False)


def _names_a_label(file: str, label: object) -> bool:
    return bool(lists.FILE_END.search(file)) and isinstance(label, (str, int))


def unknown(path: Path, files: Files) -> list[str]:
    """The columns of a table of which nothing is known; [] where it names none of the files."""
    try:
        rows = _rows(path, _document(path))
    except (OSError, lists.ListError):
        return []
    return columns.unknown(rows) if any(_is_there(row.name, files) for row in rows) else []


def _is_there(name: str, files: Files) -> bool:
    try:
        return bool(files.find(name, ""))
    except LookupError:
        return False


def coco(path: Path) -> list[TableRow] | None:
    """The images of a COCO document; None when the file is none."""
    document = _coco(_document(path))
    return None if document is None else list(document)


def _pairs(rows: list[lists.Row]) -> list[lists.Row]:
    """Rows of two cells without a header: the one that ends like a file is its name. Raises ListError."""
    found = []
    for row in rows:
        mark = max("\t;|,", key=row.name.count)
        first, second = _pair([cell.strip() for cell in row.name.split(mark)])
        fault = row.fault or ("" if first and second else "it has no name and label")
        found.append(lists.Row(row.number, first, {"label": second}, fault))
    if all(row.fault for row in found):
        raise lists.ListError("it has no column of file names, and its rows are no pairs of a name and a label")
    return found


def _pair(cells: list[str]) -> tuple[str, str]:
    """The file and the label of a row without a header, beside which numbers may stand; "" for what is not told."""
    files = [cell for cell in cells if "." in PurePosixPath(cell).name[1:]] or cells[:1]
    others = [cell for cell in cells if cell not in files[:1]]
    others = [cell for cell in others if not cell.isdecimal()] or others
    return (files[0], others[0]) if len(others) == 1 else ("", "")


def _told(row: lists.Row, table: str, side: Part | None, *, guess: bool) -> TableRow:
    where = f"row {row.number} of {table}"
    others: tuple[str, ...] = ()
    if guess and len(row.values) == 2 and not {"label", *columns.SPLITS} & set(row.values):
        others = tuple(name for name in row.values if name not in columns.NO_LABELS)
    label, odd = columns.label_of(row.values, others)
    split = next((part for name in columns.SPLITS if (part := part_of(text(row.values.get(name))))), side)
    return TableRow(where, row.name.strip(), label, split, _words(row.values), row.fault or odd)


def _words(values: Mapping[str, object]) -> dict[str, str]:
    """What a manifest keeps of a row."""
    found = {
        word: next((text(values[name], 2000) for name in names if isinstance(values.get(name), str)), "")
        for word, names in columns.WORDS.items()
    }
    return {word: value for word, value in found.items() if value}


def _document(path: Path) -> Any:
    try:
        return json_value(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _coco(data: Any) -> Iterator[TableRow] | None:
    """The images of a COCO document; None when it is none."""
    needed = ("images", "annotations", "categories")
    if not isinstance(data, dict) or not all(isinstance(data.get(name), list) for name in needed):
        return None
    return _images(data)


def _images(data: Mapping[str, list[Any]]) -> Iterator[TableRow]:
    """One row for each image, and one for each annotation that makes no sense."""
    images, notes, categories, licences = (
        _objects(data.get(name)) for name in ("images", "annotations", "categories", "licenses")
    )
    names = {str(item.get("id")): text(item.get("name")) for item in categories}
    terms = {str(item.get("id")): item for item in licences}
    known = {str(item.get("id")) for item in images}
    labels: dict[str, dict[str, None]] = defaultdict(dict)
    for number, note in enumerate(notes, start=1):
        about, name = str(note.get("image_id")), names.get(str(note.get("category_id")))
        if about in known and name:
            labels[about][name] = None
        else:
            yield TableRow(f"annotation {number}", fault="it names no image or no category of this file")
    for number, image in enumerate(images, start=1):
        found = list(labels[str(image.get("id"))])
        term = terms.get(str(image.get("license")), {})
        plain = {lists.plain(key): value for key, value in image.items() if key != "license"}
        words = _words({**plain, "license": term.get("name"), "licenseurl": term.get("url")})
        fault = "" if found else "no annotation gives it a category"
        fault = f"it has several categories: {', '.join(found[:5])}" if len(found) > 1 else fault
        name, address = text(image.get("file_name"), 4096), named(image, lists.ADDRESSES)
        yield TableRow(f"image {number}", name, "".join(found[:1]), None, words, fault, address)


def _objects(items: object) -> list[dict[str, Any]]:
    """The items of a list as objects; what is none is an empty one."""
    return [item if isinstance(item, dict) else {} for item in items] if isinstance(items, list) else []


class Files:
    """The files below a folder, to be looked up as tables name them: from the table's folder, from that of the set, by
    the end of a longer path as it was elsewhere, without the ending, or as another system writes capitals and accents.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = dict.fromkeys(names)
        self.last: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            path = PurePosixPath(name)
            for end in {path.name, path.stem, _folded(path.name)}:
                self.last[end].append(name)

    def find(self, name: str, beside: str, side: Part | None = None) -> str:
        """The file that a table in the folder `beside` means; of several of one name, that of its side. Raises
        LookupError with the reason."""
        wanted = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        if not wanted:
            raise LookupError("it names no file")
        if ".." in wanted:
            raise LookupError(f"{name[:200]!r} leads outside the folder")
        for start in (beside, ""):
            if (exact := "/".join([start, *wanted] if start else wanted)) in self.names:
                return exact
        ends = self.last.get(wanted[-1]) or self.last.get(_folded(wanted[-1])) or ()
        found = [(_common(wanted, PurePosixPath(file).parts), file) for file in ends]
        best = [file for length, file in found if length == max(found)[0]]
        if best and len(wanted) > 1 and not max(found)[0] and not _is_absolute(name) and "/" in best[0]:
            raise LookupError(f"no file is called {'/'.join(wanted)[:200]!r}")  # but one of another folder
        best = [file for file in best if part_of(file.partition("/")[0]) == side] if len(best) > 1 and side else best
        if len(best) != 1:
            raise LookupError(f"{'several files are' if best else 'no file is'} called {wanted[-1][:200]!r}")
        return best[0]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _is_absolute(name: str) -> bool:
    return name.startswith(("/", "\\")) or name[1:2] == ":"


def _common(wanted: list[str], parts: tuple[str, ...]) -> int:
    """How many folders, from the last on, two paths have in common."""
    pairs = list(zip(reversed(wanted[:-1]), reversed(parts[:-1]), strict=False))
    return next((number for number, (one, other) in enumerate(pairs) if _folded(one) != _folded(other)), len(pairs))
