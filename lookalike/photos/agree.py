"""Whether two photos show the same picture: one laid on the other and compared cell by cell, in colour and detail.

What similar photos share (a frame, a background, a face at the same place) agrees in most cells and fails in those
that hold the subject; a copy that was resized, saved again, cropped, mirrored or recoloured as a whole agrees in all.
Light enough to be imported in every decoding child.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.photos import images

SIDE, COARSE, LEAST, CELL = 112, 40, 24, 8
DECODED = 256
_ROUNDS = 3
_HOPELESS, _RUNS_ALIKE = 0.6, 0.8
_EVERY = 5  # of the pixels one is enough to tell how colours change
_NOISE, _SMALL_NOISE, _PART = (
    10.0,
    16.0,
    0.4,
)  # what saving may leave in a cell: grey levels, or a part of what there is to see
_SMALL = 80  # side below which a cell is too near to single pixels for saving to average out
_SEEN = 10.0  # contrast from which a cell shows something

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files, the box of the first (width, height, left, top as parts of it) that shows what the second does."""

    left: Path
    right: Path
    box: Box
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two photos agree.

    `cells` is the share of cells that agree after one change of colour for the whole picture and `changed` the largest
    difference of any small spot then (grey levels); `plain` and `worst` are the same with the colours as they are.
    `structure` is the share of the cells with something to see whose light and dark agree, whatever the colours, and
    `off` the mean difference after the change. `shown` is the share of cells with something to see, `side` at how many
    pixels they were compared, `whole` whether neither photo is cropped or mirrored, `colours` how many colours there
    are to tell a change by.
    """

    cells: float
    plain: float
    worst: float
    changed: float
    structure: float
    off: float
    shown: float
    side: int
    whole: bool
    colours: int


def agree(pair: Pair) -> Agreement:
    """Compare two photos. Raises UnusablePhoto."""
    left, right = _photo(pair.left), _photo(pair.right)
    across = [pair.box[0] * left.width, pair.box[1] * left.height, *right.size]
    most, box = max(LEAST, min(SIDE, int(min(across)))), np.array(pair.box)
    for side in sorted({min(COARSE, most), most}):
        target = np.asarray(right.resize((side, side), Image.Resampling.BOX), dtype=np.float32)
        if pair.mirrored:
            target = target[:, ::-1]
        box, own = _lay(left, target, box, side)
        own, target = _smooth(own), _smooth(target)
        if max(_agreeing(target - _recoloured(own, target), _spread(target)), _structure(own, target)) < _HOPELESS:
            break
    plain = target - own
    changed = target - _recoloured(own, target)
    contrast = _spread(target)
    return Agreement(
        cells=_agreeing(changed, contrast),
        plain=_agreeing(plain, contrast),
        worst=float(np.abs(plain).max()),
        changed=float(np.abs(changed).max()),
        structure=_structure(own, target),
        off=float(np.abs(changed).mean()),
        shown=float(max((contrast > _SEEN).mean(), (_spread(own) > _SEEN).mean())),
        side=side,
        whole=bool(min(box[0], box[1]) > 0.98) and not pair.mirrored,
        colours=max(_colours(own), _colours(target)),
    )


@lru_cache(maxsize=16)
def _photo(path: Path) -> Image.Image:
    image = images.open_rgb(path, at_least=DECODED)
    image.thumbnail((2 * DECODED, 2 * DECODED), Image.Resampling.BOX)
    return image


def _lay(left: Image.Image, target: np.ndarray, box: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The box moved to where it fits the target best (Gauss-Newton on grey, gain and offset free), and its pixels."""
    points = (np.arange(side) + 0.5) / side
    x, y = np.tile(points, side), np.repeat(points, side)
    goal = _grey(target)
    best, least, pixels = box, np.inf, _crop(left, box, side)
    for _ in range(_ROUNDS):
        seen = _crop(left, box, side)
        grey = _grey(seen)
        slope_y, slope_x = np.gradient(grey.reshape(side, side))
        centred = grey - grey.mean()
        gain = float(centred @ goal) / (float(centred @ centred) + 1e-3)
        error = goal - goal.mean() - gain * centred
        if (size := float(error @ error)) < least:
            best, least, pixels = box, size, seen
        # one pixel of the resized box is box / side of the photo, so a slope per box width is side / box times larger
        fall_x, fall_y = gain * slope_x.ravel() * side / box[0], gain * slope_y.ravel() * side / box[1]
        design = np.stack([fall_x * x, fall_y * y, fall_x, fall_y, grey, np.ones_like(grey)], 1)
        normal = design.T @ design
        normal[np.diag_indices(6)] += 1e-4 * np.diag(normal) + 1e-3
        step = np.linalg.solve(normal, design.T @ error)[:4]
        box = _inside(box + np.clip(step, -0.05, 0.05))
    return best, pixels


