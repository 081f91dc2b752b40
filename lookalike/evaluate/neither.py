"""When the answer is "not sure": the limit that known photos seldom miss, and what that costs and catches."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from lookalike import metrics
from lookalike.bundle.bundle import OnnxModel
from lookalike.errors import ConfigError, NotReadyError
from lookalike.evaluate.answers import Answers
from lookalike.evaluate.finding import EvaluationFinding, Measured
from lookalike.files import JsonObject
from lookalike.people.identity import SAME
from lookalike.project.walk import below

ENOUGH = 10  # photos that tell where the limit lies; held back ones alone where there is no similarity: 20
ENOUGH_HELD = 20
FOLDS = 5
LOST = 0.008  # share of new photos that the limit shall turn away
SPARED = 0.02  # share of one label's new photos, however unlike the rest it is
TAIL, LEAST = 0.1, 5  # the share of photos, and how many at least, the lowest, that tell how far down new ones lie
ODD = 6.0  # medians of the distances below the others, as far as one photo counts: it may be a mistake
OWN = 10  # photos of a label from which it may have a limit of its own
SMALLEST = 1e-6  # of what is missing to a similarity of 1
CANNOT = (
    "Only what looks unlike all the photos learnt from is told apart this way. What looks like them gets a label, and "
    "often a sure one: to a network of two people, a third person's face is still a face."
)


class Neither(EvaluationFinding):
    """What the limits of "not sure" cost and catch."""

    title = "When it is not sure"

    def find(self, run: Measured) -> dict[str, object]:
        """What `examine` tells, or of people what stands in its place."""
        measure = examine_people if run.of_people else examine
        own = run.project.others
        kept = own if any(not item.reason for item in below(own)) else None
        return measure(run.answers, run.model, run.settings.evaluate.others or kept)

    def sentences(self, found: dict[str, object]) -> list[str]:
        """Both shares, or why they cannot be told."""
        return lines(found)

    def remarks(self, found: dict[str, object]) -> list[str]:
        """What it can't do; of people that is said elsewhere."""
        return [] if found.get("by") == "faces" else [CANNOT]


def limits(answers: Answers, temperature: float) -> JsonObject:
    """`min_similarity` for each label, or `threshold` for models that tell no similarity; None with too few photos.

    Set on similarities that chose nothing else: of the photos held back, and of those learnt from, each along the axes
    of the others. `make bench ONLY=neither` measures the cost.
    """
    found = _limits(answers, temperature, np.full(len(answers.actual), True)) if _enough(answers) else None
    by_similarity = answers.similarities is not None
    return {
        "min_similarity": found if by_similarity else None,
        "threshold": None if by_similarity or not found else max(0.0, min(found)),
    }


def _enough(answers: Answers) -> bool:
    held = len(answers.actual)
    return held >= ENOUGH_HELD if answers.similarities is None else held + len(answers.learnt[0]) >= ENOUGH


def examine(answers: Answers, model: OnnxModel, others: Path | None) -> JsonObject:
    """What the limits of `model` do: `known` is the share of held-back photos they cost, each judged by limits set
    without it, and `others` the share of photos of other things that they catch. Without limits, only `why`."""
    if not _enough(answers):
        return {"why": f'{len(answers.actual)} photos held back are too few to tell when to answer "not sure"'}
    temperature = model.description.temperature
    values, said = _values(answers, temperature), answers.probabilities.argmax(axis=1)
    fold, lost = np.arange(len(values)) % FOLDS, 0
    for part in range(FOLDS):
        limit = np.array(_limits(answers, temperature, fold != part))
        lost += int((values < limit[said])[fold == part].sum())
    found = {"by": "probability" if answers.similarities is None else "similarity", "known": share(lost, len(values))}
    return {**found, "others": caught(others, model)} if others else found


def examine_people(answers: Answers, model: OnnxModel, others: Path | None) -> JsonObject:
    """The same of a run on people, whose limits are set on other photos than those held back."""
    lost = ~known(answers, limits_of_people(model))
    found = {"by": "faces", "known": share(int(lost.sum()), len(lost))}
    return {**found, "others": caught(others, model)} if others else found


def limits_of_people(model: OnnxModel) -> np.ndarray:
    """The similarity from which a model on people gives each label, (labels,)."""
    limit = model.description.min_similarity
    return np.broadcast_to(np.array(SAME if limit is None else limit), len(model.description.labels))


def known(answers: Answers, limits: np.ndarray) -> np.ndarray:
    """Which photos held back show somebody known, (n,); one without a face does not."""
    assert answers.similarities is not None
    said = answers.probabilities.argmax(axis=1)
    return np.asarray((answers.similarities > -1) & (answers.similarities >= limits[said]))


