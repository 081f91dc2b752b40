"""What the number would have been with a split that lets copies of a photo straddle it."""

from __future__ import annotations

import numpy as np

from lookalike.evaluate.finding import EvaluationFinding, Measured
from lookalike.evaluate.probing import Probed
from lookalike.files import JsonObject
from lookalike.logistic import FOLDS, one_thread
from lookalike.project.records import Evaluation

REPEATS = 5
NOTEWORTHY = 0.005


class NaiveSplit(EvaluationFinding):
    """How far a split that ignores copies would have flattered."""

    def find(self, run: Measured) -> dict[str, object]:
        """What `naive_split` tells; nothing of people, where no probe looks."""
        return {} if run.of_people else naive_split(run.photos)

    def warnings(self, found: dict[str, object], evaluation: Evaluation) -> list[str]:
        """By how much, where that is worth a word."""
        return [sentence(found)] if noteworthy(found) else []

    def remarks(self, found: dict[str, object]) -> list[str]:
        """The sentence again where it is not noteworthy enough for a warning."""
        return [] if noteworthy(found) else [sentence(found)]


def naive_split(photos: Probed) -> dict[str, object]:
    """Cross-validated accuracy of a linear probe twice: copies held together (`grouped`), and scattered (`naive`).

    `gap` is by how much the second flatters, `noise` the 95 % half-width of that over the repeats. Without copies
    the gap is 0 and nothing is computed; with too few photos to tell, there is no gap and `why` says so.
    """
    sizes = np.bincount(photos.groups)
    copies = int(sizes[sizes > 1].sum())
    if not copies:
        return {"copies": 0, "gap": 0.0}
    labels = range(photos.targets.max() + 1)
    fewest = min(photos.different(label) for label in labels)
    if fewest < FOLDS:
        return {
            "copies": copies,
            "why": f"of a label, {fewest} different photos were looked at, and {FOLDS} are needed",
        }
    with one_thread():
        grouped = [_accuracy(photos, seed, ignore_copies=False) for seed in range(REPEATS)]
        naive = [_accuracy(photos, seed, ignore_copies=True) for seed in range(REPEATS)]
    gaps = np.subtract(naive, grouped)
    return {
        "copies": copies,
        "grouped": float(np.mean(grouped)),
        "naive": float(np.mean(naive)),
        "gap": float(gaps.mean()),
        "noise": float(1.96 * gaps.std(ddof=1) / np.sqrt(REPEATS)),
    }


def _accuracy(photos: Probed, seed: int, *, ignore_copies: bool) -> float:
    """Share of photos named right, each by a probe that did not learn from it."""
    wrong = [photos.wrong(learn, hold) for learn, hold in photos.folds(seed, ignore_copies=ignore_copies)]
    return 1 - float(np.concatenate(wrong).mean())


def noteworthy(found: JsonObject) -> bool:
    """Whether copies would have flattered by more than chance and by half a point."""
    return bool(found.get("gap", 0.0) >= max(NOTEWORTHY, found.get("noise", 0.0)))


def sentence(found: JsonObject) -> str:
    """How much better photos that have copies on the other side make it look."""
    if "why" in found:
        return f"{found['copies']} photos are copies; what they would flatter by was not measured: {found['why']}"
    if not found["copies"]:
        return "a split that ignores copies would have claimed the same: no photo has a copy (gap 0)"
    numbers = f"{found['naive']:.3f} instead of {found['grouped']:.3f}"
    if not noteworthy(found):
        return f"a split that ignores copies would have claimed about the same: {numbers} (linear probe)"
    return (
        f"a split that ignores copies would have claimed {numbers}, {100 * found['gap']:.1f} points too much"
        f" (linear probe, {found['copies']} photos are copies)"
    )
