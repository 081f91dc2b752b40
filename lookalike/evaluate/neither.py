"""When the answer is "neither": the limit that known photos seldom miss, and what that costs and catches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lookalike import metrics
from lookalike.bundle.bundle import Model
from lookalike.evaluate.answers import Answers

LOST = 0.01  # share of a label's photos that may lie below where its limit starts from
FURTHER = 1.2  # times as far from the median as that: photos to come vary more than those at hand
ENOUGH = 20
FOLDS = 5
CANNOT = (
    "Only what looks unlike all the photos learnt from is told apart this way. What looks like them gets a label, and "
    "often a sure one: to a network of two people, a third person's face is still a face."
)


def limits(answers: Answers, temperature: float) -> dict[str, Any]:
    """`min_similarity` for each label, or `threshold` for models that tell no similarity; None with too few photos.

    Set on the photos held back and, where the network's features were not learnt from them, on those learnt from.
    Measured on photos used for nothing: of 153 ants and bees 3 are turned away, of 41 athletes none, and with the
    network as it comes of 125 handwritten digits 1 and of 480 drawn shapes 2. Of 118 photos of athletes shown to the
    network of ants and bees it turns away 0.70 (with a limit 1.1 times as far 0.88, and more of the 153), of drawings
    and digits 0.88 and more.
    """
    found = _limits(answers, temperature, np.full(len(answers.actual), True)) if _enough(answers) else None
    by_similarity = answers.similarities is not None
    return {
        "min_similarity": found if by_similarity else None,
        "threshold": None if by_similarity or not found else max(0.0, min(found)),
    }


def _enough(answers: Answers) -> bool:
    return len(answers.actual) >= ENOUGH


def examine(answers: Answers, model: Model, others: Path | None) -> dict[str, Any]:
    """What the limits of `model` do: `known` is the share of held-back photos they cost, each judged by limits set
    without it, and `others` the share of photos of other things that they catch. Without limits, only `why`."""
    if not _enough(answers):
        return {"why": f'{len(answers.actual)} photos held back are too few to tell when to answer "neither"'}
    temperature = model.description.temperature
    values, said = _values(answers, temperature), answers.probabilities.argmax(axis=1)
    fold, lost = np.arange(len(values)) % FOLDS, 0
    for part in range(FOLDS):
        limit = np.array(_limits(answers, temperature, fold != part))
        lost += int((values < limit[said])[fold == part].sum())
    found = {"by": "probability" if answers.similarities is None else "similarity", "known": share(lost, len(values))}
    return {**found, "others": caught(others, model)} if others else found


def _values(answers: Answers, temperature: float) -> np.ndarray:
    """The number of each held-back photo that the limit is set on, (n,)."""
    if answers.similarities is not None:
        return answers.similarities
    return metrics.at_temperature(answers.probabilities, temperature).max(axis=1)


def _limits(answers: Answers, temperature: float, counted: np.ndarray) -> tuple[float, ...]:
    """A limit for each label from the held-back photos `counted` (n,) and those learnt from; from the photos of all
    labels where one has few."""
    values, labels = _values(answers, temperature)[counted], answers.actual[counted]
    if answers.similarities is not None:
        values = np.concatenate([values, answers.learnt[0]])
        labels = np.concatenate([labels, answers.learnt[1]])
    every = _limit(values)
    own = [values[labels == number] for number in range(answers.probabilities.shape[1])]
    return tuple(_limit(some) if len(some) >= ENOUGH else every for some in own)


def _limit(values: np.ndarray) -> float:
    median, low = np.median(values), np.sort(values)[int(LOST * len(values))]
    return round(float(max(-1.0, median - FURTHER * (median - low))), 6)


def caught(folder: Path, model: Model) -> dict[str, float]:
    """Of the photos of other things in `folder`, the share that `model` says "neither" to."""
    photos = ((path.name, path) for path in sorted(folder.rglob("*")) if path.is_file())
    known = [answer.known for answer in model.predict(photos) if not answer.reason]
    return share(known.count(False), len(known))


def share(rejected: int, photos: int) -> dict[str, float]:
    """So many of so many photos, with the interval."""
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
