"""From folders of photos to what a recipe can learn from: pixels, groups of copies, and a split."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike import dataset as datasets
from lookalike import similar
from lookalike.config import TrainSettings
from lookalike.errors import NotReadyError
from lookalike.manifest import Manifest
from lookalike.pixels import PixelCache, Pixels, exact, roomy
from lookalike.project import Project, sha256_file
from lookalike.records import Dataset, Example, InputSpec, Part
from lookalike.report import Reporter

DEFAULT_SIZE = 224
ROOM = 1.15  # training squares are cut from pixels this much larger


def fitting_size(sample: list[Path]) -> int:
    """224 pixels, or less when most photos are smaller: enlarging them would only cost time."""
    from PIL import Image, UnidentifiedImageError

    sides = []
    for path in sample:
        try:
            with Image.open(path) as image:  # reads the header only
                sides.append(min(image.size))
        except (OSError, UnidentifiedImageError, ValueError, SyntaxError):
            continue
    median = sorted(sides)[len(sides) // 2] if sides else DEFAULT_SIZE
    return max(64, min(DEFAULT_SIZE, median // 32 * 32))


@dataclass(frozen=True)
class Prepared:
    """The data set with the pixels of each side, in the order of the examples."""

    dataset: Dataset
    side: int
    pixels: dict[str, Pixels]
    exact: dict[str, Pixels]
    faults: dict[Path, Exception]

    def columns(self) -> dict[str, Any]:
        """What a recipe's Material takes from here."""
        train, valid = self.dataset.part("train"), self.dataset.part("valid")
        index = {label: number for number, label in enumerate(self.dataset.labels)}
        return {
            "dataset": self.dataset,
            "side": self.side,
            "train": [self.pixels[example.file] for example in train],
            "train_targets": [index[example.label] for example in train],
            "train_groups": [example.group for example in train],
            "valid": [self.exact[example.file] for example in valid],
            "valid_targets": [index[example.label] for example in valid],
        }


def prepare(
    project: Project, wanted: TrainSettings, spec: InputSpec, found: list[datasets.Found], report: Reporter
) -> Prepared:
    """Hash, decode, group and split; photos that can't be read are left out with a reason."""
    images = project.images
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        hashes = list(pool.map(lambda item: sha256_file(images / item.file), found))
    side = round(spec.size * ROOM)
    cache = PixelCache(project.cache / "pixels", wanted.cache_limit * 1_000_000)
    photos = [(images / item.file, sha256) for item, sha256 in zip(found, hashes, strict=True)]
    pixels, faults = cache.get(photos, roomy(spec, side), report=report)
    usable = [
        (item, sha256, seen) for item, sha256, seen in zip(found, hashes, pixels, strict=True) if seen is not None
    ]
    datasets.require_labels(images, [item for item, _, _ in usable])
    groups = _groups(project, [(item.file, sha256) for item, sha256, _ in usable], [seen for _, _, seen in usable])
    examples = [
        Example(item.file, item.label, sha256, group, item.part or "train")
        for (item, sha256, _), group in zip(usable, groups, strict=True)
    ]
    split = _split(project, wanted, examples, divided=any(item.part == "valid" for item, _, _ in usable))
    labels = tuple(sorted({example.label for example in split}))
    dataset = Dataset(str(images), labels, split, datasets.fingerprint(split))
    _require_enough(dataset)
    held = [(images / example.file, example.sha256) for example in split if example.part != "train"]
    measured, _ = cache.get(held, exact(spec), report=report)
    by_file = {item.file: seen for item, _, seen in usable}
    names = [example.file for example in split if example.part != "train"]
    return Prepared(
        dataset, side, by_file, {n: p for n, p in zip(names, measured, strict=True) if p is not None}, faults
    )


def _groups(project: Project, photos: list[tuple[str, str]], pixels: list[Pixels]) -> list[str]:
    """One name for all copies of a photo: what the manifest says, or hashes that differ in a few bits."""
    known = Manifest(project.images).fold().files
    joined = similar.join([similar.look(seen) for seen in pixels])
    names: dict[int, str] = {}
    for number, (file, sha256) in zip(joined, photos, strict=True):
        told = known[file].group if file in known else ""
        names.setdefault(number, told or sha256)
    told_to_joined: dict[str, str] = {}
    groups = []
    for number, (file, _) in zip(joined, photos, strict=True):
        told = known[file].group if file in known else ""
        groups.append(told_to_joined.setdefault(told, names[number]) if told else names[number])
    return groups


def _split(project: Project, wanted: TrainSettings, examples: list[Example], *, divided: bool) -> tuple[Example, ...]:
    """The folders' own division where there is one; else ours, in which no photo changes sides between runs."""
    if divided:
        return tuple(examples)
    tests = [example for example in examples if example.part == "test"]
    rest = [example for example in examples if example.part != "test"]
    before: dict[str, Part] = {}
    for path in sorted(project.runs.glob("*/run.json")):
        before |= datasets.read_split(path.with_name("split.csv"), seed=wanted.seed, valid=wanted.valid)
    return (*datasets.split(rest, seed=wanted.seed, valid=wanted.valid, before=before), *tests)


def _require_enough(dataset: Dataset) -> None:
    for label in dataset.labels:
        if dataset.count(label, "train") < 1 or dataset.count(label, "valid") < 1:
            raise NotReadyError(
                f"{label!r} has {dataset.count(label)} photos; each label needs at least 2, and better 50",
                f'gather more: lookalike gather "{label}"',
            )
