"""From a face's features to labels: the nearest of the labels' persons, or a fitted layer where that names better."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from lookalike.files import replacing
from lookalike.people.identity import NEAR, Identity, identity

SCALE = 20.0  # cosines lie close together; the temperature fitted on photos held back does the rest
FOLDS = 5
STRENGTH = 10.0
Value = TypeVar("Value")


@dataclass(frozen=True)
class Head:
    """`kind` is `means` or `fitted`. `means` (labels, d) have length 1; scores are weight (labels, d) · features +
    bias (labels,)."""

    kind: str
    means: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def answer(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (n, labels) and similarities (n,) of faces with these features (n, d)."""
        scores = faces @ self.weight.T + self.bias
        powered = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powered / powered.sum(axis=1, keepdims=True), (faces @ self.means.T).max(axis=1)

    def photos(self, photos: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The same of whole photos, by the face most like one of the labels' persons."""
        rows = [surest(*self.answer(faces)) if len(faces) else nobody(len(self.means)) for faces in photos]
        return np.stack([row for row, _ in rows]), np.array([similarity for _, similarity in rows])

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


def learn(photos: Sequence[np.ndarray], targets: np.ndarray, groups: Sequence[str], labels: int) -> Head:
    """A head from the features of photos (faces, d), their labels as numbers (n,) and their groups of copies.

    The fitted layer is only tried when the means name photos wrongly that they did not learn from.
    """
    wrong = _wrong(photos, targets, groups, labels, "means")
    if wrong and _wrong(photos, targets, groups, labels, "fitted") < wrong:
        return _learn(photos, targets, groups, labels, "fitted")
    return _learn(photos, targets, groups, labels, "means")


def identities(
    photos: Sequence[np.ndarray], targets: np.ndarray, groups: Sequence[str], labels: int
) -> list[Identity | None]:
    """The person of each label."""
    places = [np.flatnonzero(targets == label) for label in range(labels)]
    return [identity(_some(photos, own), _some(groups, own)) for own in places]


def _learn(photos: Sequence[np.ndarray], targets: np.ndarray, groups: Sequence[str], labels: int, kind: str) -> Head:
    size = max((faces.shape[1] for faces in photos), default=1)
    found = identities(photos, targets, groups, labels)
    means = np.stack([np.zeros(size, np.float32) if one is None else one.mean for one in found]).astype(np.float32)
    plain = Head("means", means, np.float32(SCALE) * means, np.zeros(labels, np.float32))
    return plain if kind == "means" else _fitted(plain, photos, targets, found)


def _fitted(plain: Head, photos: Sequence[np.ndarray], targets: np.ndarray, found: list[Identity | None]) -> Head:
    """Logistic regression on the faces that the means have chosen."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    rows, given = [], []
    for label, one in enumerate(found):
        places = np.flatnonzero(targets == label)
        for place, face, cosine in zip(places, one.chosen if one else (), one.cosines if one else (), strict=False):
            if face >= 0 and cosine >= NEAR:
                rows.append(photos[int(place)][face])
                given.append(label)
    if len(set(given)) < len(found):
        return plain
    with threadpool_limits(1):
        model = LogisticRegression(C=STRENGTH, max_iter=300).fit(np.stack(rows), given)
    weight, bias = model.coef_, model.intercept_
    if len(found) == 2:
        weight, bias = np.stack([-weight[0] / 2, weight[0] / 2]), np.array([-0.5, 0.5]) * bias[0]
    return Head("fitted", plain.means, weight.astype(np.float32), bias.astype(np.float32))


def _wrong(photos: Sequence[np.ndarray], targets: np.ndarray, groups: Sequence[str], labels: int, kind: str) -> int:
    """How many photos with a face are named wrongly by a head that did not learn from them or their copies."""
    wrong, fold = 0, folds(groups, FOLDS)
    for number in range(FOLDS):
        learnt, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(set(targets[learnt])) < labels:
            continue
        made = _learn(_some(photos, learnt), targets[learnt], _some(groups, learnt), labels, kind)
        asked = np.array([place for place in held.tolist() if len(photos[place])], int)
        if len(asked):
            wrong += int((made.photos(_some(photos, asked))[0].argmax(axis=1) != targets[asked]).sum())
    return wrong


def _some(values: Sequence[Value], places: np.ndarray) -> list[Value]:
    return [values[int(place)] for place in places]


def folds(groups: Sequence[str], count: int, seed: int = 0) -> np.ndarray:
    """A fold for each photo, the same for copies: groups are dealt out in the order of a hash."""
    order = sorted(set(groups), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())
    place = {name: number % count for number, name in enumerate(order)}
    return np.array([place[name] for name in groups])
