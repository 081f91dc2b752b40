"""How far to trust the number: leaks, calibration, and labels that something silly gives away."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from lookalike import metrics
from lookalike.errors import UnusablePhoto
from lookalike.evaluate.answers import Answers
from lookalike.photos import images
from lookalike.project import dataset as datasets
from lookalike.project.manifest import Manifest
from lookalike.project.records import Example, TrainedRun

CLOSE = 0.10


def examine(folder: Path, trained: TrainedRun, answers: Answers) -> dict[str, Any]:
    """Every check, by name, in JSON types."""
    checks: dict[str, Any] = {"leak": leak(folder, answers), "calibration": calibrated(answers)}
    if shortcut := shortcuts(folder, answers.root, trained):
        checks["shortcuts"] = shortcut
    return checks


def calibrated(answers: Answers, folds: int = 5) -> dict[str, Any]:
    """Expected calibration error before and after temperature scaling; each photo is scaled by a temperature fitted
    without it."""
    found, actual = answers.probabilities, answers.actual
    scaled = found.copy()
    fold = np.arange(len(actual)) % folds
    for number in range(folds):
        temperature = metrics.fit_temperature(found[fold != number], actual[fold != number])
        scaled[fold == number] = metrics.at_temperature(found[fold == number], temperature)
    before, _ = metrics.calibration(found, actual)
    after, bins = metrics.calibration(scaled, actual)
    return {"ece_before": before, "ece_after": after, "bins": bins}


def leak(folder: Path, answers: Answers) -> dict[str, Any]:
    """How many measured photos are copies of photos learnt from, and the accuracy without them."""
    examples = datasets.read_examples(folder / "split.csv")
    learnt = {example.group for example in examples if example.part == "train"}
    learnt |= {example.sha256 for example in examples if example.part == "train"}
    copies = np.array([e.group in learnt or e.sha256 in learnt for e in answers.examples])
    right = answers.probabilities.argmax(axis=1) == answers.actual
    clean = metrics.rate(int(right[~copies].sum()), int((~copies).sum()))
    return {"copies": int(copies.sum()), "without_copies": clean.to_json()}


def shortcuts(folder: Path, root: Path, trained: TrainedRun) -> dict[str, float]:
    """How well each of size, colour, border and source alone tells the labels apart (5-fold accuracy), and `chance`.

    When one comes near the network's own accuracy, the network may have learnt that instead of what was meant
    (R. Geirhos et al., "Shortcut learning in deep neural networks", 2020).
    """
    examples = datasets.read_examples(folder / "split.csv")
    records = Manifest(root).fold().files
    rows, targets, groups = [], [], []
    for example in examples:
        if traits := _traits(root, example, records):
            rows.append(traits)
            targets.append(trained.labels.index(example.label))
            groups.append(example.group)
    counts = np.bincount(targets, minlength=len(trained.labels)) if targets else np.zeros(1)
    different = [{group for group, target in zip(groups, targets, strict=True) if target == number}
                 for number in range(len(trained.labels))]  # fmt: skip
    if min(len(some) for some in different) < 10:
        return {}
    scores = {"chance": float(counts.max() / counts.sum())}
    for name in rows[0]:
        scores[name] = _alone([row[name] for row in rows], np.array(targets), groups)
    return scores


def _traits(root: Path, example: Example, records: dict[str, Any]) -> dict[str, Any] | None:
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


def suspicious(checks: dict[str, Any], accuracy: float) -> list[str]:
    """The traits that alone come within 0.10 of the network's accuracy, and are no mere guess."""
    scores = checks.get("shortcuts", {})
    floor = max(accuracy - CLOSE, scores.get("chance", 1.0) + 0.15)
    return [name for name, score in scores.items() if name != "chance" and score >= floor]
