"""Faces that somebody has named: each is one more face of its label to compare with.

The person of a label is a mean, and a photo that was answered wrongly is far from it: from that mean alone it would
stay wrong, however often it is learnt. So its face stands beside the mean, as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lookalike.people.head import SCALE, Head
from lookalike.people.identity import APART, NEAR


def meant(faces: np.ndarray, means: np.ndarray) -> int:
    """Which face (n, d) of a photo somebody meant who said that it shows the label with these means (k, d): the one
    most like them; where none is, the first, which is the largest."""
    alike = (faces @ means.T).max(axis=1)
    return int(alike.argmax()) if alike.max() >= NEAR else 0


def extended(head: Head, named: Sequence[tuple[int, np.ndarray]]) -> Head:
    """The head with each of these faces (label as a number, features (d,)) beside the means of its label, unless one
    of those is as like it as a mean is to its own person."""
    means = [list(rows) for rows in head.means]
    weight = [list(rows) for rows in head.weight]
    for label, face in named:
        if max(float(face @ row) for row in means[label]) < APART:
            means[label].append(face)
            weight[label].append(np.float32(SCALE) * face)
    most = max(map(len, means))
    return Head(head.kind, _even(means, most), _even(weight, most), head.bias)


def _even(rows: list[list[np.ndarray]], most: int) -> np.ndarray:
    """(labels, most, d): of labels with fewer, the last one again."""
    return np.array([own + own[-1:] * (most - len(own)) for own in rows], np.float32)
