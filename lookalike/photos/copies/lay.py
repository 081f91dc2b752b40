"""Pictures of photos laid on each other, many pairs at once: where the one fits the other best, and what differs then.

All pictures are grey, float32, shape (n, side, side); a box is width, height, left and top as parts of a picture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lookalike.photos.copies.cells import means, smooth

SIDE = 64
WHOLE = np.array([[1, 1, 0, 0]], dtype=np.float32)
FINE, CLOSE, CELL = 24, 40, 5
NOISE, PART = 8.0, 0.25  # what saving leaves in a cell: grey levels, or a part of what there is to see
OTHER, ALIKE = 0.7, 0.5  # of the contrast, and a correlation
SEEN = 6.0
_ROUNDS, _LONGEST_STEP = 5, 0.06
_ARRIVED = 0.004  # parts of a picture (a quarter of a pixel): whoever moves less has found its place
_IN_CACHE = 64  # pictures
_DIAGONAL = np.arange(6)


class Pictures:
    """Pictures of 64 x 64 pixels, and what is taken of each however many pairs it is in: it `blurred`, and as the one
    that others are laid on, `fine` and `soft` (blurred) at 24 pixels and `close` at 40."""

    def __init__(self, greys: np.ndarray) -> None:
        self.sharp = greys.astype(np.float32)
        self.blurred = np.empty_like(self.sharp)
        self.fine, self.soft = np.empty((2, len(greys), FINE, FINE), np.float32)
        self.close = np.empty((len(greys), CLOSE, CLOSE), np.float32)
        for start in range(0, len(greys), _IN_CACHE):
            part = slice(start, start + _IN_CACHE)
            sharp = self.sharp[part]
            whole = np.repeat(WHOLE, len(sharp), axis=0)
            self.blurred[part] = blurred = smooth(smooth(smooth(sharp)))
            self.fine[part], self.soft[part] = sample(sharp, whole)[0], sample(blurred, whole)[0]
            self.close[part] = smooth(sample(sharp, whole, CLOSE)[0])


class Pairs(NamedTuple):
    """Pictures by number: `left`, of which a box may show what `right` does, mirrored or not. An array each."""

    left: np.ndarray
    right: np.ndarray
    mirrored: np.ndarray

    def goals(self, pictures: np.ndarray) -> np.ndarray:
        """Of such pictures the right ones, turned over where that is meant."""
        seen = pictures[self.right]
        seen[self.mirrored] = seen[self.mirrored, :, ::-1]
        return seen


def fit(pictures: Pictures, pairs: Pairs, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each pair the box of the first near `box` that fits the second best, by Gauss-Newton with gain and offset
    free, and how well their gradients agree there (1: the same). Blurred pictures show the way from further off."""
    box = _fitted(pictures.blurred, pairs.left, pairs.goals(pictures.soft), box)
    goals = pairs.goals(pictures.fine)
    box = _fitted(pictures.sharp, pairs.left, goals, box)
    seen = sample(pictures.sharp, box, rows=pairs.left)[0]
    return box, np.einsum("ij,ij->i", _gradients(seen), _gradients(goals))


def _fitted(pictures: np.ndarray, rows: np.ndarray, goals: np.ndarray, box: np.ndarray) -> np.ndarray:
    goals = _centred(goals)
    best, most = box.copy(), np.full(len(box), -1.0, np.float32)
    going = np.arange(len(box))
    for _ in range(_ROUNDS):
        seen, across, down = sample(pictures, box, rows=rows[going])
        grey, aim = _centred(seen), goals[going]
        shared, norm = np.einsum("ij,ij->i", grey, aim), np.einsum("ij,ij->i", grey, grey)
        got = shared / np.sqrt(norm * np.einsum("ij,ij->i", aim, aim) + 1e-3)
        better = got > most[going]
        best[going[better]], most[going[better]] = box[better], got[better]
        gain = np.clip(shared / (norm + 1e-3), 0.2, 5)[:, None]
        further = _inside(box + _step(grey, aim, gain, across, down))
        moves = np.abs(further - box).max(1) > _ARRIVED
        going, box = going[moves], further[moves]
        if not len(going):
            break
    return best


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


