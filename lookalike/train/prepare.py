"""From folders of photos to what a recipe can learn from: pixels, groups of copies, and a split."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from lookalike.errors import NotReadyError, UnusablePhoto
from lookalike.files import sha256_file
from lookalike.photos import faces, images
from lookalike.photos.cache import PixelCache, Pixels, exact, near, with_room
from lookalike.photos.copies import links
from lookalike.photos.decode import Pool
from lookalike.photos.memory import Memory
from lookalike.project import dataset as datasets
from lookalike.project.layout import require_both_sides, require_labels
from lookalike.project.manifest import CORRECTION, Manifest
from lookalike.project.paths import Project
from lookalike.project.records import Dataset, Example, InputSpec, Part
from lookalike.project.walk import Found, Walk
from lookalike.report import SILENT, Reporter
from lookalike.settings.fields import Settings, TrainSettings
from lookalike.text import counted, typed
from lookalike.train import room

# Networks trained on random crops do best on somewhat larger pictures (H. Touvron et al., "Fixing the train-test
# resolution discrepancy", 2019). Measured with a linear probe on efficientnet_lite0, four times five folds, accuracy
# and loss: ants and bees 0.952 and 0.117 at 224 px, 0.967 and 0.095 at 288, 0.966 and 0.090 at 320, 0.964 and 0.090 at
# 352; two athletes, whole photos, 0.926 and 0.223, 0.943 and 0.210, 0.936 and 0.203, 0.934 and 0.197; their faces 0.94
# at 128 and 160, 0.92 at 224.
DEFAULT_SIZE = 320
FACE_SIZE = 160
SAMPLE = 16
MOST_SHOW = 0.6  # share of photos with a face from which a set is about faces
ENOUGH_FOR_TESTS = 250  # photos of each label
TEST_SHARE = 0.1
TEST_SEED = 1_000_003  # another shuffle than the one that chooses the photos held back


def framing(settings: Settings, photos: Sequence[Path], report: Reporter) -> InputSpec:
    """How the network will see these photos, as told or as suits them; how its colours are scaled is not known here.

    Raises NetworkError when it shall see faces and what finds them is nowhere to be had.
    """
    wanted = settings.train
    crop = "face" if _looks_at_faces(settings, photos, report) else "none"
    return InputSpec(wanted.size or _fitting_size(photos, crop), "crop", crop=crop)


def _looks_at_faces(settings: Settings, photos: Sequence[Path], report: Reporter) -> bool:
    """Whether the network shall see faces only: as told, or with `auto` when most of some photos show one."""
    crop = settings.train.crop
    if crop == "face":
        faces.require(settings.network, report)
        return True
    if crop == "none" or not faces.ready():
        return False
    shown, looked = face_counts(tuple(photos))
    if not looked:
        return False
    most = shown / looked > MOST_SHOW
    report.note(f"{shown} of {looked} photos show a face: the network sees {'faces' if most else 'whole photos'}")
    return most


@lru_cache(1)
def face_counts(photos: tuple[Path, ...]) -> tuple[int, int]:
    """How many of some of these photos show a face, and of how many that could be read."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = [shown for shown in pool.map(_shows_face, _some(photos, SAMPLE)) if shown is not None]
    return sum(seen), len(seen)


def _shows_face(path: Path) -> bool | None:
    """Whether a photo shows a face at first sight; None when it can't be read."""
    try:
        return bool(faces.find(images.open_rgb(path, at_least=faces.SIDE)))
    except UnusablePhoto:
        return None


