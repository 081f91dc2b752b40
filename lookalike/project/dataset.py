"""Which photos there are, and which of them the network may learn from.

Two layouts work as they are: label folders (`ants/x.jpg`), and label folders inside `train/` and `valid/`, `val/` or
`test/` (`train/ants/x.jpg`), whose division is then kept.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lookalike.errors import NotReadyError
from lookalike.files import write_rows
from lookalike.project.records import Dataset, Example, Part

PART_FOLDERS: dict[str, Part] = {
    "train": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
}


@dataclass(frozen=True)
class Found:
    """A file in a label folder: its path below the images folder, its label, and its side when folders say so."""

    file: str
    label: str
    part: Part | None


def walk(images: Path) -> Iterator[Found]:
    """Every regular file in a label folder, in name order. Hidden files, links and special files are passed over."""
    folders = sorted(_folders(images), key=lambda path: path.name)
    divided = any(PART_FOLDERS.get(path.name) == "train" for path in folders)
    for folder in folders:
        if divided:
            if part := PART_FOLDERS.get(folder.name):
                for label in sorted(_folders(folder), key=lambda path: path.name):
                    yield from _files(images, label, part)
        else:
            yield from _files(images, folder, None)


def _folders(path: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return []


def _files(images: Path, folder: Path, part: Part | None) -> Iterator[Found]:
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if e.is_file(follow_symlinks=False) and not e.name.startswith("."))
    for name in names:
        yield Found((folder / name).relative_to(images).as_posix(), folder.name, part)


def require_labels(images: Path, found: Iterable[Found]) -> dict[str, int]:
    """How many files each label has. Raises NotReadyError unless there are two labels that can be told apart."""
    counts = Counter(item.label for item in found)
    hint = "run `lookalike gather NAME NAME`, or point --images at a folder of label folders"
    if not counts:
        raise NotReadyError(f"there are no photos in {images}", hint)
    if len(counts) < 2:
        raise NotReadyError(f"{images} has one label, {next(iter(counts))!r}; telling apart needs two", hint)
    folded: dict[str, str] = {}
    for label in counts:
        twin = folded.setdefault(" ".join(label.casefold().split()), label)
        if twin != label:
            raise NotReadyError(
                f"the labels {twin!r} and {label!r} differ only in case or spaces", "merge the two folders"
            )
    return dict(counts)


def fingerprint(examples: Iterable[Example]) -> str:
    """A short name for the exact content of a data set: which bytes have which label on which side."""
    lines = sorted(f"{e.sha256} {e.label} {e.part}\n" for e in examples)
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def split(examples: Iterable[Example], *, seed: int, valid: float, before: Mapping[str, Part]) -> tuple[Example, ...]:
    """Give each example its side: stratified by label, whole groups together, stable as the set grows.

    Groups are taken in the order of a hash of `seed` and their first photo's bytes until each label has its share
    `valid` (at least one photo) held back. `before` maps sha256 to the side of an earlier split with the same seed;
    those photos keep it. A group with photos on both sides goes to the training side: what was learnt from cannot
    measure.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.group or example.sha256].append(example)
    side: dict[str, Part] = {}
    for name, members in groups.items():
        known = {before[member.sha256] for member in members if member.sha256 in before}
        if known:
            side[name] = "train" if "train" in known else min(known)
    totals = Counter(member.label for members in groups.values() for member in members)
    held = Counter(m.label for name, members in groups.items() for m in members if side.get(name, "train") != "train")
    order = {name: _order(seed, min(member.sha256 for member in members)) for name, members in groups.items()}
    for name in sorted(groups.keys() - side.keys(), key=order.__getitem__):
        label, size = groups[name][0].label, len(groups[name])
        room = max(1, round(totals[label] * valid)) - held[label]
        fits = room > 0 and (size <= room or held[label] == 0) and held[label] + size < totals[label]
        side[name] = "valid" if fits else "train"
        if fits:
            held.update(member.label for member in groups[name])
    return tuple(replace(member, part=side[name]) for name, members in groups.items() for member in members)


def _order(seed: int, sha256: str) -> str:
    return hashlib.sha256(f"{seed}:{sha256}".encode()).hexdigest()


def write_split(path: Path, dataset: Dataset, *, seed: int, valid: float) -> None:
    """Keep who was on which side, in split.csv beside the run."""
    rows = ((e.file, e.label, e.part, e.sha256, e.group, seed, valid) for e in dataset.examples)
    write_rows(path, ("file", "label", "part", "sha256", "group", "seed", "valid"), rows)


def read_split(path: Path, *, seed: int, valid: float) -> dict[str, Part]:
    """The side of each photo (by sha256) in an earlier split with the same seed and share; empty for any other."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row.get("seed"), row.get("valid")) == (str(seed), str(valid))]
    return {example.sha256: example.part for example in map(Example.from_json, rows)}


def read_examples(path: Path) -> tuple[Example, ...]:
    """The examples of a run, as split.csv names them. Raises NotReadyError when it is missing or damaged."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return tuple(map(Example.from_json, rows))
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise NotReadyError(f"{path} is missing or damaged: {error}", "run `lookalike train` again") from None
