"""Models of people answer for every face; what a whole photo is called follows from its faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lookalike.project.records import Bundle, FaceAnswer, Prediction

if TYPE_CHECKING:
    from lookalike.photos.crowd import Crowd

FACES = 32  # asked about at a time
Ask = Callable[[np.ndarray], tuple[np.ndarray, "np.ndarray | None"]]
Predict = Callable[[Sequence[str], np.ndarray], list[Prediction]]


def ask_each(ask: Ask, photos: Sequence[np.ndarray], about: Bundle) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, labels) and similarities (n,) of photos given as their faces, (faces * size, size, 3) each.

    Without a face every label is as likely as the others, and the similarity is -1.
    """
    size, labels = about.input.size, len(about.labels)
    counts = [len(photo) // size for photo in photos]
    flat = np.concatenate([np.zeros((0, size, size, 3), np.uint8), *(p.reshape(-1, size, size, 3) for p in photos)])
    asked = [ask(flat[start : start + FACES]) for start in range(0, len(flat), FACES)]
    rows = np.concatenate([np.zeros((0, labels), np.float32), *(found for found, _ in asked)])
    alike = np.concatenate([np.zeros(0, np.float32), *(told for _, told in asked if told is not None)])
    answers, similarities = np.full((len(photos), labels), 1 / labels, np.float32), np.full(len(photos), -1.0)
    for number, (count, end) in enumerate(zip(counts, np.cumsum(counts), strict=True)):
        if count:
            best = int(end - count + alike[end - count : end].argmax())
            answers[number], similarities[number] = rows[best], alike[best]
    return answers, similarities


def answers(predict: Predict, named: Sequence[str], crowds: Sequence[Crowd]) -> Iterator[Prediction]:
    """What is said about each named photo: every face, largest first, and the photo itself."""
    if not named:
        return
    flat = np.concatenate([crowd.pixels for crowd in crowds])
    parts = (flat[start : start + FACES] for start in range(0, len(flat), FACES))
    faces = (prediction for part in parts for prediction in predict([""] * len(part), part))
    for name, crowd in zip(named, crowds, strict=True):
        yield _photo(name, tuple(_face(box, next(faces)) for box in crowd.boxes))


def _face(box: tuple[float, float, float, float], said: Prediction) -> FaceAnswer:
    similarity = -1.0 if said.similarity is None else said.similarity
    return FaceAnswer(box, said.label, said.probabilities, similarity, said.doubt)


def _photo(name: str, faces: tuple[FaceAnswer, ...]) -> Prediction:
    """A photo is called what its surest known face is; else what the face most like somebody is closest to."""
    if not faces:
        return Prediction(name, doubt="no-face", faces=())
    best = max(faces, key=lambda face: (face.known, face.similarity))
    return Prediction(name, best.label, best.probabilities, best.similarity, best.doubt, faces=faces)
