"""Where one photo lies on another, at their own pixels and in colour: the box of the one that shows what both do.

A box is width, height, left and top as parts of a photo. Pictures are float32, shape (3, side, side), in grey levels.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

Box = tuple[float, float, float, float]

_WHOLE, _BETTER, _WORTH = 0.98, 0.8, 0.1  # of a side; of the error, to move a box; to try to move it
_LONGEST_STEP, _LEAST_SIDE = 0.05, 0.5  # parts of a photo
_DIAGONAL = np.diag_indices(6)


def laid(
    left: Image.Image, target: np.ndarray, box: np.ndarray, *, side: int, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """The box moved to where it fits the target best (Gauss-Newton on grey, gain and offset free), and its pixels."""
    points = ((np.arange(side) + 0.5) / side).astype(np.float32)
    design = np.ones((6, side, side), np.float32)  # how a pixel changes with each side of the box, its grey, and one
    goal = target.mean(0).ravel()
    goal -= goal.mean()
    best, least, pixels = box, np.inf, target
    for left_over in reversed(range(rounds)):
        seen = _crop(left, box, side)
        rows = seen.mean(0)
        grey = rows.ravel()
        centred = grey - grey.mean()
        gain = float(centred @ goal) / (float(centred @ centred) + 1e-3)
        error = goal - gain * centred
        if (size := float(error @ error)) < _BETTER * least:
            best, least, pixels = box, size, seen
        if not left_over:
            break
        # one pixel of the resized box is box / side of the photo, so a slope per box width is side / box times larger
        _slopes(rows, design[2], design[3])
        design[2] *= gain * side / box[0]
        design[3] *= gain * side / box[1]
        design[0], design[1], design[4] = design[2] * points, design[3] * points[:, None], rows
        flat = design.reshape(6, -1)
        normal = flat @ flat.T
        normal[_DIAGONAL] += 1e-4 * normal[_DIAGONAL] + 1e-3
        slope = flat @ error
        step = np.linalg.solve(normal, slope)
        if float(step @ slope) < _WORTH * size:
            break  # no box nearby fits much better
        box = _inside(box + np.clip(step[:4], -_LONGEST_STEP, _LONGEST_STEP))
    return best, pixels


def _slopes(rows: np.ndarray, across: np.ndarray, down: np.ndarray) -> None:
    """Write how a picture changes from pixel to pixel, as numpy.gradient tells it, in a sixth of the time."""
    across[:, 1:-1] = (rows[:, 2:] - rows[:, :-2]) / 2
    down[1:-1] = (rows[2:] - rows[:-2]) / 2
    across[:, 0], across[:, -1] = rows[:, 1] - rows[:, 0], rows[:, -1] - rows[:, -2]
    down[0], down[-1] = rows[1] - rows[0], rows[-1] - rows[-2]


def is_whole(box: np.ndarray) -> bool:
    """Whether a box is nearly all of a photo."""
    return bool(min(box[:2]) > _WHOLE)


def snapped(box: np.ndarray) -> np.ndarray:
    """The whole picture instead of a box that is nearly all of it: pixels that are not resized agree best."""
    return np.array([1.0, 1.0, 0.0, 0.0]) if is_whole(box) else box


def _inside(box: np.ndarray) -> np.ndarray:
    size = np.clip(box[:2], _LEAST_SIDE, 1)
    return np.concatenate([size, np.clip(box[2:], 0, 1 - size)])


def _crop(image: Image.Image, box: np.ndarray, side: int) -> np.ndarray:
    left, top = box[2] * image.width, box[3] * image.height
    right, bottom = left + box[0] * image.width, top + box[1] * image.height
    return _pixels(image, (left, top, min(image.width, right), min(image.height, bottom)), side)


def pixels(image: Image.Image, side: int) -> np.ndarray:
    """The whole of a photo, squeezed to a square."""
    return _pixels(image, (0, 0, *image.size), side)


def _pixels(image: Image.Image, corners: Box, side: int) -> np.ndarray:
    seen = image.resize((side, side), Image.Resampling.BILINEAR, box=corners)
    # Channels come first in memory, too: numpy takes several times as long along an innermost axis of three.
    return np.asarray(seen).transpose(2, 0, 1).astype(np.float32, order="C")
