"""Train on people: find each label's person. No torch, and seconds where that takes minutes."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from lookalike import metrics
from lookalike.errors import NetworkError, NotReadyError, UnusablePhoto
from lookalike.files import sha256_file
from lookalike.people import boxes, graph, head
from lookalike.people.eyes import Eyes, PhotoFaces, open_eyes, people_in
from lookalike.people.identity import SAME, are_persons, same_persons
from lookalike.people.named import extended, meant
from lookalike.photos.align import SIDE
from lookalike.photos.memory import Memory
from lookalike.project import dataset as datasets
from lookalike.project.layout import require_both_sides, require_labels
from lookalike.project.manifest import Manifest
from lookalike.project.paths import Project
from lookalike.project.records import Accuracy, Dataset, InputSpec, Part
from lookalike.project.walk import Walk
from lookalike.report import Reporter
from lookalike.settings.fields import Settings, TrainSettings
from lookalike.train.prepare import MOST_SHOW, corrected, divided, face_counts, require_enough

NETWORK = "sface"
SPEC = InputSpec(SIDE, "squish", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "aligned")
SHOWN = 8  # labels named in a line
VERSIONS = ("lookalike", "onnxruntime", "pillow", "numpy")


@dataclass(frozen=True)
class Made:
    """What a training on people ends with: its dataset and head, model.onnx, the answers to the photos held back as
    rate and temperature, its history, and what could not be read."""

    dataset: Dataset
    head: head.Head
    onnx: bytes
    accuracy: Accuracy
    temperature: float
    history: tuple[dict[str, float], ...]
    faults: dict[Path, UnusablePhoto]
    seconds: dict[str, float]


def train(project: Project, settings: Settings, found: Walk, report: Reporter, started: float) -> Made | None:
    """Learn the labels' persons, or nothing where `auto` finds that the labels are none.

    Raises NetworkError, with `--recipe people`, when a network is nowhere to be had.
    """
    wanted = settings.train
    forced = wanted.recipe == "people"
    photos = [project.images / item.file for item in found.photos]
    if not forced and not (_open_to_people(wanted) and _show_faces(photos)):
        return None
    try:
        eyes = open_eyes(settings, report)
    except (NetworkError, NotReadyError) as error:
        if forced:
            raise
        report.note(f"people are not told apart by their faces: {error.message}; {error.hint}")
        return None
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        hashes = list(pool.map(sha256_file, photos))
    with Memory(project.cache) as looks:
        places = list(zip(photos, hashes, strict=True))
        seen, faults = people_in(places, eyes, project.cache, report, looks=looks)
        read = time.perf_counter()
        dataset, by_sha256 = _dataset(project, wanted, found, hashes, seen, looks, report)
    by_sha256 |= _chosen(project, dataset, by_sha256)
    if not _persons(dataset, by_sha256, forced, report):
        return None
    named = corrected(project)
    return _learn(
        dataset, by_sha256, named, eyes, faults, {"pixels": read - started, "prepare": read - started}, started
    )


def _open_to_people(wanted: TrainSettings) -> bool:
    """Whether `auto` may choose: nothing was asked for that this recipe has no use for."""
    usual = TrainSettings()
    asked = any(getattr(wanted, name) != getattr(usual, name) for name in ("arch", "crop", "size", "weights", "budget"))
    return wanted.recipe == "auto" and not asked and int(os.environ.get("WORLD_SIZE", "1")) == 1


def _show_faces(photos: Sequence[Path]) -> bool:
    shown, looked = face_counts(tuple(photos))
    return bool(looked) and shown / looked > MOST_SHOW


def _dataset(
    project: Project, wanted: TrainSettings, found: Walk, hashes: list[str], seen: list[PhotoFaces | None],
    looks: Memory, report: Reporter,
) -> tuple[Dataset, dict[str, PhotoFaces]]:  # fmt: skip
    """The split, as every training makes it, and what was seen by sha256."""
    usable = [row for row in zip(found.photos, hashes, seen, strict=True) if row[2] is not None]
    readable = replace(found, photos=tuple(item for item, _, _ in usable))
    require_labels(readable)
    require_both_sides(readable)
    split = divided(project, wanted, [(item, sha256) for item, sha256, _ in usable], looks, report)
    labels = datasets.in_order(example.label for example in split)
    dataset = Dataset(str(project.images), labels, split, datasets.fingerprint(split))
    require_enough(dataset, held=0)
    return dataset, {sha256: shown for _, sha256, shown in usable if shown}


def _chosen(project: Project, dataset: Dataset, seen: dict[str, PhotoFaces]) -> dict[str, PhotoFaces]:
    """Photos to learn from on which a person has chosen the face that counts, by sha256, with that face alone."""
    known = Manifest(project.images).fold().files
    learnt = [(known[example.file].face, example.sha256) for example in dataset.part("train") if example.file in known]
    return {sha256: boxes.only(seen[sha256], face) for face, sha256 in learnt if face}


def _persons(dataset: Dataset, seen: dict[str, PhotoFaces], forced: bool, report: Reporter) -> bool:
    """Whether the labels are persons; told in a line."""
    both = _lesson(dataset, seen, "train", "valid")
    photos, showing = len(both.features), sum(len(features) > 0 for features in both.features)
    found, held = (
        dict(zip(dataset.labels, head.identities(lesson), strict=True))
        for lesson in (_lesson(dataset, seen, "train"), both)
    )
    told, why = are_persons(found, held)
    if told:
        report.note(f"{showing} of {photos} photos show a face, and each label is a person: told apart by faces")
    elif not forced:
        report.note(f"photos show faces, but {why}; --recipe people would tell persons apart")
        return False
    elif not showing:
        raise NotReadyError("no photo shows a face", "leave out --recipe people")
    for one, other in same_persons(found):
        report.warn(f"{one!r} and {other!r} look like the same person")
    for label, identity in found.items():
        if identity and len(identity.means) > 1:
            told_by = f"no two photos of {label!r} agree on a face"
            report.warn(f"{told_by}: {len(identity.means)} faces are taken for {label!r}; another photo would tell")
    if lone := [label for label in dataset.labels if dataset.count(label, "train") == dataset.count(label)]:
        names = ", ".join(map(repr, lone[:SHOWN])) + (f" and {len(lone) - SHOWN} more" if len(lone) > SHOWN else "")
        report.warn(f"no photo of {names} is left to measure on; a second one would tell how well they are told apart")
    return True


def _lesson(dataset: Dataset, seen: dict[str, PhotoFaces], *parts: Part) -> head.Lesson:
    rows = [(example, seen[example.sha256]) for part in parts for example in dataset.part(part)]
    return head.lesson(rows, dataset.labels)


def _learn(
    dataset: Dataset, seen: dict[str, PhotoFaces], named: set[str], eyes: Eyes, faults: dict[Path, UnusablePhoto],
    seconds: dict[str, float], started: float,
) -> Made:  # fmt: skip
    begun = time.perf_counter()
    made, held = _head(dataset, seen, named), _lesson(dataset, seen, "valid")
    answers, _ = made.photos(held.features)
    shown = np.array([len(features) > 0 for features in held.features], bool)
    right = (answers.argmax(axis=1) == held.targets) & shown
    temperature = metrics.fit_temperature(answers[shown], held.targets[shown])
    losses = metrics.losses(metrics.at_temperature(answers, temperature), held.targets)
    accuracy = metrics.accuracy(right, held.targets, dataset.labels)
    onnx = graph.answering(eyes.model, made.means, made.weight, made.bias)
    now = time.perf_counter()
    row = {"epoch": 0, "valid_loss": float(losses.sum()) / max(1, len(losses)), "accuracy": accuracy.value}
    times = {**seconds, "fit": now - begun, "total": now - started}
    return Made(dataset, made, onnx, accuracy, temperature, (row,) if len(losses) else (), faults, times)


def _head(dataset: Dataset, seen: dict[str, PhotoFaces], named: set[str]) -> head.Head:
    """The head that names best, with the faces of the photos `named` (sha256), whose label somebody has told."""
    made = head.learn(_lesson(dataset, seen, "train"))
    rows = [
        (dataset.labels.index(example.label), seen[example.sha256].features)
        for example in dataset.part("train") if example.sha256 in named and len(seen[example.sha256].features)
    ]  # fmt: skip
    return extended(made, [(label, faces[meant(faces, made.means[label])]) for label, faces in rows])


def versions() -> dict[str, str]:
    """What the run was made with."""
    return {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}}


__all__ = ["NETWORK", "SAME", "SPEC", "Made", "train", "versions"]
