"""The one walk over folders of photos: which files there are, what each is taken for, and why some are passed over.

Two layouts work as they are: label folders (`ants/x.jpg`), and label folders inside `train/` and `valid/`, `val/` or
`test/` (`train/ants/x.jpg`), whose division is then kept. A link to a file is a photo like any other, wherever it
leads, as many sets are made of links; one that leads to another photo of the same set would count that twice.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lookalike.project.kinds import HEAD, SAVED, refusal
from lookalike.project.records import Part
from lookalike.text import counted

PARTS: dict[Part, re.Pattern[str]] = {
    "train": re.compile(r"train(?:ing)?[ _-]?(?:set|data|images)?[ _-]?\d*", re.IGNORECASE),
    "valid": re.compile(r"val(?:id|idation)?[ _-]?(?:set|data|images)?[ _-]?\d*", re.IGNORECASE),
    "test": re.compile(r"test(?:ing)?[ _-]?(?:set|data|images)?[ _-]?\d*", re.IGNORECASE),
}
OURS = ("manifest.jsonl", "ATTRIBUTION.csv", ".manifest.lock")

UNREAD = f'HEIC: pip install "lookalike[heic]"; others: {SAVED.replace(" it", " them")}'
WORDS = {
    "not-an-image": ("no image", "no images"),
    "empty": ("empty", "empty"),
    "unsupported": (f"of a kind that is not read ({UNREAD})", f"of kinds that are not read ({UNREAD})"),
    "no-access": ("that cannot be read", "that cannot be read"),
    "link": ("link that leads to no other photo", "links that lead to no other photo"),
    "hidden": ("hidden", "hidden"),
    "special-file": ("pipe or device", "pipes or devices"),
    "folder": ("empty folder in a label folder", "empty folders in label folders"),
    "nested": (
        "in a folder inside a label folder (move it up to have it counted)",
        "in folders inside label folders (move them up to have them counted)",
    ),
    "unlabelled": ("outside the label folders", "outside the label folders"),
    "unlisted": ("that no row of a table names", "that no row of a table names"),
    "beside-parts": ("beside the folder to train on", "beside the folder to train on"),
}
"""Why a file is passed over, in the words of the line that counts them, for one and for several."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file: its path below the folder, its label, and its side when folders say so.

    With a `reason` it is passed over; `label` is then empty for what lies outside the label folders.
    """

    file: str
    label: str = ""
    part: Part | None = None
    reason: str = ""
    detail: str = ""

    def told(self) -> dict[str, str]:
        """For a program: the file and why it was passed over."""
        return {"file": self.file, "reason": self.reason, **({"detail": self.detail} if self.detail else {})}


@dataclass(frozen=True)
class Walk:
    """All files of a folder: `photos` to learn from, and the others, `passed` over, each with its reason."""

    root: Path
    photos: tuple[Found, ...]
    passed: tuple[Found, ...]

    @property
    def labels(self) -> list[str]:
        """The labels that have photos."""
        return list(dict.fromkeys(item.label for item in self.photos))

    def summary(self) -> str:
        """One line that accounts for every file."""
        some = f"{counted(len(self.photos), 'photo')} in {counted(len(self.labels), 'label')}"
        return f"{some}, {told}" if (told := tell(self.passed)) else some


def tell(passed: Iterable[Found]) -> str:
    """How many files were passed over, and why; "" for none."""
    counts = Counter(item.reason for item in passed)
    if not (total := counts.total()):
        return ""
    each = ", ".join(f"{number} {WORDS[reason][number > 1]}" for reason, number in counts.most_common())
    return f"{total} file{'s' if total > 1 else ''} passed over: {each}"


def part_of(folder: str) -> Part | None:
    """The side that a folder of this name is for, however it is written."""
    return next((part for part, names in PARTS.items() if names.fullmatch(folder)), None)


def walk(images: Path) -> Walk:
    """Every file below `images`, in name order."""
    top = list(_look(images, images))
    folders = [entry for entry in top if entry.folder]
    parts = {entry.name: part for entry in folders if (part := part_of(entry.name)) and _divides(entry.path, folders)}
    found = [_outside(entry, "unlabelled") for entry in top if not entry.folder and entry.name not in OURS]
    divided = "train" in parts.values()
    for entry in folders:
        if part := parts.get(entry.name):
            for inner in _look(images, entry.path):
                found += _label(images, inner, part) if inner.folder else [_outside(inner, "unlabelled")]
        elif divided:
            found += _below(images, entry.path, "beside-parts")
        else:
            found += _label(images, entry, None)
    found = _without_doubles(images, found)
    return Walk(images, tuple(item for item in found if not item.reason), tuple(item for item in found if item.reason))


def below(folder: Path) -> Iterator[Found]:
    """Every file below a folder of whatever layout, in name order; links to folders are not followed."""
    for entry in _look(folder, folder):
        if entry.folder and not entry.link:
            for item in below(entry.path):
                yield replace(item, file=f"{entry.name}/{item.file}")
        elif entry.folder:
            yield Found(entry.name, reason="link", detail="to a folder")
        else:
            yield Found(entry.name, reason=entry.reason, detail=entry.detail)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What stands in a folder, looked at no closer than the system does."""

    path: Path
    file: str
    name: str
    folder: bool = False
    link: bool = False
    reason: str = ""
    detail: str = ""