def _values(answers: Answers, temperature: float) -> np.ndarray:
    """The number of each held-back photo that the limit is set on, (n,)."""
    if answers.similarities is not None:
        return answers.similarities
    return metrics.at_temperature(answers.probabilities, temperature).max(axis=1)


def _limits(answers: Answers, temperature: float, counted: np.ndarray) -> tuple[float, ...]:
    """A limit for each label, from the held-back photos `counted` (n,) and those learnt from."""
    values, labels = _values(answers, temperature)[counted], answers.actual[counted]
    number = answers.probabilities.shape[1]
    if answers.similarities is None:
        return (limit(values, LOST),) * number
    values = np.concatenate([values, _as_new(answers.learnt[0], values)]).astype(float)
    labels = np.concatenate([labels, answers.learnt[1]])
    every = limit(values, LOST)
    of_each = (values[labels == label] for label in range(number))
    own = [min(every, limit(some, SPARED)) if len(some) >= OWN else every for some in of_each]
    return tuple(math.floor(max(-1.0, low) * 1e6) / 1e6 for low in own)


def _as_new(learnt: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The similarities (n,) of photos learnt from, no higher than those of new ones as the photos held back tell.

    Copies among them that nothing grouped flatter them, and a network that has learnt to see from them does: of the web
    photos of two people, what is missing to 1 is longer for new ones by a factor of 1.12 to 1.15, of two athletes in a
    fine-tuned network 1.07, of ants, drawings and emoji by 0.92 to 1.03. It is never taken for shorter: few photos held
    back say it roughly. Without those learnt from, a fine-tuned network of athletes had 16 photos to set limits by, and
    let everything in; with them it catches 0.6 to 1.
    """
    if not len(learnt) or not len(held):
        return learnt
    longer = float(np.median(1 - held)) / max(SMALLEST, float(np.median(1 - learnt)))
    return np.asarray(1 - (1 - learnt) * max(1.0, longer))


def limit(values: np.ndarray, lost: float) -> float:
    """What the share `lost` of new photos will lie below, from similarities (n,) of known ones.

    There are too few to count so small a share of them. But below the lowest tenth photos thin out about
    exponentially (J. Pickands, "Statistical Inference Using Extreme Order Statistics", Annals of Statistics 3, 1975, in
    its simplest form), and their mean distance says how fast. That of few photos says it roughly, so with `below` of
    them new ones are spread as a Pareto distribution (the predictive one), and the limit lies farther down.

    Measured on eleven sets, by photos that set nothing: of at most 1.2 % the limits turn away, of ants and bees, faces,
    digits, scans none. Told by the lowest quarter they let in more of other things (of people's web photos 28 % instead
    of 12) and turn away no fewer. With a normal distribution in its place of ants and bees 3 % would be turned away.
    """
    tail = max(TAIL, LEAST / len(values))
    start = float(np.quantile(values, tail))
    below = start - values[values < start]
    if not len(below):
        return start
    mean = float(np.minimum(below, ODD * np.median(below)).mean())
    return start - mean * len(below) * math.expm1(math.log(tail / lost) / len(below))


def caught(folder: Path, model: OnnxModel) -> dict[str, float]:
    """Of the photos of other things in `folder`, the share that `model` says "not sure" to.

    Raises ConfigError when there is no such folder, NotReadyError when no photo in it can be read.
    """
    if not folder.is_dir():
        raise ConfigError(f"--others {folder}: there is no such folder", "name a folder with photos of other things")
    photos = ((item.file, folder / item.file) for item in below(folder) if not item.reason)
    told = [answer.known for answer in model.predict(photos) if not answer.reason]
    if not told:
        raise NotReadyError(f"no photo in {folder} can be read", "name a folder with photos of other things")
    return share(told.count(False), len(told))


def share(rejected: int, photos: int) -> dict[str, float]:
    """So many of so many photos, with the interval."""
    rate = metrics.rate(rejected, photos)
    return {"rejected": rejected, "photos": photos, "share": rate.value, "low": rate.low, "high": rate.high}


def lines(found: JsonObject) -> list[str]:
    """What `examine` found as sentences to read."""
    if why := found.get("why"):
        return [why]
    named = (("known", "photos of these labels"), ("others", "photos of other things"))
    return [f'{name}: {_sentence(found[key])} answered with "not sure"' for key, name in named if key in found]


def _sentence(share: dict[str, float]) -> str:
    interval = f"95 % interval {share['low']:.3f} to {share['high']:.3f}"
    return f"{share['rejected']} of {share['photos']} ({share['share']:.3f}, {interval})"