def compare(pictures: Pictures, pairs: Pairs, boxes: np.ndarray) -> Apart:
    """Compare the box of the first picture of each pair with the second."""
    own = smooth(sample(pictures.sharp, boxes, CLOSE, rows=pairs.left)[0])
    other = pairs.goals(pictures.close)
    changes = [own - other]
    flat = _centred(own), _centred(other)
    shared = np.einsum("ij,ij->i", *flat)
    for one, two in (flat, flat[::-1]):
        gain = shared / (np.einsum("ij,ij->i", one, one) + 1e-3)
        changes.append((two - gain[:, None] * one).reshape(own.shape))
    errors = [np.sqrt(means(change**2, CELL)) for change in changes]
    left, right = (pixels.reshape(own.shape) for pixels in flat)
    middle = means(left, CELL), means(right, CELL)
    spread = [
        np.sqrt(np.maximum(means(pixels**2, CELL) - mean**2, 0))
        for pixels, mean in zip((left, right), middle, strict=True)
    ]
    contrast = np.maximum(*spread)
    shows = contrast > SEEN
    count = np.maximum(shows.sum((1, 2)), 1)
    same = errors[0] <= np.maximum(NOISE, PART * contrast)
    alike = np.abs(means(left * right, CELL) - middle[0] * middle[1]) / (spread[0] * spread[1] + 0.5)
    return Apart(
        spot=np.min([np.abs(change).max((1, 2)) for change in changes], axis=0),
        against=np.min([(error > np.maximum(NOISE, OTHER * contrast)).mean((1, 2)) for error in errors], axis=0),
        unlike=((alike < ALIKE) & shows).sum((1, 2)) / count,
        same=(same & shows).sum((1, 2)) / count,
        other=(~same & shows).sum((1, 2)) / count,
    )


def _step(grey: np.ndarray, goal: np.ndarray, gain: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """How far each box should move: the least-squares step for width, height, left and top, gain and offset beside."""
    points = ((np.arange(FINE) + 0.5) / FINE).astype(np.float32)
    design = np.empty((len(grey), 6, FINE, FINE), np.float32)
    factor = (gain * SIDE)[:, :, None]
    np.multiply(across, factor, out=design[:, 2])
    np.multiply(down, factor, out=design[:, 3])
    np.multiply(design[:, 2], points, out=design[:, 0])
    np.multiply(design[:, 3], points[:, None], out=design[:, 1])
    design[:, 4], design[:, 5] = grey.reshape(across.shape), 1
    flat = design.reshape(len(grey), 6, -1)
    normal, error = flat @ flat.swapaxes(1, 2), flat @ (goal - gain * grey)[..., None]
    normal[:, _DIAGONAL, _DIAGONAL] += 1e-3 * normal[:, _DIAGONAL, _DIAGONAL] + 1e-3
    return np.clip(np.linalg.solve(normal, error)[:, :4, 0], -_LONGEST_STEP, _LONGEST_STEP)


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
    x, y = across.astype(np.int32), down.astype(np.int32)
    # What an integer takes part in becomes float64, which takes twice as long from here on.
    right, below = (across - x.astype(np.float32))[:, None, :], (down - y.astype(np.float32))[:, :, None]
    first = (np.arange(len(pictures)) if rows is None else rows) * SIDE * SIDE
    corner = (first[:, None] + y * SIDE)[:, :, None] + x[:, None, :]
    flat = pictures.reshape(-1)
    seen, over, under, both = (flat[start:].take(corner, mode="clip") for start in (0, 1, SIDE, SIDE + 1))
    both -= under
    over -= seen
    under -= seen  # now slopes: `over` across along the upper line, `both` along the lower, `under` down on the left
    twist = both - over
    fall = twist * right
    fall += under
    seen += over * right
    seen += fall * below
    twist *= below
    twist += over
    return seen, twist, fall


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
