"""What is measured of a run on people: how many photos teach enough, folds, and how often a stranger gets a name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lookalike import metrics
from lookalike.errors import NotReadyError
from lookalike.evaluate import neither
from lookalike.evaluate.answers import Answers
from lookalike.evaluate.finding import EvaluationFinding, Measured, Row
from lookalike.files import JsonObject
from lookalike.people import head
from lookalike.people.eyes import open_eyes, people_in
from lookalike.people.identity import SAME
from lookalike.project import dataset as datasets
from lookalike.project.paths import Project
from lookalike.project.records import TrainedRun
from lookalike.report import Reporter
from lookalike.settings.fields import Settings, TrainSettings

FEW = (1, 2, 5, 10, 20)
DRAWS = 20
FOLDS = 5
LOST = 0.01  # share of a label's photos below what nearly all reach
ENOUGH = 20
CANNOT = (
    "A face is told by what does not change from photo to photo. Twins, small children, faces from the side and faces "
    "under about 30 pixels are not told apart reliably this way. A run on people holds numbers about their faces, "
    "which are personal data: deleting its folder, the exported model and .cache/people.sqlite deletes them."
)


def seen_by(project: Project, settings: Settings, trained: TrainedRun, report: Reporter) -> list[Row]:
    """The run's photos with what they show, but those kept for testing; readable ones only."""
    split = datasets.examples_of(project.run_dir(trained.id), trained)
    examples = [example for example in split if example.part != "test"]
    used = settings.model_copy(update={"train": TrainSettings.model_validate(trained.settings)})
    root = project.locate(trained.images)
    shown, _ = people_in([(root / e.file, e.sha256) for e in examples], open_eyes(used, report), project.cache, report)
    return [(example, seen) for example, seen in zip(examples, shown, strict=True) if seen is not None]


class People(EvaluationFinding):
    """How well persons are told apart, from how few photos, and how often a stranger gets a name."""

    title = "How well persons are told apart"

    def find(self, run: Measured) -> dict[str, object]:
        """All of it, without torch; nothing where the labels are no persons."""
        if not run.of_people:
            return {}
        limits, labels = neither.limits_of_people(run.model), run.trained.labels
        return {
            "limits": dict(zip(labels, limits.tolist(), strict=True)), "outcome": outcome(run.answers, limits),
            "strangers": strangers(run.rows, labels, limits), "curve": curve(run.rows, labels),
        }  # fmt: skip

    def sentences(self, found: dict[str, object]) -> list[str]:
        """Limits, outcome, strangers and how few photos are enough, a line each."""
        return lines(found)

    def remarks(self, found: dict[str, object]) -> list[str]:
        """What no model of faces can do, and that such a run holds personal data."""
        return [CANNOT]


def limits(rows: Sequence[Row], labels: tuple[str, ...]) -> tuple[float, ...]:
    """The similarity from which each label is given: half way from the published limit up to what nearly all photos of
    the label reach, those learnt from, each compared with the person found without it; the published one where they
    are few. Measured on four persons: strangers stay under 0.35, and no photo is lost."""
    lesson = head.lesson([row for row in rows if row[0].part == "train"], labels)
    fold = _dealt(lesson, FOLDS, 0)
    own = np.full(len(fold), -1.0)
    for number in range(FOLDS):
        found = head.identities(lesson.some(np.flatnonzero(fold != number)))
        for place in np.flatnonzero(fold == number).tolist():
            one, faces = found[lesson.targets[place]], lesson.features[place]
            if one and len(faces):
                own[place] = float((faces @ one.mean).max())
    rising = []
    for label in range(len(labels)):
        known = np.sort([cosine for cosine in own[lesson.targets == label] if cosine >= SAME])
        low = float(known[int(LOST * len(known))]) if len(known) >= ENOUGH else SAME
        rising.append(round((SAME + low) / 2, 3))
    return tuple(rising)


def outcome(answers: Answers, limits: np.ndarray) -> dict[str, int]:
    """Of the photos held back: rightly named, called "neither", wrongly named, without a face."""
    assert answers.similarities is not None
    faceless, known = answers.similarities <= -1, neither.known(answers, limits)
    right = answers.probabilities.argmax(axis=1) == answers.actual
    return {
        "right": int((known & right).sum()), "neither": int((~known & ~faceless).sum()),
        "wrong": int((known & ~right).sum()), "no-face": int(faceless.sum()), "photos": len(right),
    }  # fmt: skip


