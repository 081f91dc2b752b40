"""What more photos would be worth: a linear probe learns from some of them, and a power law says how it goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from lookalike.evaluate import plots
from lookalike.evaluate.finding import EvaluationFinding, Measured
from lookalike.evaluate.probing import MOST, Probed
from lookalike.files import JsonObject
from lookalike.logistic import FOLDS, one_thread
from lookalike.project.records import Evaluation
from lookalike.report import Table

MORE = 20
LEAST = 24  # different photos of each label: a quarter of what is learnt from is then still five
SHARES = (0.25, 0.5, 0.75, 1.0)
CANDIDATES = 4  # labels looked at one by one: those that are named worst
EXPONENTS = np.linspace(0.1, 1.5, 15)
RESAMPLES = 200
NOTEWORTHY = 0.005


class LearningCurve(EvaluationFinding):
    """What more photos are worth."""

    title = "What more photos are worth"

    def find(self, run: Measured) -> dict[str, object]:
        """What `estimate` tells; nothing of people, where no probe looks."""
        if run.of_people:
            return {}
        learnt = Counter(example.label for example in run.examples if example.part == "train")
        return estimate(run.photos, run.trained.labels, learnt)

    def sentences(self, found: dict[str, object]) -> list[str]:
        """The gain, or why it cannot be told."""
        return [sentence(found)]

    def remarks(self, found: dict[str, object]) -> list[str]:
        """What the numbers of single labels leave out."""
        return [] if "why" in found else ["A label that grows alone also gains a little at the cost of the others."]

    def tables(self, found: dict[str, object]) -> list[Table]:
        """The gain of all labels together, and of single ones."""
        return [] if "why" in found else [_table(found)]

    def picture(self, found: JsonObject, evaluation: Evaluation) -> bytes | None:
        """The probe's accuracy with a part of the photos and with all, and the fitted curve some way further."""
        if "why" in found:
            return None
        figure, axes = plots.figure(4.6, 3.2)
        fit, sizes = found["fit"], np.array(found["sizes"])
        end = max(sizes[-1], found["photos"]) + found["more"] * len(evaluation.labels)
        reach = np.linspace(sizes[0], end, 100)
        axes.plot(reach, 1 - fit["a"] - fit["b"] * reach ** -fit["c"], color=plots.SOFT, label="power law")
        axes.plot(sizes, found["scores"], "o", color=plots.INK, label="linear probe, photos held out")
        axes.set_xlabel("photos learnt from")
        axes.set_ylabel("balanced accuracy")
        axes.legend(frameon=False, fontsize=8, loc="lower right")
        return plots.png(figure)


def _table(found: JsonObject) -> Table:
    rows = [("all labels, balanced accuracy", found)]
    rows += [(f"{label} alone, recall", row) for label, row in found["labels"].items()]
    more = f"with {found['more']} more of each"
    cells = tuple(
        (name, str(row["photos"]), f"{row['scores'][-1]:.3f}", f"{100 * row['gain']:+.1f}", f"{100 * row['noise']:.1f}")
        for name, row in rows
    )
    columns = ("measured with a linear probe", "photos", "now", more, "±")
    return Table("what more photos are worth", columns, cells, columns[1:])


def estimate(photos: Probed, labels: tuple[str, ...], learnt: Mapping[str, int]) -> dict[str, object]:
    """What MORE photos of each label are worth in balanced accuracy, and of one label alone in that label's recall.

    `learnt` counts the photos of each label that the run itself learnt from: from there the curve is followed. `noise`
    is the 95 % half-width of a gain, from groups of copies drawn again and again. With too few photos, only `why`.
    """
    if MOST // len(labels) < LEAST:
        return {"why": f"{len(labels)} labels are too many to learn from again and again"}
    counts = {label: photos.different(number) for number, label in enumerate(labels)}
    scarce = min(counts, key=lambda label: counts[label])
    if counts[scarce] < LEAST:
        return {"why": f"{scarce} has {counts[scarce]} different photos, and {LEAST} of each label are needed to tell"}
    with one_thread():
        found, each = _curves(photos, labels, learnt)
    worth = {label: row["gain"] for label, row in each.items() if worthwhile(found) and worthwhile(row)}
    return {"more": MORE, **found, "labels": each, "best": max(worth, key=lambda label: worth[label], default="")}


