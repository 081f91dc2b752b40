"""Whether something silly gives the labels away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from lookalike.errors import UnusablePhoto
from lookalike.evaluate.finding import EvaluationFinding, Measured
from lookalike.files import JsonObject
from lookalike.photos import images
from lookalike.project.manifest import Manifest
from lookalike.project.records import Evaluation, Example

CLOSE = 0.10
MOST_LABELS = 50  # with more, forests take minutes, and no single trait tells so many apart


class Shortcuts(EvaluationFinding):
    """How well size, colour, border or source alone would tell the labels apart."""

    needs: ClassVar[tuple[str, ...]] = ("sklearn",)

    def find(self, run: Measured) -> JsonObject:
        """The accuracy of each, and `chance`."""
        if len(run.trained.labels) > MOST_LABELS:
            return {}
        return scores_alone(run.examples, run.answers.root, run.trained.labels)

    def warnings(self, found: JsonObject, evaluation: Evaluation) -> list[str]:
        """The traits that alone come within 0.10 of the network's accuracy, and are no mere guess."""
        floor = max(evaluation.accuracy.value - CLOSE, found["chance"] + 0.15)
        names = [name for name, score in found.items() if name != "chance" and score >= floor]
        return [f"{name} alone tells the labels apart {found[name]:.2f} of the time" for name in names]

    def facts(self, found: JsonObject) -> list[tuple[str, str]]:
        """How well each trait alone (size, shape, brightness, colour, format) tells the labels apart."""
        return [
            (f"right by its {name} alone" if name != "chance" else "right by always saying one label", f"{score:.2f}")
            for name, score in found.items()
        ]


def scores_alone(examples: Sequence[Example], root: Path, labels: tuple[str, ...]) -> dict[str, float]:
    """How well each of size, colour, border and source alone tells the labels apart (5-fold accuracy), and `chance`.

    When one comes near the network's own accuracy, the network may have learnt that instead of what was meant
    (R. Geirhos et al., "Shortcut learning in deep neural networks", 2020).
    """
    records = Manifest(root).fold().files
    rows, targets, groups = [], [], []
    for example in examples:
        if traits := _traits(root, example, records):
            rows.append(traits)
            targets.append(labels.index(example.label))
            groups.append(example.group)
    counts = np.bincount(targets, minlength=len(labels)) if targets else np.zeros(1)
    different = [{group for group, target in zip(groups, targets, strict=True) if target == number}
                 for number in range(len(labels))]  # fmt: skip
    if min(len(some) for some in different) < 10:
        return {}
    scores = {"chance": float(counts.max() / counts.sum())}
    for name in rows[0]:
        scores[name] = _alone([row[name] for row in rows], np.array(targets), groups)
    return scores


def _traits(root: Path, example: Example, records: JsonObject) -> JsonObject | None:
    """What a lazy network could go by, for one photo."""
    try:
        photo = images.open_photo(root / example.file, at_least=64)
    except UnusablePhoto:
        return None
    width, height = photo.width, photo.height
    small = np.asarray(photo.image.resize((16, 16), Image.Resampling.BOX), dtype=float) / 255
    edge = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    record = records.get(example.file)
    source = f"{record.provider} {urlsplit(record.image_url).hostname}" if record else ""
    return {
        "size": [np.log(width), np.log(height), np.log(width / height), np.log((root / example.file).stat().st_size)],
        "colour": [*small.mean((0, 1)), *small.std((0, 1))],
        "border": [*edge.mean(0), *edge.std(0)],
        "source": source,
    }


def _alone(traits: list[Any], targets: np.ndarray, groups: list[str]) -> float:
    """Cross-validated accuracy of a small forest that sees nothing but one trait."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_score

    if isinstance(traits[0], str):
        names = sorted(set(traits))
        table = np.array([[name == trait for name in names] for trait in traits], dtype=float)
    else:
        table = np.array(traits)
    forest = RandomForestClassifier(50, min_samples_leaf=3, random_state=0)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    return float(cross_val_score(forest, table, targets, groups=groups, cv=folds).mean())