def strangers(rows: Sequence[Row], labels: tuple[str, ...], limits: np.ndarray) -> dict[str, object]:
    """How often the faces chosen for other labels would be taken for a label's person, to whom they are strangers;
    photos are those learnt from."""
    learnt = head.lesson([row for row in rows if row[0].part == "train"], labels)
    found = head.identities(learnt)
    cosines, taken = [], 0
    for label, one in enumerate(found):
        others = [(other.mean, limits[k]) for k, other in enumerate(found) if k != label and other is not None]
        if one is None or not others:
            continue
        for place, face, cosine in zip(np.flatnonzero(learnt.targets == label), one.chosen, one.cosines, strict=True):
            if cosine >= SAME:  # surely the label's person, so surely none of the others
                alike = [float(learnt.features[int(place)][face] @ mean) for mean, _ in others]
                cosines.append(max(alike))
                taken += any(cosine >= limit for cosine, (_, limit) in zip(alike, others, strict=True))
    return {**metrics.rate(taken, len(cosines)).to_json(), "highest": round(max(cosines, default=-1.0), 3)}


def curve(rows: Sequence[Row], labels: tuple[str, ...]) -> list[dict[str, float]]:
    """The share of photos named rightly, at the published limit, by a head that learnt from so many of each label."""
    lesson = head.lesson(rows, labels)
    points = []
    for few in [count for count in FEW if count < _fewest(lesson)]:
        shares = [_drawn(lesson, few, draw) for draw in range(DRAWS)]
        points.append({"photos": few, "right": round(float(np.mean(shares)), 4), "least": round(min(shares), 4)})
    return points


def _fewest(lesson: head.Lesson) -> int:
    """Different photos of the label that has fewest."""
    groups = np.array(lesson.groups)
    return min(len(set(groups[lesson.targets == label])) for label in range(lesson.labels))


def _drawn(lesson: head.Lesson, few: int, seed: int) -> float:
    random, learn, groups = np.random.default_rng(seed), np.zeros(len(lesson.groups), bool), np.array(lesson.groups)
    for label in range(lesson.labels):
        own = lesson.targets == label
        learn |= own & np.isin(groups, random.permutation(np.unique(groups[own]))[:few])
    return float(_right(lesson, learn)[0].mean())


def _right(lesson: head.Lesson, learn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the photos that are no copies of those learnt from (n, bool), which are named rightly, and which at all."""
    groups = np.array(lesson.groups)
    held = lesson.some(np.flatnonzero(~learn & ~np.isin(groups, groups[learn])))
    answers, similarities = head.learn(lesson.some(np.flatnonzero(learn))).photos(held.features)
    named = similarities >= SAME
    return (answers.argmax(axis=1) == held.targets) & named, named


def cross_validate(rows: Sequence[Row], labels: tuple[str, ...], folds: int, seed: int) -> dict[str, object]:
    """Photos named rightly by a head that never saw them or their copies, with the interval; and per fold.

    Raises NotReadyError when a label has fewer groups of copies than there are folds.
    """
    lesson = head.lesson(rows, labels)
    if (fewest := _fewest(lesson)) < folds:
        raise NotReadyError(f"a label has {fewest} different photos, too few for {folds} folds", "use fewer --folds")
    fold = _dealt(lesson, folds, seed)
    right, named, each = 0, 0, []
    for number in range(folds):
        good, known = _right(lesson, fold != number)
        right, named = right + int(good.sum()), named + int(known.sum())
        each.append(float(good.mean()))
    return {
        **metrics.rate(right, len(rows)).to_json(), "folds": folds, "each": each,
        "neither": len(rows) - named, "wrong": named - right,
    }  # fmt: skip


def _dealt(lesson: head.Lesson, folds: int, seed: int) -> np.ndarray:
    """A fold for each photo: each label is dealt out by itself, so that each fold has some of it."""
    fold = np.zeros(len(lesson.groups), int)
    for label in range(lesson.labels):
        own = lesson.targets == label
        fold[own] = head.folds(lesson.some(np.flatnonzero(own)).groups, folds, seed)
    return fold


def lines(found: JsonObject) -> list[str]:
    """What `find` found as sentences to read."""
    said = []
    if told := found.get("outcome"):
        limits = ", ".join(f"{label} {limit:.3f}" for label, limit in list(found["limits"].items())[:8])
        said.append(f"named from this similarity on: {limits}")
        said.append("of the photos held back: " + ", ".join(f"{told[name]} {name}" for name in told))
    if "strangers" in found:
        rate = found["strangers"]
        said.append(
            f"strangers: {rate['right']} of {rate['total']} faces of other labels would be taken for a label's person"
        )
    if points := found.get("curve"):
        said.append("from few photos of each label: " + ", ".join(f"{p['photos']}: {p['right']:.3f}" for p in points))
    return said