def _fitting_size(photos: Sequence[Path], crop: str) -> int:
    """The usual size, or less when most photos are smaller: enlarging them would only cost time."""
    if crop == "face":
        return FACE_SIZE
    sides = []
    for path in _some(photos, 50):
        try:
            sides.append(min(images.size(path)))
        except UnusablePhoto:
            continue
    median = sorted(sides)[len(sides) // 2] if sides else DEFAULT_SIZE
    return max(64, min(DEFAULT_SIZE, median // 32 * 32))


def _some(photos: Sequence[Path], count: int) -> Sequence[Path]:
    """So many of them, evenly spread."""
    return photos[:: max(1, len(photos) // count)][:count]


@dataclass(frozen=True)
class Prepared:
    """The data set with its pixels by file (exact ones where it is measured on them or they were corrected), what reads
    photos of it with room for augmentation, the photos that can't be read, the files passed over, and how long reading
    took."""

    dataset: Dataset
    pixels: dict[str, Pixels]
    roomy: Callable[[Sequence[Example]], list[Pixels]]
    faults: dict[Path, UnusablePhoto]
    passed: tuple[Found, ...]
    seconds: float


def prepare(
    project: Project, wanted: TrainSettings, spec: InputSpec, found: Walk, before: Sequence[Example], report: Reporter
) -> Prepared:
    """Hash, decode, group and split; photos that can't be read are left out with a reason.

    A training that goes on has the photos and the sides it had `before`. Raises NotReadyError when it can't,
    and when the disk has no room for what will be written.
    """
    room.require(project, wanted, spec, len(found.photos))
    root = project.images
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        hashes = list(pool.map(lambda item: sha256_file(root / item.file), found.photos))
    started = time.perf_counter()
    cache = PixelCache(project)
    photos = [(root / item.file, sha256) for item, sha256 in zip(found.photos, hashes, strict=True)]
    with Memory(project.cache) as looks:
        pixels, faults = cache.get(photos, near(spec), looks=None if before else looks, report=report)
        seconds = time.perf_counter() - started
        usable = [
            (item, sha256, seen)
            for item, sha256, seen in zip(found.photos, hashes, pixels, strict=True)
            if seen is not None
        ]
        known = [(item, sha256) for item, sha256, _ in usable]
        readable = replace(found, photos=tuple(item for item, _ in known))
        require_labels(readable)
        require_both_sides(readable)
        for label in sorted(set(found.labels) - set(readable.labels)):
            report.warn(f"not one photo of {label!r} can be read: it is no label of this training")
        if before:
            _require_all_of(before, {item.file: sha256 for item, sha256 in known}, report)
        split = tuple(before) or divided(project, wanted, known, looks, report)
    labels = datasets.in_order(example.label for example in split)
    dataset = Dataset(str(root), labels, split, datasets.fingerprint(split))
    require_enough(dataset)
    by_file = {item.file: seen for item, _, seen in usable}
    told = corrected(project)
    asked = [example for example in split if example.part != "train" or example.sha256 in told]
    held = [(root / example.file, example.sha256) for example in asked]
    resumed = time.perf_counter()
    measured, _ = cache.get(held, exact(spec), report=report)
    seconds += time.perf_counter() - resumed
    by_file |= {example.file: seen for example, seen in zip(asked, measured, strict=True) if seen is not None}
    more = partial(with_room, cache, root, spec, by_file, report=report)
    return Prepared(dataset, by_file, more, faults, found.passed, seconds)


def _require_all_of(before: Sequence[Example], now: Mapping[str, str], report: Reporter) -> None:
    """Raise NotReadyError unless all photos of a training that goes on are as they were; `now` has sha256 by file."""
    lost = [example.file for example in before if now.get(example.file) != example.sha256]
    if lost:
        told = f"{len(lost)} of the {len(before)} photos that the stopped training learns from are gone or changed"
        raise NotReadyError(f"{told}: {lost[0]}", "start a new one: lookalike train, with the flags it had")
    if added := len(now) - len(before):
        were = (
            "photo of today was not there then and is" if added == 1 else "photos of today were not there then and are"
        )
        report.note(f"{added} {were} left out; the next training takes them")


def divided(
    project: Project, wanted: TrainSettings, photos: Sequence[tuple[Found, str]], looks: Memory, report: Reporter
) -> tuple[Example, ...]:
    """Photos, each with its sha256, grouped and split. `looks` has their views."""
    groups = _groups(project, [(item.file, sha256) for item, sha256 in photos], looks, report)
    examples = [
        Example(item.file, item.label, sha256, group, item.part or "train")
        for (item, sha256), group in zip(photos, groups, strict=True)
    ]
    by_folders = any(item.part == "valid" for item, _ in photos)
    return split_of(project, wanted, examples, divided=by_folders, report=report)


def _groups(project: Project, photos: Sequence[tuple[str, str]], looks: Memory, report: Reporter) -> list[str]:
    """One name for all copies of a photo: what the manifest says, in which a person may have had a say; for other
    photos, that of what they are copies of. So groups of the manifest never melt into one over photos between them."""
    known = Manifest(project.images).fold().files
    told = [known[file].group if file in known else "" for file, _ in photos]
    contents = list(dict.fromkeys(sha256 for _, sha256 in photos))
    files = {sha256: project.images / file for file, sha256 in photos}
    with Pool(lazily=True) as pool:
        found = links.find(contents, looks, pool, report)
        order, paths = links.by_links(len(contents), found.links), [files[sha256] for sha256 in contents]
        sure = links.confirmed(found, order, contents, paths, looks, pool, report)
    groups = links.together(len(contents), sure)
    first = {contents[number]: contents[group[0]] for group in groups for number in group}
    homes = [first.get(sha256, sha256) for _, sha256 in photos]
    names = {home: group for home, group in zip(homes, told, strict=True) if group}
    return [group or names.get(home, home) for group, home in zip(told, homes, strict=True)]


def split_of(
    project: Project, wanted: TrainSettings, examples: list[Example], *, divided: bool, report: Reporter = SILENT
) -> tuple[Example, ...]:
    """The folders' own division where there is one; else ours, in which no photo changes sides between runs."""
    if divided:
        return tuple(examples)
    tests = [example for example in examples if example.part == "test"]
    rest = [example for example in examples if example.part != "test"]
    before: dict[str, Part] = {}
    for path in sorted(project.runs.glob("*/run.json")):
        try:
            before |= datasets.read_split(path.with_name("split.csv"), seed=wanted.seed, valid=wanted.valid)
        except NotReadyError as error:
            report.warn(f"{error.message}; photos of that run may change sides")
    before = _with_some_to_hold(rest, before)
    before |= dict.fromkeys(corrected(project), "train")  # to be learnt from: that is why somebody took the trouble
    if not tests and _enough_for_tests(rest):
        rest, tests = _keep_for_tests(rest, wanted.seed, before)
    return (*datasets.split(rest, seed=wanted.seed, valid=wanted.valid, before=before), *tests)


def _with_some_to_hold(examples: Sequence[Example], before: Mapping[str, Part]) -> dict[str, Part]:
    """The sides of earlier runs, but for labels whose held-back photos have all gone: they are divided anew, for
    nothing else would be left to measure them by."""
    contents: dict[str, set[str]] = {}
    for example in examples:
        contents.setdefault(example.label, set()).add(example.sha256)
    lost = [known for known in contents.values() if {before.get(sha256) for sha256 in known} == {"train"}]
    released = set().union(*lost)
    return {sha256: part for sha256, part in before.items() if sha256 not in released}


def corrected(project: Project) -> set[str]:
    """The photos, by sha256, that came with a person's word on what they show."""
    known = Manifest(project.images).fold().files.values()
    return {record.sha256 for record in known if record.provider == CORRECTION and record.status == "ok"}


def _enough_for_tests(examples: Sequence[Example]) -> bool:
    """Whether every label can spare photos that nothing is chosen on."""
    counts = Counter(example.label for example in examples)
    return min(counts.values()) >= ENOUGH_FOR_TESTS


def _keep_for_tests(
    examples: Sequence[Example], seed: int, before: Mapping[str, Part]
) -> tuple[list[Example], list[Example]]:
    """The examples that remain, and a tenth for testing only: never one that an earlier run learnt or chose by."""
    known: dict[str, Part] = {sha256: "valid" if part == "test" else "train" for sha256, part in before.items()}
    divided = datasets.split(examples, seed=seed + TEST_SEED, valid=TEST_SHARE, before=known)
    rest = [example for example in divided if example.part == "train"]
    return rest, [replace(example, part="test") for example in divided if example.part == "valid"]


def require_enough(dataset: Dataset, *, held: int = 1) -> None:
    """Raise NotReadyError unless of each label there is a photo to learn from and so many are held back."""
    for label in dataset.labels:
        if dataset.count(label, "train") < 1 or dataset.count(label, "valid") < held:
            count = dataset.count(label)
            groups = {example.group for example in dataset.examples if example.label == label}
            alike = ", all copies of one" if count > 1 and len(groups) == 1 else ""
            raise NotReadyError(
                f"{label!r} has {counted(count, 'photo')}{alike}; each label needs at least 2, and better 50",
                f"gather more: lookalike gather {typed(label)}",
            )
