"""Pictures of photos laid on each other, many pairs at once: where the one fits the other best, and what differs then.

All pictures are grey, float32, shape (n, 64, 64); a box is width, height, left and top as parts of a picture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SIDE = 64
WHOLE = np.array([[1, 1, 0, 0]], dtype=np.float32)
FINE, CLOSE, CELL = 24, 40, 5
NOISE, PART = 8.0, 0.25  # what saving leaves in a cell: grey levels, or a part of what there is to see
OTHER, ALIKE = 0.7, 0.5  # of the contrast, and a correlation
SEEN = 6.0
_ROUNDS, _LONGEST_STEP = 5, 0.06


def fit(own: np.ndarray, other: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each pair the box of the first near `box` that fits the second best, by Gauss-Newton with gain and offset
    free, and how well their gradients agree there (1: the same). Blurred pictures show the way from further off."""
    box, _ = _fitted(_blurred(own), _blurred(other), box)
    return _fitted(own, other, box)


def _blurred(pictures: np.ndarray) -> np.ndarray:
    return _softened(_softened(_softened(pictures)))


def _full(count: int) -> np.ndarray:
    return np.tile(WHOLE, (count, 1))


def _fitted(own: np.ndarray, other: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    other = sample(other, _full(len(box)))[0]
    goal, aim = _centred(other), _gradients(other)
    best, most, value = box, np.full(len(box), -1.0, np.float32), np.zeros(len(box), np.float32)
    for _ in range(_ROUNDS):
        seen, across, down = sample(own, box)
        grey = _centred(seen)
        shared, norm = np.einsum("ij,ij->i", grey, goal), np.einsum("ij,ij->i", grey, grey)
        got = shared / np.sqrt(norm * np.einsum("ij,ij->i", goal, goal) + 1e-3)
        better = got > most
        best = np.where(better[:, None], box, best)
        value = np.where(better, np.einsum("ij,ij->i", _gradients(seen), aim), value)
        most = np.maximum(most, got)
        gain = np.clip(shared / (norm + 1e-3), 0.2, 5)[:, None].astype(np.float32)
        box = _inside(box + _step(grey, goal, gain, across, down))
    return best, value


class Apart(NamedTuple):
    """How far pairs differ, an array each.

    `spot` is the largest difference of a small spot (grey levels) and `against` the share of cells whose difference is
    as large as what they show, both as they are or after one change of brightness and contrast for the whole picture.
    Of the cells with something to see, `unlike` is the share in which light and dark run otherwise, and `same` the
    share that is the same as it is.
    """

    spot: np.ndarray
    against: np.ndarray
    unlike: np.ndarray
    same: np.ndarray


def compare(own: np.ndarray, other: np.ndarray, boxes: np.ndarray) -> Apart:
    """Compare the box of the first picture of each pair with the second."""
    own = _softened(sample(own, boxes, CLOSE)[0])
    other = _softened(sample(other, _full(len(boxes)), CLOSE)[0])
    flat = _centred(own), _centred(other)
    changes = [own - other]
    for one, two in (flat, flat[::-1]):
        gain = np.einsum("ij,ij->i", one, two) / (np.einsum("ij,ij->i", one, one) + 1e-3)
        changes.append((two - gain[:, None] * one).reshape(own.shape))
    errors = [np.sqrt((_cells(change) ** 2).mean(2)) for change in changes]
    left, right = (cells - cells.mean(2, keepdims=True) for cells in (_cells(own), _cells(other)))
    spread = left.std(2), right.std(2)
    contrast = np.maximum(*spread)
    shows = contrast > SEEN
    count = np.maximum(shows.sum(1), 1)
    alike = np.abs((left * right).mean(2)) / (spread[0] * spread[1] + 0.5)
    return Apart(
        spot=np.min([np.abs(change).max((1, 2)) for change in changes], axis=0),
        against=np.min([(error > np.maximum(NOISE, OTHER * contrast)).mean(1) for error in errors], axis=0),
        unlike=((alike < ALIKE) & shows).sum(1) / count,
        same=((errors[0] <= np.maximum(NOISE, PART * contrast)) & shows).sum(1) / count,
    )


def _softened(pictures: np.ndarray) -> np.ndarray:
    """Means of 3 x 3 pixels."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return (down[:, :, :-2] + down[:, :, 1:-1] + down[:, :, 2:]) / 9


def _cells(pictures: np.ndarray) -> np.ndarray:
    """Pictures by cell: shape (n, cells, pixels of a cell)."""
    count = CLOSE // CELL
    cut = pictures.reshape(len(pictures), count, CELL, count, CELL).swapaxes(2, 3)
    return cut.reshape(len(pictures), count * count, CELL * CELL)


def _step(grey: np.ndarray, goal: np.ndarray, gain: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """How far each box should move: the least-squares step for width, height, left and top, gain and offset beside."""
    points = ((np.arange(FINE) + 0.5) / FINE).astype(np.float32)
    fall_x, fall_y = (gain * slope.reshape(grey.shape) * SIDE for slope in (across, down))
    parts = [fall_x * np.tile(points, FINE), fall_y * np.repeat(points, FINE), fall_x, fall_y, grey, np.ones_like(grey)]
    design = np.stack(parts, axis=2)
    turned = design.transpose(0, 2, 1)
    normal, error = turned @ design, turned @ (goal - gain * grey)[..., None]
    diagonal = np.arange(len(parts))
    normal[:, diagonal, diagonal] += 1e-3 * normal[:, diagonal, diagonal] + 1e-3
    return np.clip(np.linalg.solve(normal, error)[:, :4, 0], -_LONGEST_STEP, _LONGEST_STEP).astype(np.float32)


def _inside(boxes: np.ndarray) -> np.ndarray:
    """Boxes of at least half the picture that do not leave it."""
    boxes[:, :2] = np.clip(boxes[:, :2], 0.5, 1)
    boxes[:, 2:] = np.clip(boxes[:, 2:], 0, 1 - boxes[:, :2])
    return boxes


def sample(pictures: np.ndarray, boxes: np.ndarray, side: int = FINE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One box of each picture, read at side x side points with bilinear interpolation, and its slopes across and
    down."""
    points = ((np.arange(side) + 0.5) / side).astype(np.float32)
    across = np.clip((boxes[:, 2, None] + boxes[:, 0, None] * points) * SIDE - 0.5, 0, SIDE - 1.001)
    down = np.clip((boxes[:, 3, None] + boxes[:, 1, None] * points) * SIDE - 0.5, 0, SIDE - 1.001)
    x, y = across.astype(np.intp), down.astype(np.intp)
    right, below = (across - x)[:, None, :], (down - y)[:, :, None]
    flat = pictures.reshape(-1)
    corner = (np.arange(len(pictures)) * SIDE * SIDE)[:, None, None] + y[:, :, None] * SIDE + x[:, None, :]
    a, b, c, d = flat[corner], flat[corner + 1], flat[corner + SIDE], flat[corner + SIDE + 1]
    top, bottom = a + (b - a) * right, c + (d - c) * right
    return top + (bottom - top) * below, (b - a) * (1 - below) + (d - c) * below, bottom - top


def _centred(pictures: np.ndarray) -> np.ndarray:
    flat = pictures.reshape(len(pictures), -1)
    return flat - flat.mean(1, keepdims=True)


def _gradients(pictures: np.ndarray) -> np.ndarray:
    down = np.diff(pictures, axis=1)[:, :, 1:]
    across = np.diff(pictures, axis=2)[:, 1:, :]
    return normal(np.concatenate([down.reshape(len(pictures), -1), across.reshape(len(pictures), -1)], axis=1))


def normal(rows: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and length 1; rows without any contrast become 0."""
    rows = rows - rows.mean(-1, keepdims=True)
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-3)