def _curves(
    photos: Probed, labels: tuple[str, ...], learnt: Mapping[str, int]
) -> tuple[dict[str, object], dict[str, JsonObject]]:
    """The gains of all labels together, and those of the labels that are named worst."""
    repeats = max(1, 6 // len(labels))  # every label costs as much as all together
    sizes, wrong = _measure(photos, repeats)
    together = _gain(photos, sizes, wrong, sum(learnt.values()), MORE * len(labels))
    recalls = {number: 1 - wrong[photos.targets == number, -1].mean() for number in range(len(labels))}
    each = {}
    for number in sorted(recalls, key=lambda number: recalls[number])[:CANDIDATES]:
        sizes, wrong = _measure(photos, repeats, only=number)
        own = photos.targets == number
        each[labels[number]] = _gain(photos, sizes, wrong, learnt[labels[number]], MORE, among=own)
    return together, each


def worthwhile(row: Mapping[str, Any]) -> bool:
    """Whether a gain is above its noise and worth half a point."""
    return bool(row["gain"] >= max(row["noise"], NOTEWORTHY))


def _measure(photos: Probed, repeats: int, only: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Photos learnt from at each share (shares,), and how often each photo was then named wrongly (n, shares).

    With `only`, the share is of that label's photos, which alone count as learnt from, and the others stay all.
    """
    sizes, wrong = np.zeros(len(SHARES)), np.zeros((len(photos.targets), len(SHARES)))
    for seed in range(repeats):
        for learn, hold in photos.folds(seed):
            places = _places(photos.targets[learn], photos.groups[learn], seed)
            varied = photos.targets[learn] == only if only is not None else np.full(len(learn), True)
            for column, share in enumerate(SHARES):
                taken = learn[~varied | (places <= share)]
                wrong[hold, column] += photos.wrong(taken, hold)
                sizes[column] += (varied & (places <= share)).sum()
    return sizes / (repeats * FOLDS), wrong / repeats


def _places(targets: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """A place in the queue for each photo, above 0 and at most 1 within its label; copies share one."""
    random, places = np.random.default_rng(seed), np.zeros(len(targets))
    for label in np.unique(targets):
        own = targets == label
        names, index = np.unique(groups[own], return_inverse=True)
        places[own] = ((random.permutation(len(names)) + 1) / len(names))[index]
    return places


def _gain(
    photos: Probed, sizes: np.ndarray, wrong: np.ndarray, now: int, more: int, among: np.ndarray | None = None
) -> dict[str, object]:
    """The curve, its fit, and what `more` photos are worth on it after `now`. Every label counts the same."""
    counted = among if among is not None else np.full(len(photos.targets), True)
    names, index = np.unique(photos.groups[counted], return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    weights = 1 / np.bincount(photos.targets)[photos.targets[counted]]
    times = weights * np.vstack([np.ones(len(index)), drawn[:, index]])  # the photos as they are, then drawn again
    errors = times @ wrong[counted] / np.maximum(times.sum(axis=1, keepdims=True), weights.min())
    fits = power_law(sizes, errors)
    gains = at(fits, now) - at(fits, now + more)
    return {
        "sizes": [round(float(size), 1) for size in sizes],
        "scores": [float(1 - error) for error in errors[0]],
        "fit": dict(zip("abc", (float(value) for value in fits[0]), strict=True)),
        "photos": now,
        "gain": float(gains[0]),
        "noise": float(1.96 * gains[1:].std()),
    }


def power_law(sizes: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Rows of a, b and c (curves, 3) so that a + b n^-c runs closest to `errors` (curves, points) at `sizes` photos.

    How error falls with the size of a training set: J. Hestness et al., "Deep Learning Scaling is Predictable,
    Empirically", 2017. With few points the fit is held down: a and b are never negative, and c is one of a few.
    """
    best, least = np.zeros((len(errors), 3)), np.full(len(errors), np.inf)
    for exponent in EXPONENTS:
        falling = sizes**-exponent
        centred = falling - falling.mean()
        b = np.maximum(errors @ centred / (centred @ centred), 0)
        a = errors.mean(axis=1) - b * falling.mean()
        b = np.where(a < 0, errors @ falling / (falling @ falling), b)
        a = np.maximum(a, 0)
        missed = ((errors - a[:, None] - b[:, None] * falling) ** 2).sum(axis=1)
        closer = missed < least - 1e-12
        best[closer] = np.stack([a, b, np.full(len(a), exponent)], axis=1)[closer]
        least = np.where(closer, missed, least)
    return best


def at(fits: np.ndarray, size: float) -> np.ndarray:
    """The error that each fitted curve (curves, 3) foretells at a number of photos."""
    return fits[:, 0] + fits[:, 1] * float(size) ** -fits[:, 2]


def sentence(found: Mapping[str, Any]) -> str:
    """What so many more photos of each label would be worth, in points of accuracy."""
    if "why" in found:
        return f"what more photos would be worth cannot be told: {found['why']}"
    every = f"{found['more']} more photos of each label are worth about {_points(found)}"
    if best := found["best"]:
        row = found["labels"][best]
        return f"{every}; {found['more']} more of {best} alone about {_points(row)} of its recall"
    return every if worthwhile(found) else f"more photos would hardly help: {every}"


def _points(row: Mapping[str, Any]) -> str:
    return f"{100 * row['gain']:+.1f} points (± {100 * row['noise']:.1f})"
