"""Find what may be near copies: resized, re-encoded, cropped, mirrored or recoloured versions of one photo.

Every photo is a grey picture of 64 x 64. Candidates come from a coarse look: the 8 x 8 picture of one photo against
several windows of every other, by normalised correlation. Of each photo only the few likest count, and a closer look
at 16 x 16 leaves fewer, so that a set full of look-alikes costs about as much as any other. Each candidate is then laid
exactly on its partner (Gauss-Newton over the window's corner and size). Where the two differ nowhere by much, they may
be copies; where they are the same in most cells, they show one scene. Whoever asks compares the first in colour and
detail (agree.py) before it believes any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from lookalike.photos.copies import lay
from lookalike.photos.decode import cores

COARSE, MIDDLE = 8, 16
CANDIDATE, POSSIBLE = 0.82, 0.5
MOST_NEIGHBOURS, MOST_PARTNERS, MOST_PAIRS = 24, 3, 2
SPOT = 60.0  # grey levels by which a copy, brought to the same brightness and contrast, may differ in a small spot
KEPT_SPOT = 30.0  # the same where not all details are in place: 4 of 4,900 planted copies differ by more
CLOSE_SPOT = 25.0  # nine in ten copies differ by less: such pairs are worth one more close look
SCENE = 0.7  # of the cells: to be the same

# Shares of cells, and how well details agree, of copies: those with their colours kept are the same in most cells and
# show something else in hardly any, though what was made smaller or cropped has lost detail; those in other colours
# have all their detail, at the same places. Of 4,900 planted copies of thirteen sets 0.4 % are neither, of 11,000 pairs
# that look alike more than half.
_KEPT_AGAINST, _KEPT_OTHER, _KEPT_DETAIL = 0.04, 0.7, 0.7
_CHANGED_UNLIKE, _CHANGED_DETAIL = 0.04, 0.95
_BLOCK_BYTES = 64_000_000
_AT_ONCE = 200  # pairs: with fewer, threads wait for each other; many more leave a processor's cache
_READ_AT_ONCE = 2048  # pairs whose pictures are in memory

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

    def take(self, chosen: np.ndarray | slice) -> Candidates:
        """Some of them, by mask or position."""
        return Candidates(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Likeness:
    """Two pictures, by number, and the box of the first (width, height, left, top) that may show what the second does,
    mirrored or not. `likely` copies should be looked at closely; `scene`: most of the two is the same. `spot` is the
    largest difference of a small spot (grey levels)."""

    left: int
    right: int
    box: tuple[float, float, float, float]
    mirrored: bool
    likely: bool
    scene: bool
    spot: float


def find(owners: Sequence[int], load: Load) -> list[Likeness]:
    """The pairs of pictures that may be copies or show one scene, at most a few for each of them, the likest first.

    `load` gives pictures (n, 64, 64) by number, `owners` tells for each the photo that it is of.
    """
    count = len(owners)
    if count < 2:
        return []
    candidates = _closer(_candidates(np.asarray(owners), load), count, load)
    return _few(sorted(_judged(candidates, load), key=lambda pair: pair.spot), count)


def between(pairs: Sequence[tuple[int, int]], load: Load) -> list[Likeness]:
    """The same for given pairs of pictures, whichever of the two is the cropped one."""
    left, right = np.array([*pairs, *((b, a) for a, b in pairs)]).reshape(-1, 2).T
    windows = _windows(load(left))
    parts = []
    for flag in (0, 1):
        others = load(right)[:, :, ::-1] if flag else load(right)
        scores = np.einsum("nwi,ni->nw", windows, _windows(others, WINDOWS[:1])[:, 0])
        parts.append(Candidates(left, right, scores.argmax(1), np.full(len(left), flag), scores.max(1)))
    return _judged(_best_view(_joined(parts), int(max(left.max(), right.max())) + 1), load)


def _judged(candidates: Candidates, load: Load) -> list[Likeness]:
    """Those candidates that may be copies or show one scene."""
    found = []
    with ThreadPoolExecutor(cores()) as pool:
        for rows in _blocks(len(candidates.left), _READ_AT_ONCE):  # here: what pictures come from may know one thread
            every = candidates.take(rows)
            numbers, places = np.unique([every.left, every.right], return_inverse=True)
            pictures = lay.Pictures(load(numbers))
            left, right = places.reshape(2, -1)
            parts = [slice(start, start + _AT_ONCE) for start in range(0, len(rows), _AT_ONCE)]
            pairs = [lay.Pairs(left[part], right[part], every.mirrored[part] == 1) for part in parts]
            judged = pool.map(partial(_judge, pictures), map(every.take, parts), pairs)
            found += [pair for pairs_found in judged for pair in pairs_found]
    return found


def _judge(pictures: lay.Pictures, part: Candidates, pairs: lay.Pairs) -> list[Likeness]:
    boxes, values = lay.fit(pictures, pairs, WINDOWS[part.window])
    seen = lay.compare(pictures, pairs, boxes)
    kept = (seen.against <= _KEPT_AGAINST) & (seen.other <= _KEPT_OTHER) & (values >= _KEPT_DETAIL)
    changed = (seen.unlike <= _CHANGED_UNLIKE) & (values >= _CHANGED_DETAIL)
    likely = (kept & (seen.spot <= KEPT_SPOT)) | (changed & (seen.spot <= SPOT))
    scene = (values >= POSSIBLE) & (seen.same >= SCENE)
    found = []
    for number in np.flatnonzero(likely | scene):
        width, height, x, y = (float(v) for v in boxes[number])
        left, right, mirrored = int(part.left[number]), int(part.right[number]), bool(part.mirrored[number])
        told = bool(likely[number]), bool(scene[number]), float(seen.spot[number])
        found.append(Likeness(left, right, (width, height, x, y), mirrored, *told))
    return found


def _closer(every: Candidates, count: int, load: Load) -> Candidates:
    """Those candidates that are among the likest of either photo at 16 x 16, too."""
    score = np.zeros(len(every.left), np.float32)
    whole = np.concatenate(
        [_seen(load(numbers), np.zeros(len(numbers), np.intp)) for numbers in _blocks(count, _AT_ONCE)]
    )
    for rows in _blocks(len(score), _AT_ONCE):
        part = every.take(rows)
        own, other = _seen(load(part.left), part.window), whole[part.right]
        other[part.mirrored == 1] = other[part.mirrored == 1][:, :, ::-1]
        score[rows] = np.einsum("ijk,ijk->i", own, other)
    order, times, chosen = np.argsort(-score, kind="stable"), [0] * count, []
    for number in order:
        left, right = int(every.left[number]), int(every.right[number])
        if min(times[left], times[right]) < MOST_PARTNERS:
            chosen.append(number)
            times[left] += 1
            times[right] += 1
    return every.take(np.array(sorted(chosen), dtype=np.intp))


def _seen(pictures: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """One window of each picture at 16 x 16, normalised."""
    seen = lay.sample(pictures.astype(np.float32), WINDOWS[windows], MIDDLE)[0]
    return lay.normal(seen.reshape(len(seen), -1)).reshape(seen.shape)


def likest(ranked: Sequence[Likeness], owners: Sequence[int]) -> tuple[list[Likeness], list[Likeness]]:
    """Of pairs, the likest first, those that are the likest of either photo; and the others."""
    met: set[int] = set()
    first: list[Likeness] = []
    others: list[Likeness] = []
    for pair in ranked:
        photos = {owners[pair.left], owners[pair.right]}
        (others if photos <= met else first).append(pair)
        met |= photos
    return first, others


def _few(ranked: list[Likeness], count: int) -> list[Likeness]:
    """The pairs that are among the likest of either photo."""
    times, chosen = [0] * count, []
    for pair in ranked:
        if min(times[pair.left], times[pair.right]) < MOST_PAIRS + (pair.spot <= CLOSE_SPOT):
            chosen.append(pair)
            times[pair.left] += 1
            times[pair.right] += 1
    return chosen


def _candidates(owners: np.ndarray, load: Load) -> Candidates:
    """Pairs of different photos that look alike at 8 x 8, the best window of each."""
    count = len(owners)
    whole, mirrored = _whole(count, load)
    rows = max(1, _BLOCK_BYTES // (len(WINDOWS) * count * 8))
    found = []
    for start in range(0, count, rows):
        numbers = np.arange(start, min(start + rows, count))
        windows = _windows(load(numbers))
        for flag, others in enumerate((whole, mirrored)):
            scores = (windows.reshape(-1, COARSE * COARSE) @ others.T).reshape(len(numbers), len(WINDOWS), count)
            best = scores.max(1)
            best[owners[numbers, None] == owners] = -1
            left, right = np.nonzero(_nearest(best))
            window = scores[left, :, right].argmax(1)
            found.append(Candidates(left + start, right, window, np.full(len(left), flag), best[left, right]))
    return _best_view(_joined(found), count)


def _joined(parts: Sequence[Candidates]) -> Candidates:
    names = Candidates.__dataclass_fields__
    return Candidates(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


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
    return lay.normal(np.stack(views, axis=1).reshape(len(pictures), len(windows), -1))


def _shares(start: float, size: float) -> np.ndarray:
    """How 64 pixels add up to 8 cells over [start, start + size]: each cell is the mean of what it covers."""
    edges = (start + size * np.arange(COARSE + 1) / COARSE) * lay.SIDE
    pixels = np.arange(lay.SIDE)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    covered = np.clip(covered, 0, None).astype(np.float32)
    return covered / covered.sum(1, keepdims=True)
