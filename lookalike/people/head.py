"""From a face's features to labels: the nearest of the labels' persons, or a fitted layer where that names better."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lookalike import logistic
from lookalike.files import replacing
from lookalike.people.identity import NEAR, Identity, identity
from lookalike.project.records import Example

if TYPE_CHECKING:
    from lookalike.people.eyes import PhotoFaces

SCALE = 20.0  # cosines lie close together; the temperature fitted on photos held back does the rest
FOLDS = 5
STRENGTH = 10.0


@dataclass(frozen=True)
class Head:
    """`kind` is `means` or `fitted`. `means` (labels, k, d) have length 1; the score of a label is the highest of
    weight (labels, k, d) · features, and bias (labels,). k is 1 unless it is open which face a label means."""

    kind: str
    means: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def answer(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (n, labels) and similarities (n,) of faces with these features (n, d)."""
        scores = np.einsum("nd,lkd->nlk", faces, self.weight).max(axis=2) + self.bias
        powered = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powered / powered.sum(axis=1, keepdims=True), (faces @ self.means.reshape(-1, faces.shape[1]).T).max(1)

    def photos(self, photos: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The same of whole photos, by the face most like one of the labels' persons."""
        rows = [surest(*self.answer(faces)) if len(faces) else nobody(len(self.means)) for faces in photos]
        answers = np.array([row for row, _ in rows], np.float32).reshape(-1, len(self.means))
        return answers, np.array([similarity for _, similarity in rows])

    def save(self, path: Path) -> None:
        """Write it as a file of plain numbers."""
        from safetensors.numpy import save_file

        with replacing(path) as part:
            save_file({"means": self.means, "weight": self.weight, "bias": self.bias}, part)


def surest(probabilities: np.ndarray, similarities: np.ndarray) -> tuple[np.ndarray, float]:
    """The row (labels,) and the similarity of the face that is most like one of the persons."""
    best = int(similarities.argmax())
    return probabilities[best], float(similarities[best])


def nobody(labels: int) -> tuple[np.ndarray, float]:
    """What a photo without a face is answered with: any label as likely as the others, and like nobody."""
    return np.full(labels, 1 / labels, np.float32), -1.0


@dataclass(frozen=True)
class Lesson:
    """Photos to learn from: of each the features (faces, d), the label as a number, its group of copies, and how many
    of its faces, the first ones, it may be about. `labels` is how many there are."""

    features: tuple[np.ndarray, ...]
    targets: np.ndarray
    groups: tuple[str, ...]
    leading: tuple[int, ...]
    labels: int

    def some(self, places: np.ndarray) -> Lesson:
        """Those at `places` (n,)."""
        at = [int(place) for place in places]
        features, groups, leading = self.features, self.groups, self.leading
        return Lesson(
            tuple(features[k] for k in at), self.targets[places], tuple(groups[k] for k in at),
            tuple(leading[k] for k in at), self.labels,
        )  # fmt: skip


def lesson(rows: Sequence[tuple[Example, PhotoFaces]], labels: Sequence[str]) -> Lesson:
    """What these photos, with what they show, teach about the labels."""
    number = {label: place for place, label in enumerate(labels)}
    return Lesson(
        tuple(shown.features for _, shown in rows), np.array([number[example.label] for example, _ in rows], int),
        tuple(example.group for example, _ in rows), tuple(shown.leading for _, shown in rows), len(labels),
    )  # fmt: skip


def learn(lesson: Lesson) -> Head:
    """The head that names best. The fitted layer is only tried when the means name photos wrongly that they did not
    learn from, and where scikit-learn is installed: a light installation goes without it."""
    wrong = _wrong(lesson, "means")
    fitted = wrong and find_spec("sklearn") and _wrong(lesson, "fitted") < wrong
    return _learn(lesson, "fitted" if fitted else "means")


def identities(lesson: Lesson) -> list[Identity | None]:
    """The person of each label."""
    own = [lesson.some(np.flatnonzero(lesson.targets == label)) for label in range(lesson.labels)]
    return [identity(photos.features, photos.groups, photos.leading) for photos in own]


def _learn(lesson: Lesson, kind: str) -> Head:
    size = max((faces.shape[1] for faces in lesson.features), default=1)
    found = identities(lesson)
    most = max((len(one.means) for one in found if one), default=1)
    means = np.zeros((lesson.labels, most, size), np.float32)
    for label, one in enumerate(found):
        if one:
            means[label] = one.means[np.minimum(np.arange(most), len(one.means) - 1)]  # the last one again
    plain = Head("means", means, np.float32(SCALE) * means, np.zeros(lesson.labels, np.float32))
    return plain if kind == "means" else _fitted(plain, lesson, found)


def _fitted(plain: Head, lesson: Lesson, found: list[Identity | None]) -> Head:
    """Logistic regression on the faces that the means have chosen."""
    rows, given = [], []
    for label, one in enumerate(found):
        places = np.flatnonzero(lesson.targets == label)
        for place, face, cosine in zip(places, one.chosen if one else (), one.cosines if one else (), strict=False):
            if face >= 0 and cosine >= NEAR:
                rows.append(lesson.features[int(place)][face])
                given.append(label)
    if len(set(given)) < len(found) or plain.means.shape[1] > 1:  # open who is meant: no face to fit to
        return plain
    with logistic.one_thread():
        weight, bias = logistic.fit(np.stack(rows), np.array(given), len(found), STRENGTH)
    return Head("fitted", plain.means, weight[:, None].astype(np.float32), bias.astype(np.float32))


def _wrong(lesson: Lesson, kind: str) -> int:
    """How many photos with a face are named wrongly by a head that did not learn from them or their copies."""
    wrong, fold = 0, folds(lesson.groups, FOLDS)
    for number in range(FOLDS):
        learnt, held = lesson.some(np.flatnonzero(fold != number)), lesson.some(np.flatnonzero(fold == number))
        if len(set(learnt.targets)) < lesson.labels:
            continue
        asked = held.some(np.flatnonzero([len(faces) > 0 for faces in held.features]))
        if len(asked.targets):
            wrong += int((_learn(learnt, kind).photos(asked.features)[0].argmax(axis=1) != asked.targets).sum())
    return wrong


def folds(groups: Sequence[str], count: int, seed: int = 0) -> np.ndarray:
    """A fold for each photo, the same for copies: groups are dealt out in the order of a hash."""
    order = sorted(set(groups), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())
    place = {name: number % count for number, name in enumerate(order)}
    return np.array([place[name] for name in groups])