def _look(root: Path, folder: Path) -> Iterator[_Entry]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if folder != root:
            name = folder.relative_to(root).as_posix()
            yield _Entry(folder, name, folder.name, reason="no-access", detail=error.strerror or "")
        return
    for entry in found:
        path = Path(entry.path)
        if entry.name.startswith(".") and (entry.name.endswith(".part") or entry.name.startswith(".probe-")):
            continue  # being written just now
        yield _seen(entry, path, path.relative_to(root).as_posix())


def _seen(entry: os.DirEntry[str], path: Path, file: str) -> _Entry:
    link = entry.is_symlink()
    if entry.name.startswith("."):
        return _Entry(path, file, entry.name, reason="hidden")
    try:
        if entry.is_dir():
            return _Entry(path, file, entry.name, folder=True, link=link)
        if entry.is_file():
            return _Entry(path, file, entry.name, link=link)
    except OSError:
        pass  # links in a circle
    if link:
        return _Entry(path, file, entry.name, link=True, reason="link", detail="to nothing that is there")
    return _Entry(path, file, entry.name, reason="special-file")


def _divides(folder: Path, beside: list[_Entry]) -> bool:
    """Whether a folder with the name of a part is one and not a label of that name: by what is in it.

    A part holds folders with files. Where it holds photos, too, it is one if all folders beside it are parts.
    """
    inner = list(_look(folder, folder))
    if not any(entry.folder and not all(item.reason for item in _below(folder, entry.path, "")) for entry in inner):
        return False
    stray = any(not (entry.folder or entry.reason or _refused(entry)[0]) for entry in inner)
    return not stray or all(part_of(entry.name) for entry in beside)


def _label(root: Path, folder: _Entry, part: Part | None) -> Iterator[Found]:
    label = folder.name
    for entry in _look(root, folder.path):
        if entry.folder and entry.link:
            yield Found(entry.file, label, part, "link", "to a folder")
        elif entry.folder:
            inner = [replace(item, label=label, part=part) for item in _below(root, entry.path, "nested")]
            yield from inner or [Found(entry.file, label, part, "folder")]
        else:
            reason, detail = (entry.reason, entry.detail) if entry.reason else _refused(entry)
            yield Found(entry.file, label, part, reason, detail)


def _refused(entry: _Entry) -> tuple[str, str]:
    """Why a file is no photo at first sight, if it is none."""
    try:
        with entry.path.open("rb") as file:
            refused = refusal(file.read(HEAD))
    except OSError as error:
        return "no-access", error.strerror or ""
    if refused and entry.link and refused[0] != "unsupported":
        return "link", "to no photo"
    return refused or ("", "")


def _outside(entry: _Entry, reason: str) -> Found:
    if entry.reason:
        return Found(entry.file, reason=entry.reason, detail=entry.detail)
    refused, detail = _refused(entry)
    return Found(entry.file, reason=refused or reason, detail=detail)


def _below(root: Path, folder: Path, reason: str) -> Iterator[Found]:
    """Every file below a folder that no label has, for that reason unless it is hidden or no file."""
    for entry in _look(root, folder):
        if entry.folder and not entry.link:
            yield from _below(root, entry.path, reason)
        else:
            yield Found(entry.file, reason=entry.reason or reason)


def _without_doubles(images: Path, found: list[Found]) -> list[Found]:
    """The same with each link to another photo of the set passed over."""
    links = {item.file for item in found if not item.reason and (images / item.file).is_symlink()}
    if not links:
        return found
    plain = {os.path.realpath(images / item.file): item.file for item in found if item.file not in links}
    checked = []
    for item in found:
        other = plain.get(os.path.realpath(images / item.file)) if item.file in links else None
        checked.append(replace(item, reason="link", detail=f"to {other}") if other else item)
    return checked