def _inside(box: np.ndarray) -> np.ndarray:
    size = np.clip(box[:2], 0.5, 1)
    return np.concatenate([size, np.clip(box[2:], 0, 1 - size)])


def _crop(image: Image.Image, box: np.ndarray, side: int) -> np.ndarray:
    left, top = box[2] * image.width, box[3] * image.height
    corners = (left, top, min(image.width, left + box[0] * image.width), min(image.height, top + box[1] * image.height))
    return np.asarray(image.resize((side, side), Image.Resampling.BOX, box=corners), dtype=np.float32)


def _grey(pixels: np.ndarray) -> np.ndarray:
    return pixels.mean(2).ravel()


def _smooth(pixels: np.ndarray) -> np.ndarray:
    """Means of 3 x 3 pixels, in which the noise of saving mostly cancels out."""
    padded = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    down = padded[:-2] + padded[1:-1] + padded[2:]
    return (down[:, :-2] + down[:, 1:-1] + down[:, 2:]) / 9


def _recoloured(own: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The first picture in the colours of the second: one smooth change (quadratic) for all pixels, fitted to most."""
    red, green, blue = own.reshape(-1, 3).T / 255
    terms = (np.ones_like(red), red, green, blue, red**2, green**2, blue**2, red * green, red * blue, green * blue)
    flat = np.stack(terms, 1)
    some, goal = flat[::_EVERY], target.reshape(-1, 3)[::_EVERY]
    chosen = np.ones(len(some), bool)
    for _ in range(3):
        change = np.linalg.lstsq(some[chosen], goal[chosen], rcond=1e-3)[0]
        error = np.abs(some @ change - goal).max(1)
        chosen = error <= max(float(np.quantile(error, 0.8)), _NOISE)
    return (flat @ change).clip(0, 255).reshape(target.shape)


def _cells(pixels: np.ndarray) -> np.ndarray:
    """Pixels by cell: shape (cells, pixels of a cell, 3)."""
    count = len(pixels) // CELL
    edge = len(pixels) // count
    cut = pixels[: count * edge, : count * edge]
    return cut.reshape(count, edge, count, edge, 3).swapaxes(1, 2).reshape(count * count, edge * edge, 3)


def _spread(pixels: np.ndarray) -> np.ndarray:
    return _cells(pixels).std(1).max(1)


def _agreeing(difference: np.ndarray, contrast: np.ndarray) -> float:
    """The share of cells whose difference is noise."""
    error = np.sqrt((_cells(difference) ** 2).mean(1).max(1))
    noise = _SMALL_NOISE if len(difference) < _SMALL else _NOISE
    return float((error <= np.maximum(noise, _PART * contrast)).mean())


def _structure(own: np.ndarray, target: np.ndarray) -> float:
    """The share of the cells with something to see in which light and dark run alike."""
    left, right = (_cells(pixels).mean(2) for pixels in (own, target))
    left, right = (cells - cells.mean(1, keepdims=True) for cells in (left, right))
    shows = right.std(1) > _SEEN / 2
    if not shows.any():
        return 0.0
    alike = (left * right).sum(1) / np.sqrt((left**2).sum(1) * (right**2).sum(1) + 1e-3)
    return float((np.abs(alike[shows]) >= _RUNS_ALIKE).mean())


def _colours(pixels: np.ndarray) -> int:
    """How many of 512 colours cover 95 % of a picture."""
    steps = pixels.astype(np.int32).clip(0, 255) >> 5
    shares = np.sort(np.bincount((steps[..., 0] << 6 | steps[..., 1] << 3 | steps[..., 2]).ravel()))[::-1]
    return int((shares.cumsum() < 0.95 * shares.sum()).sum()) + 1
