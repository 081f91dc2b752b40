"""Pictures of photos laid on each other, many pairs at once: where the one fits the other best, and what differs then.

All pictures are grey, float32, shape (n, 64, 64); a box is width, height, left and top as parts of a picture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lookalike.photos.copies.cells import smooth

SIDE = 64
WHOLE = np.array([[1, 1, 0, 0]], dtype=np.float32)
FINE, CLOSE, CELL = 24, 40, 5
NOISE, PART = 8.0, 0.25  # what saving leaves in a cell: grey levels, or a part of what there is to see
OTHER, ALIKE = 0.7, 0.5  # of the contrast, and a correlation
SEEN = 6.0
_ROUNDS, _LONGEST_STEP = 5, 0.06
_ARRIVED = 0.004  # parts of a picture (a quarter of a pixel): whoever moves less has found its place


def fit(own: np.ndarray, other: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each pair the box of the first near `box` that fits the second best, by Gauss-Newton with gain and offset
    free, and how well their gradients agree there (1: the same). Blurred pictures show the way from further off."""
    box, _ = _fitted(_blurred(own), _blurred(other), box)
    return _fitted(own, other, box)


def _blurred(pictures: np.ndarray) -> np.ndarray:
    return smooth(smooth(smooth(pictures)))


def _full(count: int) -> np.ndarray:
    return np.tile(WHOLE, (count, 1))


def _fitted(own: np.ndarray, other: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    other = sample(other, _full(len(box)))[0]
    goal = _centred(other)
    best, most = box.copy(), np.full(len(box), -1.0, np.float32)
    going = np.arange(len(box))
    for _ in range(_ROUNDS):
        seen, across, down = sample(own, box, rows=going)
        grey, aim = _centred(seen), goal[going]
        shared, norm = np.einsum("ij,ij->i", grey, aim), np.einsum("ij,ij->i", grey, grey)
        got = shared / np.sqrt(norm * np.einsum("ij,ij->i", aim, aim) + 1e-3)
        better = got > most[going]
        best[going[better]], most[going[better]] = box[better], got[better]
        gain = np.clip(shared / (norm + 1e-3), 0.2, 5)[:, None].astype(np.float32)
        further = _inside(box + _step(grey, aim, gain, across, down))
        moves = np.abs(further - box).max(1) > _ARRIVED
        going, box = going[moves], further[moves]
        if not len(going):
            break
    return best, np.einsum("ij,ij->i", _gradients(sample(own, best)[0]), _gradients(other))


class Apart(NamedTuple):
    """How far pairs differ, an array each.

    `spot` is the largest difference of a small spot (grey levels) and `against` the share of cells whose difference is
    as large as what they show, both as they are or after one change of brightness and contrast for the whole picture.
    Of the cells with something to see, `unlike` is the share in which light and dark run otherwise, `same` that of
    those that are the same as they are, and `other` that of those that are not.
    """

    spot: np.ndarray
    against: np.ndarray
    unlike: np.ndarray
    same: np.ndarray
    other: np.ndarray


def compare(own: np.ndarray, other: np.ndarray, boxes: np.ndarray) -> Apart:
    """Compare the box of the first picture of each pair with the second."""
    own = smooth(sample(own, boxes, CLOSE)[0])
    other = smooth(sample(other, _full(len(boxes)), CLOSE)[0])
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
    same = errors[0] <= np.maximum(NOISE, PART * contrast)
    alike = np.abs((left * right).mean(2)) / (spread[0] * spread[1] + 0.5)
    return Apart(
        spot=np.min([np.abs(change).max((1, 2)) for change in changes], axis=0),
        against=np.min([(error > np.maximum(NOISE, OTHER * contrast)).mean(1) for error in errors], axis=0),
        unlike=((alike < ALIKE) & shows).sum(1) / count,
        same=(same & shows).sum(1) / count,
        other=(~same & shows).sum(1) / count,
    )


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


def sample(
    pictures: np.ndarray, boxes: np.ndarray, side: int = FINE, rows: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One box of each picture, or of those in `rows`, read at side x side points with bilinear interpolation, and its
    slopes across and down."""
    points = ((np.arange(side) + 0.5) / side).astype(np.float32)
    across = np.clip((boxes[:, 2, None] + boxes[:, 0, None] * points) * SIDE - 0.5, 0, SIDE - 1.001)
    down = np.clip((boxes[:, 3, None] + boxes[:, 1, None] * points) * SIDE - 0.5, 0, SIDE - 1.001)
    x, y = across.astype(np.intp), down.astype(np.intp)
    right, below = (across - x)[:, None, :], (down - y)[:, :, None]
    flat = pictures.reshape(-1)
    first = (np.arange(len(pictures)) if rows is None else rows) * SIDE * SIDE
    corner = first[:, None, None] + y[:, :, None] * SIDE + x[:, None, :]
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
