"""Find near copies: resized, re-encoded, cropped, mirrored or recoloured versions of one photo.

Every photo is a grey picture of 64 x 64. Candidates come from a coarse look: the 8 x 8 picture of one photo against
several windows of every other, by normalised correlation. Each candidate is then laid exactly on its partner by a
pattern search over the window's corner and size, and judged by the correlation of the *gradients* of the two, which
copies share and merely similar photos do not. Measured on 396 photos of insects with one changed copy each: copies
agree at 0.8 and more, different photos at 0.41 and less; on drawings the two meet at 0.5. Between POSSIBLE and SURE
the packaged network decides.

Where nearly everything looks alike (handwriting, aligned faces), likeness proves little, and only almost equal
pictures count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

SIDE = 64
COARSE, FINE = 8, 24
CANDIDATE, CANDIDATE_CROWDED = 0.82, 0.985
SURE, POSSIBLE, CROWDED_SURE = 0.6, 0.5, 0.99
MOST_NEIGHBOURS = 24
_BLOCK_BYTES = 64_000_000
_FIRST_STEP = 0.05
_STAGES = ((4, 0.18), (4, 0.34), (8, 0.0))  # rounds of the search, and the agreement that earns the next stage

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
_MOVES = [(0, 0, 1, 0), (0, 0, 0, 1), (1, 0, -0.5, 0), (0, 1, 0, -0.5)]  # right, down, wider, higher
_STEPS = np.array([_MOVES, np.negative(_MOVES)], dtype=np.float32).reshape(-1, 4)

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
    """Two photos, by number, and how well their gradients agree (1: the same picture). Not `sure`: look closer."""

    left: int
    right: int
    value: float
    sure: bool


def find(count: int, load: Load) -> list[Likeness]:
    """The pairs among `count` photos that are, or may be, copies. `load` gives pictures (n, 64, 64) by number."""
    if count < 2:
        return []
    candidates, crowded = _candidates(count, load)
    found = []
    for start in range(0, len(candidates.left), 2000):
        part = candidates.take(np.arange(start, min(start + 2000, len(candidates.left))))
        for left, right, value in zip(part.left, part.right, _agreement(part, load), strict=True):
            if value >= (CROWDED_SURE if crowded else POSSIBLE):
                found.append(Likeness(int(left), int(right), round(float(value), 3), crowded or value >= SURE))
    return found


def _candidates(count: int, load: Load) -> tuple[Candidates, bool]:
    """Pairs that look alike at 8 x 8, the best view of each, and whether the set is crowded with look-alikes."""
    whole, mirrored = _whole(count, load)
    rows = max(1, _BLOCK_BYTES // (len(WINDOWS) * count * 8))
    found, neighbours = [], np.zeros(count, np.int64)
    for start in range(0, count, rows):
        numbers = np.arange(start, min(start + rows, count))
        windows = _windows(load(numbers))
        for flag, others in enumerate((whole, mirrored)):
            scores = (windows.reshape(-1, COARSE * COARSE) @ others.T).reshape(len(numbers), len(WINDOWS), count)
            best = scores.max(1)
            best[np.arange(len(numbers)), numbers] = -1
            near = _nearest(best)
            neighbours[numbers] += near.sum(1)
            left, right = np.nonzero(near)
            window = scores[left, :, right].argmax(1)
            found.append(Candidates(left + start, right, window, np.full(len(left), flag), best[left, right]))
    names = Candidates.__dataclass_fields__
    every = Candidates(*(np.concatenate([getattr(part, name) for part in found]) for name in names))
    crowded = float(np.median(neighbours)) > max(8.0, 0.03 * count)
    if crowded:
        every = every.take(every.score >= CANDIDATE_CROWDED)
    return _best_view(every, count), crowded


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


def _agreement(pairs: Candidates, load: Load) -> np.ndarray:
    """How well the gradients of each pair agree once one photo is laid on the other; hopeless pairs end early."""
    result = np.zeros(len(pairs.left))
    alive = np.arange(len(pairs.left))
    own = load(pairs.left).astype(np.float32)
    other = _sample(load(pairs.right).astype(np.float32), np.tile(WINDOWS[:1], (len(alive), 1)))
    other[pairs.mirrored == 1] = other[pairs.mirrored == 1][:, :, ::-1]
    box = WINDOWS[pairs.window].copy()
    step = np.full(len(box), _FIRST_STEP, np.float32)
    for rounds, bar in _STAGES:
        box, step = _lay(own, other, box, step, rounds)
        result[alive] = np.einsum("ij,ij->i", _gradients(_sample(own, box)), _gradients(other))
        stays = result[alive] >= bar
        if not stays.any():
            break
        alive, own, other, box, step = alive[stays], own[stays], other[stays], box[stays], step[stays]
    return result


def _lay(
    own: np.ndarray, other: np.ndarray, box: np.ndarray, step: np.ndarray, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Move each box by the step that helps most; where none helps, halve the step (pattern search)."""
    target = _flat(other)

    def score(boxes: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->i", _flat(_sample(own, boxes)), target)

    value = score(box)
    for _ in range(rounds):
        best, better = box.copy(), value.copy()
        for direction in _STEPS:
            tried = _inside(box + direction * step[:, None])
            got = score(tried)
            gain = got > better
            better[gain], best[gain] = got[gain], tried[gain]
        step = np.where(better > value + 1e-4, step, step / 2).astype(np.float32)
        value, box = better, best
    return box, step


def _inside(boxes: np.ndarray) -> np.ndarray:
    """Boxes of at least half the picture that do not leave it."""
    boxes[:, :2] = np.clip(boxes[:, :2], 0.5, 1)
    boxes[:, 2:] = np.clip(boxes[:, 2:], 0, 1 - boxes[:, :2])
    return boxes


def _sample(pictures: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """One box of each picture, read at 24 x 24 points with bilinear interpolation."""
    points = ((np.arange(FINE) + 0.5) / FINE).astype(np.float32)
    across = np.clip((boxes[:, 2, None] + boxes[:, 0, None] * points) * SIDE - 0.5, 0, SIDE - 1.001)
    down = np.clip((boxes[:, 3, None] + boxes[:, 1, None] * points) * SIDE - 0.5, 0, SIDE - 1.001)
    x, y = across.astype(np.intp), down.astype(np.intp)
    right, below = (across - x)[:, None, :], (down - y)[:, :, None]
    flat = pictures.reshape(-1)
    corner = (np.arange(len(pictures)) * SIDE * SIDE)[:, None, None] + y[:, :, None] * SIDE + x[:, None, :]
    top = flat[corner] * (1 - right) + flat[corner + 1] * right
    bottom = flat[corner + SIDE] * (1 - right) + flat[corner + SIDE + 1] * right
    return top * (1 - below) + bottom * below


def _gradients(pictures: np.ndarray) -> np.ndarray:
    down = np.diff(pictures, axis=1)[:, :, 1:]
    across = np.diff(pictures, axis=2)[:, 1:, :]
    return _normal(np.concatenate([down.reshape(len(pictures), -1), across.reshape(len(pictures), -1)], axis=1))


def _flat(pictures: np.ndarray) -> np.ndarray:
    return _normal(pictures.reshape(len(pictures), -1))


def _normal(rows: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and length 1; rows without any contrast become 0."""
    rows = rows - rows.mean(-1, keepdims=True)
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-3)
