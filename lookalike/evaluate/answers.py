"""What the network says about the photos that were held back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lookalike.bundle.bundle import OnnxModel
from lookalike.errors import NotReadyError
from lookalike.files import sha256_file
from lookalike.photos.cache import PixelCache, Pixels, exact
from lookalike.project import dataset as datasets
from lookalike.project.paths import Project
from lookalike.project.records import Example, TrainedRun
from lookalike.project.walk import walk
from lookalike.report import Reporter


@dataclass(frozen=True)
class Answers:
    """Held-back photos with their probabilities (n, labels) and right labels (n,), at temperature 1.

    `similarities` (n,) to the photos learnt from are None when the model doesn't tell them. `part` is `test` when
    photos were kept for nothing but this, else `valid`. `root` is the folder of the photos. `learnt` are similarities
    and right labels of photos learnt from, each to the others, when the network sees them as it would new ones.
    """

    part: str
    root: Path
    examples: tuple[Example, ...]
    probabilities: np.ndarray
    actual: np.ndarray
    pixels: dict[str, Pixels]
    unreadable: tuple[dict[str, str], ...] = ()
    similarities: np.ndarray | None = None
    learnt: tuple[np.ndarray, np.ndarray] = (np.zeros(0, np.float32), np.zeros(0, int))

    def describe(self, index: int, labels: tuple[str, ...], loss: float) -> dict[str, object]:
        """One photo as a row of the report."""
        row = self.probabilities[index]
        return {
            "file": self.examples[index].file,
            "path": str(self.root / self.examples[index].file),
            "sha256": self.examples[index].sha256,
            "actual": labels[int(self.actual[index])],
            "predicted": labels[int(row.argmax())],
            "probability": float(row.max()),
            "loss": loss,
        }


def collect(project: Project, folder: Path, trained: TrainedRun, model: OnnxModel, *, report: Reporter) -> Answers:
    """Ask the model about every held-back photo. Labels are matched by name, never by position.

    Raises NotReadyError when none of the photos is there any more.
    """
    root, cache = project.locate(trained.images), PixelCache(project)
    examples = datasets.examples_of(folder, trained)
    part = "test" if any(example.part == "test" for example in examples) else "valid"
    held = [example for example in examples if example.part == part]
    if not held:
        hint = "add a second photo of each label, then `lookalike train` again"
        raise NotReadyError("this run held back no photo to measure on", hint)
    places = [(root / example.file, example.sha256) for example in held]
    seen, faults = cache.get(places, exact(trained.input), report=report)
    if new := _not_learnt(root, trained):
        report.warn(f"{root} has {', '.join(new)}, which this run has not learnt; `lookalike train` takes all there is")
    gone = {path: fault for path, sha256 in places if (fault := _fault(path, sha256))}
    usable = [(e, p) for e, p in zip(held, seen, strict=True) if p is not None and root / e.file not in gone]
    if not usable:
        raise NotReadyError(f"none of the {len(held)} held-back photos is in {root}", "run `lookalike train` again")
    index = {label: number for number, label in enumerate(trained.labels)}
    actual = np.array([index[example.label] for example, _ in usable])
    probabilities, similarities = model.ask_each([pixels for _, pixels in usable])
    for number, (_, pixels) in enumerate(usable):
        if not len(pixels):  # without a face it is no hit, whichever label comes first
            probabilities[number, actual[number]] -= 1e-6
    reasons = {**{path: str(fault) for path, fault in faults.items()}, **gone}
    return Answers(
        part=part,
        root=root,
        examples=tuple(example for example, _ in usable),
        probabilities=probabilities,
        similarities=similarities,
        learnt=_learnt(folder, trained),
        actual=actual,
        pixels={example.file: pixels for example, pixels in usable},
        unreadable=tuple({"file": str(path), "reason": reason} for path, reason in reasons.items()),
    )


def _learnt(folder: Path, trained: TrainedRun) -> tuple[np.ndarray, np.ndarray]:
    """Similarities and labels as numbers of the photos learnt from, where the training kept them."""
    number = {label: index for index, label in enumerate(trained.labels)}
    rows = [(value, number[label]) for label, value in datasets.read_similarities(folder) if label in number]
    return np.array([value for value, _ in rows], np.float32), np.array([label for _, label in rows], int)


def _not_learnt(root: Path, trained: TrainedRun) -> list[str]:
    """The labels that came after the training, as `train` would find them."""
    return sorted(set(walk(root).labels) - set(trained.labels)) if root.is_dir() else []


def _fault(path: Path, sha256: str) -> str:
    """Why a file is no longer the photo that was held back, or ""."""
    try:
        return "" if sha256_file(path) == sha256 else "changed since the training"
    except OSError:
        return "missing"
