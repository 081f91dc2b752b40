"""A folder on this machine, copied in as it is: label folders, or photos with a table that says what is on them."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import ClassVar

from lookalike.errors import ConfigError, UnusablePhoto
from lookalike.gather.providers import tables
from lookalike.gather.providers.base import Ask, Hit, Query, Stop
from lookalike.gather.providers.local import LocalProvider
from lookalike.gather.providers.tables import TableRow
from lookalike.project import layout
from lookalike.project.lists import ListError
from lookalike.project.walk import OURS, Found, below, part_of, walk
from lookalike.settings.fields import Settings
from lookalike.text import typed

OF_FILES = re.compile(
    r"(.*?)(?:images?|imgs?|photos?|pictures?|masks?|jpe?gs?|pngs?)(?:(?:[ _-]?part)?[ _-]?\d+)?", re.IGNORECASE
).fullmatch
"""Names of folders that tell what files they hold: images, masks, HAM10000_images_part_1."""


@dataclass(frozen=True)
class Item:
    """A photo: its file below the folder, its place below images/, and what a table tells of it."""

    file: str
    place: str
    words: Mapping[str, str] = field(default_factory=dict)


class Folder(LocalProvider):
    """Reads the folder named by --source, or the table and the photos around it; `train/` and `val/` are kept."""

    name: ClassVar[str] = "folder"
    summary: ClassVar[str] = "a folder of label folders, or with metadata.csv, COCO or CSV (--source DIR or FILE)"

    def __init__(self, settings: Settings, env: Mapping[str, str], ask: Ask) -> None:
        super().__init__(settings, env, ask)
        if settings.gather.source is None:
            raise ConfigError("the provider `folder` needs a folder of label folders", "add --source DIR")
        self.source = source = settings.gather.source.expanduser()
        self.root = source.parent if source.is_file() else source
        if not self.root.is_dir():
            raise ConfigError(f"{self.root} is not a folder", "give --source a folder with one folder for each label")
        self.table = source.name if source.is_file() else ""
        self.found: dict[str, list[Item]] = defaultdict(list)
        self.faults: dict[str, list[Hit]] = defaultdict(list)
        self.passed: tuple[Found, ...] = ()
        self.names: Sequence[str] = ()
        self.labelled = False  # whether folders say what is on the photos

    def asked(self, names: Sequence[str]) -> None:
        """Look through the folder and its tables. Raises ConfigError where nothing tells what is on its photos."""
        walked, self.names = walk(self.root), names
        self.passed = walked.passed
        files = [item.file for item in below(self.root) if not item.reason]
        labels = [label for label in walked.labels if not part_of(label)]
        telling = _tell_labels(labels)
        self.labelled = telling and (not names or bool({*names} & {*labels}))
        chosen = [self.table] if self.table else tables.chosen(self.root, files, names, labelled=self.labelled)
        if chosen:
            self._take(chosen, files, {item.file: item for item in walked.photos})
        else:
            if not telling:
                self._require_known([file for file in files if file.lower().endswith(tables.ENDS)], tables.Files(files))
            for item in walked.photos:
                self.found[item.label].append(Item(item.file, item.file))
        if not self.found and (told := layout.advice(walked, "--source")):
            raise ConfigError(*told)

    def _require_known(self, chosen: list[str], files: tables.Files) -> None:
        """Raise ConfigError where a table names photos and has columns, but none that is known to be their label."""
        for table in chosen:
            if (unknown := tables.unknown(self.root / table, files)) and PurePosixPath(table).name not in OURS:
                told = ", ".join(unknown[:8]) + (", …" if len(unknown) > 8 else "")
                way = f"lookalike gather LABEL LABEL --provider folder --source {typed(self.source)}"
                raise ConfigError(
                    f"{self.root / table} has no column that is known as the label of a photo; it has: {told}",
                    "add a column called `label`, with one for each photo" if self.names else f"type the labels: {way}",
                )

    def _take(self, chosen: list[str], names: list[str], walked: Mapping[str, Found]) -> None:
        """The photos that tables name, with what they tell. Raises ConfigError when that is not one."""
        rows = [(name, row) for name in chosen for row in self._rows(name)]
        own = any(row.label for _, row in rows)  # else folders say what is on the photos
        if not own and self.table:
            self._require_known(chosen, tables.Files(names))
        files, told = tables.Files(names), defaultdict[str, list[tuple[str, TableRow]]](list)
        for table, row in rows:
            try:
                file = (
                    ""
                    if row.fault
                    else files.find(row.name, PurePosixPath(table).parent.as_posix().strip("."), row.part)
                )
                told[file].append((table, row))
            except LookupError as error:
                self._fault(table, row, str(error))
        for table, row in told.pop("", []):
            self._fault(table, row, row.fault)
        divided = any(_side(file, row) for file, each in told.items() for _, row in each)
        for file, each in told.items():
            labels = dict.fromkeys(row.label if own else getattr(walked.get(file), "label", "") for _, row in each)
            if len(labels) == 1 and "" not in labels:
                side = _side(file, each[0][1]) or ("train" if divided else "")
                place = "/".join([*filter(None, [side]), "label", PurePosixPath(file).name])
                self.found[next(iter(labels))].append(Item(file, place, each[0][1].words))
                continue
            for table, row in each:
                several = " and ".join(repr(label) for label in labels)
                self._fault(table, row, f"its file has the labels {several}" if len(labels) > 1 else "it has no label")
        self._rest(chosen, told, walked, own=own)
        if not any(self.found.values()):
            reasons = [fault.fault for each in self.faults.values() for fault in each if fault.fault]
            why = f": {reasons[0].detail}" if reasons else ""
            raise ConfigError(f"{', '.join(chosen)} names no photo below {self.root}{why}", "give --source its folder")

    def _rows(self, table: str) -> list[TableRow]:
        path = self.root / table
        try:
            return tables.read(path, self.names, guess=not self.labelled or bool(self.table))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}", "see to it that it can be") from None
        except ListError as error:
            raise ConfigError(f"{path} is not understood: {error}", "expected: columns file_name and label") from None

    def _fault(self, table: str, row: TableRow, why: str) -> None:
        fault = UnusablePhoto("bad-row", f"{row.row}: {why}" if table in row.row else f"{row.row} of {table}: {why}")
        self.faults[row.label].append(Hit(f"folder:{table}#{row.row.replace(' ', '=', 1)}", fault=fault))

    def _rest(self, chosen: list[str], told: Mapping[str, object], walked: Mapping[str, Found], *, own: bool) -> None:
        """Photos that no row names: of their folder's label where tables tell none; else they are passed over."""
        self.passed = tuple(item for item in self.passed if item.file not in told and item.file not in chosen)
        for file, item in walked.items():
            if file not in told and own:
                self.passed += (Found(file, item.label, item.part, "unlisted"),)
            elif file not in told:
                self.found[item.label].append(Item(file, file))

    def labels(self) -> list[str]:
        """The names of its folders or of its tables, in the order they are found."""
        return list(self.found)

    def search(self, query: Query) -> Iterator[Hit]:
        """Its photos of one label. What identifies each is its bytes: another folder may use the same names.

        Rows without a photo or a label are told with the first label that is asked for."""
        lost = [label for label in self.faults if label == query.label or label not in self.found]
        for label in lost:
            yield from self.faults.pop(label)
        for item in self.found.get(query.label, []):
            path = self.root / item.file
            try:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                digest = "unreadable"
            address = f"folder:{digest[:32]}/{item.file}"
            hit = Hit(address, title=path.name, content=path.read_bytes, place=item.place)
            yield replace(hit, **item.words)  # type: ignore[arg-type]
        if query.label in self.found:
            raise Stop("exhausted")
        raise Stop("no-hits", f"it has {', '.join(map(repr, self.labels()[:5]))}" if self.found else "")


def _tell_labels(folders: Sequence[str]) -> bool:
    """Whether the names of folders can be labels: two differ in more than in what files they hold, and in a number of
    these."""
    stems = {found[1] if (found := OF_FILES(name)) else name for name in folders}
    return len(stems - {""}) > 1


def _side(file: str, row: TableRow) -> str:
    """The folder of the side that a photo is on: as its row says, or as its first folder is called; "" for none."""
    first = file.partition("/")[0]
    return row.part or (first if part_of(first) else "")
