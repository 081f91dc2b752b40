"""When the answer is "neither": the limit that known photos seldom miss, and what that costs and catches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lookalike import metrics
from lookalike.bundle.bundle import Model
from lookalike.evaluate.answers import Answers

LOST = 0.05  # share of the photos held back that the limit may cost
ENOUGH = 20
FOLDS = 5
CANNOT = (
    "Only what looks unlike all the photos learnt from is told apart this way. What looks like them gets a label, and "
    "often a sure one: to a network of two people, a third person's face is still a face."
)


def limits(answers: Answers, temperature: float) -> dict[str, Any]:
    """`min_similarity`, or `threshold` for models that tell no similarity; None where there are too few photos.

    Measured with 5 % of known photos lost: of 118 photos of athletes shown to a network of ants and bees, a limit on
    probability turns away 0.51 and one on similarity 1.00; of 398 photos of ants and bees shown to a network of two
    athletes' faces, 0.37 and 1.00.
    """
    limit = _limit(_values(answers, temperature)) if len(answers.actual) >= ENOUGH else None
    by_similarity = answers.similarities is not None
    return {"min_similarity": limit if by_similarity else None, "threshold": None if by_similarity else limit}


def examine(answers: Answers, model: Model, others: Path | None) -> dict[str, Any]:
    """What the limits of `model` do: `known` is the share of held-back photos they cost, each judged by a limit set
    without it, and `others` the share of photos of other things that they catch. Without limits, only `why`."""
    if len(answers.actual) < ENOUGH:
        return {"why": f'{len(answers.actual)} photos held back are too few to tell when to answer "neither"'}
    values = _values(answers, model.description.temperature)
    fold = np.arange(len(values)) % FOLDS
    lost = sum(int((values[fold == part] < _limit(values[fold != part])).sum()) for part in range(FOLDS))
    found = {"by": "probability" if answers.similarities is None else "similarity", "known": _share(lost, len(values))}
    return {**found, "others": _caught(others, model)} if others else found


def _values(answers: Answers, temperature: float) -> np.ndarray:
    """The number of each held-back photo that the limit is set on, (n,)."""
    if answers.similarities is not None:
        return answers.similarities
    return metrics.at_temperature(answers.probabilities, temperature).max(axis=1)


def _limit(values: np.ndarray) -> float:
    return round(float(np.quantile(values, LOST)), 6)


def _caught(folder: Path, model: Model) -> dict[str, float]:
    """Of the photos of other things in `folder`, the share that `model` says "neither" to."""
    photos = ((path.name, path) for path in sorted(folder.rglob("*")) if path.is_file())
    known = [answer.known for answer in model.predict(photos) if not answer.reason]
    return _share(known.count(False), len(known))


def _share(rejected: int, photos: int) -> dict[str, float]:
    rate = metrics.rate(rejected, photos)
    return {"rejected": rejected, "photos": photos, "share": rate.value, "low": rate.low, "high": rate.high}


def lines(found: dict[str, Any]) -> list[str]:
    """The same for a person."""
    if why := found.get("why"):
        return [why]
    named = (("known", "photos of these labels"), ("others", "photos of other things"))
    return [f'{name}: {_sentence(found[key])} answered with "neither"' for key, name in named if key in found]


def _sentence(share: dict[str, float]) -> str:
    interval = f"95 % interval {share['low']:.3f} to {share['high']:.3f}"
    return f"{share['rejected']} of {share['photos']} ({share['share']:.3f}, {interval})"
