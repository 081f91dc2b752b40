"""The person whom the photos of a label share, although other people are in them and some show somebody else.

Start from the face that most photos of the label have a likeness of; then, again and again, take of each photo the face
nearest to the mean, and the mean of those that are near enough. Where no two photos agree, as with one photo of a few
people, nothing tells which face is meant: then every leading face may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

SAME = 0.363  # cosine from which SFace takes two faces for one person: OpenCV's published limit, from LFW
NEAR = 0.3
ROUNDS = 5
STARTS = 2000  # faces tried as a start, at most
MANY = 8  # faces that may be meant, at most
PERSON = 0.6  # share of a label's photos that must agree on one person
APART = 0.6  # cosine between two labels' means from which they are the same person: two persons stay under 0.5


@dataclass(frozen=True)
class Identity:
    """`means` (k, d) of length 1, whose first is the person, or the likeliest where nothing tells (k > 1); of each
    photo the `chosen` face, -1 without any, and its cosine to the first mean; on how many different photos, copies
    counted once, the person was found."""

    means: np.ndarray
    chosen: tuple[int, ...]
    cosines: tuple[float, ...]
    photos: int

    @property
    def mean(self) -> np.ndarray:
        """The features that stand for the person: length 1, (d,)."""
        return self.means[0]

    @property
    def agreement(self) -> float:
        """The share of photos with a face that show this person."""
        seen = [cosine for face, cosine in zip(self.chosen, self.cosines, strict=True) if face >= 0]
        return sum(cosine >= SAME for cosine in seen) / len(seen) if seen else 0.0


def identity(
    photos: Sequence[np.ndarray], groups: Sequence[str], leading: Sequence[int] | None = None
) -> Identity | None:
    """The person of photos whose faces have these features: (faces, d) each, `leading` of them first. None without a
    face.

    `groups` names copies of one photo alike: together they count once.
    """
    owners = np.repeat(np.arange(len(photos)), [len(faces) for faces in photos])
    if not len(owners):
        return None
    seen = np.concatenate([faces for faces in photos if len(faces)])
    start, agreeing = _start(seen, np.unique(np.asarray(groups), return_inverse=True)[1][owners])
    if agreeing < 2:
        counts = [len(faces) for faces in photos] if leading is None else leading
        likely = np.concatenate([faces[:count] for faces, count in zip(photos, counts, strict=True)])
        return Identity(likely[:MANY], *_nearest(photos, likely[0]), agreeing)
    mean = seen[start]
    for _ in range(ROUNDS):
        chosen, cosines = _nearest(photos, mean)
        near = [photos[number][face] for number, face in enumerate(chosen) if face >= 0 and cosines[number] >= NEAR]
        if not near:
            break
        mean = np.sum(near, axis=0)
        mean = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return Identity(mean[None], *_nearest(photos, mean), agreeing)


def _start(seen: np.ndarray, groups: np.ndarray) -> tuple[int, int]:
    """The face with a likeness in most groups, and in how many; of several, the one most like them, then the first."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    tried = np.linspace(0, len(seen) - 1, min(len(seen), STARTS)).astype(int)
    best = np.maximum.reduceat((seen[tried] @ seen[order].T), starts, axis=1)  # of each face with each group
    alike = best >= SAME
    score = alike.sum(axis=1) + np.round(np.where(alike, best, 0).mean(axis=1), 3)
    best_one = int(score.argmax())
    return int(tried[best_one]), int(alike[best_one].sum())


def _nearest(photos: Sequence[np.ndarray], mean: np.ndarray) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Of each photo the face nearest to the mean and its cosine; -1 and -1 without a face."""
    rows = [faces @ mean if len(faces) else None for faces in photos]
    chosen = tuple(-1 if row is None else int(row.argmax()) for row in rows)
    return chosen, tuple(-1.0 if row is None else float(row.max()) for row in rows)


def of_one_person(identities: dict[str, Identity | None]) -> tuple[bool, str]:
    """Whether the photos of every label show one person, and if not, why in a few words."""
    for label, found in identities.items():
        if found is None or found.agreement < PERSON:
            return False, f"the photos of {label!r} do not show one person"
    return True, ""


def are_persons(learnt: dict[str, Identity | None], held: dict[str, Identity | None]) -> tuple[bool, str]:
    """Whether each label is a person and each another one, and if not, why in a few words.

    `learnt` is found on the photos to learn from, `held` on those and the ones to measure on: few photos of a person
    often don't agree, in either, and with one of each to learn from, halves of one person's photos were taken for two
    people in 15 of 100 draws, with the photos held back in 3.
    """
    if not of_one_person(held)[0] and not (found := of_one_person(learnt))[0]:
        return found
    for one, other in same_persons(held):
        return False, f"{one!r} and {other!r} are the same person"
    return True, ""


def same_persons(identities: dict[str, Identity | None]) -> list[tuple[str, str]]:
    """The pairs of labels that show the same person."""
    found = [(label, identity) for label, identity in identities.items() if identity]
    return [(a, b) for (a, one), (b, other) in combinations(found, 2) if _alike(one, other)]


def _alike(one: Identity, other: Identity) -> bool:
    """Whether both are one person. Single faces of a person differ more than means do: of four persons, two faces of
    one were over 0.6 in 6 of 10 cases and over 0.363 in 94 of 100, of two persons never over 0.32. Of photos that don't
    agree on a face, any may be the person's."""
    limit = SAME if min(one.photos, other.photos) == 1 else APART
    meant, others = (found.means if len(found.chosen) > 1 else found.means[:1] for found in (one, other))
    return float((meant @ others.T).max()) >= limit
