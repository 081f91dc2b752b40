"""`lookalike suggest`: which photos without a label to label next, and why.

Photos are chosen one after the other so that together they stand for the rest, and most for those that the model is
unsure about: each time the one that brings the largest gain in likeness, weighted by doubt (facility location; K. Wei
et al., "Submodularity in Data Subset Selection and Active Learning", ICML 2015). A copy of a chosen photo brings none.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from lookalike.bundle import bundle, locate
from lookalike.bundle.features import seen_by
from lookalike.bundle.running import Session
from lookalike.errors import ConfigError, NotReadyError, UnusablePhoto
from lookalike.files import JsonObject, sha256_file
from lookalike.photos.decode import Pool
from lookalike.project.manifest import Manifest
from lookalike.project.paths import Project
from lookalike.project.records import Prediction
from lookalike.project.walk import below
from lookalike.report import SILENT, Block, Reporter, Table
from lookalike.text import CsvWriter, counted

BATCH = 16
SURE = 0.05  # weight of a photo without any doubt: it may stand for others all the same
NEAR_LIMIT = 0.1  # of a similarity: so far from the limit there is little doubt whether a face is known
MOST = 5000  # photos that are compared with each other
MUCH = 0.3  # doubt from which it is told as the reason


@dataclass(frozen=True)
class Suggestion:
    """A photo to label, the label it is closest to, and why it."""

    file: str
    closest: str
    doubt: float
    stands_for: int
    why: str


@dataclass(frozen=True)
class Suggestions:
    """Photos to label next, the most useful first, of so many that could be looked at."""

    kind: ClassVar[str] = "suggest"
    chosen: tuple[Suggestion, ...]
    looked_at: int
    skipped: int
    printed: bool = False

    def data(self) -> JsonObject:
        """Each photo with the reason, and how many were looked at and passed over."""
        return {"photos": [vars(one) for one in self.chosen], "looked_at": self.looked_at, "skipped": self.skipped}

    def show(self) -> Iterable[Block]:
        """A line for each photo, and what to do with them."""
        if self.printed:
            return
        rows = tuple((one.file, one.closest, one.why) for one in self.chosen)
        yield Table("label these", ("photo", "closest to", "why"), rows)
        skipped = f", {self.skipped} passed over (labelled already, no face, or unreadable)" if self.skipped else ""
        yield f"{counted(len(self.chosen), 'photo')} of {self.looked_at}{skipped}"
        yield "next: move each into images/LABEL/, then lookalike train"


def run(
    project: Project,
    folder: Path,
    count: int,
    model: str | None = None,
    *,
    csv: bool = False,
    report: Reporter = SILENT,
) -> Suggestions:
    """The `count` photos of a folder to label next; with `csv` they are printed as such a table.

    Raises ConfigError when there is no such folder, NotReadyError without a model or a photo that can be used.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}", "name a folder of photos without labels")
    found = locate.locate(project, model)
    opened = bundle.load(found)
    known = {record.sha256 for record in Manifest(project.images).fold().files.values()}
    files = [folder / item.file for item in below(folder) if not item.reason]
    files = [path for path in files if sha256_file(path) not in known]
    told = list(_looked_at(opened, Session(seen_by((found / "model.onnx").read_bytes())), files, report))
    if not told:
        raise NotReadyError(f"no photo in {folder} can be looked at", "name a folder of photos without labels")
    told = told[:: -(-len(told) // MOST)]
    doubts = np.array([_doubt(prediction, opened) for prediction, _ in told])
    chosen = tuple(_chosen(told, doubts, count))
    skipped = len([item for item in below(folder) if not item.reason]) - len(told)
    if csv:
        report.emit(_table(chosen))
    return Suggestions(chosen, len(told), skipped, printed=csv)


def _looked_at(
    model: bundle.OnnxModel, network: Session, files: Sequence[Path], report: Reporter
) -> Iterable[tuple[Prediction, np.ndarray]]:
    """The answer for each photo that gives one, and its features (d,) of length 1; of people those of its face that is
    most like one of them."""
    with Pool() as pool, report.task("photos", len(files)) as task:
        asked = ((str(path), path, model.reader) for path in files)
        for (name, _, _), pixels in pool.map("lookalike.bundle.bundle:read_named", asked):
            task.advance()
            if isinstance(pixels, UnusablePhoto):
                continue
            batch = pixels[None] if isinstance(pixels, np.ndarray) else pixels.pixels
            if len(batch):
                answers = model.predictions([name] * len(batch), batch)
                best = max(range(len(batch)), key=lambda face: answers[face].similarity or 0.0)
                (features,) = network.run(None, {"image": batch[best : best + 1]})
                row = np.asarray(features, np.float32).reshape(-1)
                yield answers[best], row / max(float(np.linalg.norm(row)), 1e-9)


def _doubt(prediction: Prediction, model: bundle.OnnxModel) -> float:
    """From 0, sure, to 1: how little the best label leads, or, of people, how near the face is to the limit of being
    somebody known."""
    first, second = (*(p for _, p in prediction.probabilities[:2]), 0.0)[:2]
    doubt, limit = 1 - (first - second), model.description.min_similarity
    if model.description.input.crop == "aligned" and limit is not None and prediction.similarity is not None:
        own = limit[model.description.labels.index(prediction.label)] if isinstance(limit, tuple) else limit
        doubt = max(0.0, 1 - abs(prediction.similarity - own) / NEAR_LIMIT)
    return float(doubt)


def _chosen(told: Sequence[tuple[Prediction, np.ndarray]], doubts: np.ndarray, count: int) -> Iterable[Suggestion]:
    seen = np.stack([row for _, row in told])
    seen = seen - seen.mean(axis=0) if len(seen) > 1 else seen
    seen /= np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-9)
    likeness = np.maximum(seen @ seen.T, 0)
    order = facility_location(likeness, doubts + SURE, count)
    nearest = np.array(order)[likeness[:, order].argmax(axis=1)]
    for place in order:
        prediction, number = told[place][0], int((nearest == place).sum())
        why = _why(prediction, float(doubts[place]), number)
        yield Suggestion(prediction.file, prediction.label, round(float(doubts[place]), 3), number, why)


def facility_location(likeness: np.ndarray, weights: np.ndarray, count: int) -> list[int]:
    """So many of n things, chosen greedily: each the one that most raises the weighted sum (n,) of every thing's
    likeness (n, n) to the nearest chosen one; fewer when nothing is left to gain."""
    best, chosen = np.zeros(len(likeness)), list[int]()
    while len(chosen) < min(count, len(likeness)):
        gains = weights @ np.maximum(likeness - best[:, None], 0)
        if gains.max() <= 1e-6 and chosen:
            break
        chosen.append(int(gains.argmax()))
        best = np.maximum(best, likeness[:, chosen[-1]])
    return chosen


def _why(prediction: Prediction, doubt: float, stands_for: int) -> str:
    alike = f"like {counted(stands_for - 1, 'other')}" if stands_for > 1 else "like no other"
    if doubt < MUCH:
        return alike
    (first, p), *others = prediction.probabilities[:2]
    if prediction.doubt or not others:
        return f"unsure whether it is {first} at all; {alike}"
    return f"between {first} ({p:.0%}) and {others[0][0]} ({others[0][1]:.0%}); {alike}"


def _table(chosen: Sequence[Suggestion]) -> str:
    buffer = io.StringIO()
    writer = CsvWriter(buffer, end="\n")
    writer.row(("file", "closest", "doubt", "stands_for", "why"))
    for one in chosen:
        writer.row((one.file, one.closest, one.doubt, one.stands_for, one.why))
    return buffer.getvalue().rstrip("\n")
