"""Find what may be near copies: resized, re-encoded, cropped, mirrored or recoloured versions of one photo.

Every photo is a grey picture of 64 x 64. Candidates come from a coarse look: the 8 x 8 picture of one photo against
several windows of every other, by normalised correlation; of each photo only the few likest count, so that a set full
of look-alikes costs about as much as any other. Each candidate is then laid exactly on its partner (Gauss-Newton over
the window's corner and size), and the gradients of the two must agree. Whoever asks looks at the photos themselves
(photos/agree.py) before it believes any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

SIDE = 64
COARSE, FINE = 8, 24
CANDIDATE, POSSIBLE = 0.82, 0.5
MOST_NEIGHBOURS, MOST_PARTNERS = 8, 3
_BLOCK_BYTES = 64_000_000
_ROUNDS, _LONGEST_STEP = 6, 0.06

# Where a cropped copy may have been cut from: width, height, left and top as parts of the picture. The search that
# follows closes gaps of a few hundredths between them.
_ENDS, _PLACES = (0.0, 1.0), (0.0, 0.5, 1.0)
WINDOWS = np.array(
    [(1, 1, 0, 0), (0.7, 0.7, 0.15, 0.15), (0.72, 1, 0.14, 0), (1, 0.72, 0, 0.14), (0.93, 0.93, 0.035, 0.035)]
    + [(0.92, 0.92, 0.08 * x, 0.08 * y) for x in _ENDS for y in _ENDS]
    + [(0.85, 0.85, 0.15 * x, 0.15 * y) for x in _PLACES for y in _PLACES]
    + [(1, 0.85, 0, 0.15 * y) for y in _ENDS]
    + [(0.85, 1, 0.15 * x, 0) for x in _ENDS],
    dtype=np.float32,
)

Load = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Candidates:
    """Pairs that may be copies: photo `left` seen through window `window`, against `right`, mirrored or not."""

    left: np.ndarray
    right: np.ndarray
    window: np.ndarray
    mirrored: np.ndarray
    score: np.ndarray

    def take(self, chosen: np.ndarray) -> Candidates:
        """Some of them, by mask or position."""
        return Candidates(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Likeness:
    """Two photos, by number, and the box of the first (width, height, left, top) that may show what the second does,
    mirrored or not. `value` is how well their gradients agree (1: the same picture)."""

    left: int
    right: int
    box: tuple[float, float, float, float]
    mirrored: bool
    value: float


def find(count: int, load: Load) -> list[Likeness]:
    """The pairs among `count` photos that may be copies, at most a few for each photo, the likest first. `load` gives
    pictures (n, 64, 64) by number."""
    if count < 2:
        return []
    candidates, found = _candidates(count, load), []
    for start in range(0, len(candidates.left), 2000):
        part = candidates.take(np.arange(start, min(start + 2000, len(candidates.left))))
        boxes, values = _laid(part, load)
        for number in np.flatnonzero(values >= POSSIBLE):
            width, height, x, y = (float(v) for v in boxes[number])
            left, right, mirrored = int(part.left[number]), int(part.right[number]), bool(part.mirrored[number])
            found.append(Likeness(left, right, (width, height, x, y), mirrored, float(values[number])))
    return _few(sorted(found, key=lambda pair: -pair.value), count)


def _few(ranked: list[Likeness], count: int) -> list[Likeness]:
    """The pairs that are among the likest of either photo."""
    times, chosen = [0] * count, []
    for pair in ranked:
        if min(times[pair.left], times[pair.right]) < MOST_PARTNERS:
            chosen.append(pair)
            times[pair.left] += 1
            times[pair.right] += 1
    return chosen


def _candidates(count: int, load: Load) -> Candidates:
    """Pairs that look alike at 8 x 8, the best view of each."""
    whole, mirrored = _whole(count, load)
    rows = max(1, _BLOCK_BYTES // (len(WINDOWS) * count * 8))
    found = []
    for start in range(0, count, rows):
        numbers = np.arange(start, min(start + rows, count))
        windows = _windows(load(numbers))
        for flag, others in enumerate((whole, mirrored)):
            scores = (windows.reshape(-1, COARSE * COARSE) @ others.T).reshape(len(numbers), len(WINDOWS), count)
            best = scores.max(1)
            best[np.arange(len(numbers)), numbers] = -1
            left, right = np.nonzero(_nearest(best))
            window = scores[left, :, right].argmax(1)
            found.append(Candidates(left + start, right, window, np.full(len(left), flag), best[left, right]))
    names = Candidates.__dataclass_fields__
    return _best_view(Candidates(*(np.concatenate([getattr(part, name) for part in found]) for name in names)), count)


def _nearest(best: np.ndarray) -> np.ndarray:
    """A mask of the candidates, at most MOST_NEIGHBOURS in each row."""
    near = best >= CANDIDATE
    full = np.flatnonzero(near.sum(1) > MOST_NEIGHBOURS)
    if len(full):
        bar = np.partition(best[full], -MOST_NEIGHBOURS, axis=1)[:, -MOST_NEIGHBOURS, None]
        near[full] &= best[full] >= bar
    return near


def _best_view(every: Candidates, count: int) -> Candidates:
    """Of each pair of photos, the one view that agrees best."""
    order = np.argsort(-every.score, kind="stable")
    low, high = np.minimum(every.left, every.right), np.maximum(every.left, every.right)
    _, first = np.unique((low * count + high)[order], return_index=True)
    return every.take(order[first])


def _whole(count: int, load: Load) -> tuple[np.ndarray, np.ndarray]:
    """Every photo at 8 x 8, and mirrored: normalised, shape (count, 64) each."""
    parts = [_windows(load(numbers), WINDOWS[:1])[:, 0] for numbers in _blocks(count)]
    whole = np.concatenate(parts)
    flipped = whole.reshape(-1, COARSE, COARSE)[:, :, ::-1].reshape(count, -1)
    return whole, np.ascontiguousarray(flipped)


def _blocks(count: int, size: int = 1024) -> Iterator[np.ndarray]:
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def _windows(pictures: np.ndarray, windows: np.ndarray = WINDOWS) -> np.ndarray:
    """Windows of pictures (n, 64, 64), averaged to 8 x 8 and normalised: shape (n, windows, 64)."""
    pictures = pictures.astype(np.float32)
    views = [_shares(w[3], w[1]) @ pictures @ _shares(w[2], w[0]).T for w in windows]
    return _normal(np.stack(views, axis=1).reshape(len(pictures), len(windows), -1))


def _shares(start: float, size: float) -> np.ndarray:
    """How 64 pixels add up to 8 cells over [start, start + size]: each cell is the mean of what it covers."""
    edges = (start + size * np.arange(COARSE + 1) / COARSE) * SIDE
    pixels = np.arange(SIDE)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    covered = np.clip(covered, 0, None).astype(np.float32)
    return covered / covered.sum(1, keepdims=True)


def _laid(pairs: Candidates, load: Load) -> tuple[np.ndarray, np.ndarray]:
    """The box of each pair where the one photo fits the other best, by Gauss-Newton with gain and offset free, and how
    well their gradients agree there."""
    own = load(pairs.left).astype(np.float32)
    other = _sample(load(pairs.right).astype(np.float32), np.tile(WINDOWS[:1], (len(pairs.left), 1)))[0]
    other[pairs.mirrored == 1] = other[pairs.mirrored == 1][:, :, ::-1]
    goal, aim = _centred(other), _gradients(other)
    box = best = WINDOWS[pairs.window].copy()
    fit, value = np.full(len(box), -1.0, np.float32), np.zeros(len(box), np.float32)
    for _ in range(_ROUNDS):
        seen, across, down = _sample(own, box)
        grey = _centred(seen)
        shared, norm = np.einsum("ij,ij->i", grey, goal), np.einsum("ij,ij->i", grey, grey)
        got = shared / np.sqrt(norm * np.einsum("ij,ij->i", goal, goal) + 1e-3)
        better = got > fit
        best = np.where(better[:, None], box, best)
        value = np.where(better, np.einsum("ij,ij->i", _gradients(seen), aim), value)
        fit = np.maximum(fit, got)
        gain = np.clip(shared / (norm + 1e-3), 0.2, 5)[:, None].astype(np.float32)
        box = _inside(box + _step(grey, goal, gain, across, down))
    return best, value


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


def _sample(pictures: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One box of each picture, read at 24 x 24 points with bilinear interpolation, and its slopes across and down."""
    points = ((np.arange(FINE) + 0.5) / FINE).astype(np.float32)
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
    return _normal(np.concatenate([down.reshape(len(pictures), -1), across.reshape(len(pictures), -1)], axis=1))


def _normal(rows: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and length 1; rows without any contrast become 0."""
    rows = rows - rows.mean(-1, keepdims=True)
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-3)
