"""What differs between two pictures that lie on each other: everywhere, by cell, and in single spots.

Pictures and differences are float32, shape (..., 3, side, side), in grey levels: one pair, or several at once, of which
each number then comes as an array.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lookalike.photos.copies.cells import means, smooth
from lookalike.photos.copies.recolour import NOISE, luma

SMALL = 80  # side below which a cell is too near to single pixels for saving to average out
SEEN = 10.0  # contrast from which a cell shows something
_SMALL_NOISE, _PART = 16.0, 0.4  # what saving may leave in a cell: grey levels, or a part of its contrast
_OTHER = 0.7  # of the contrast
_LEAST_LOST = 0.02  # of the contrast: a photo that is saved as well as can be loses so much
_PEAK, _LEAST_USUAL = 8.0, 0.5  # times, grey levels: saving loses little in many places, another number much in one
_RUNS_ALIKE = 0.8
_CELLS = (-2, -1)
_CHANNELS = -3


class Residual(NamedTuple):
    """The largest difference of a small spot in `light`, and in `tint`, which pictures are saved with at half the size;
    `usual` is that of light everywhere (root mean square). All in grey levels."""

    light: Any
    tint: Any
    usual: Any

    @property
    def even(self) -> Any:
        """Whether no spot differs by much more light than all the rest does."""
        return self.light <= _PEAK * (self.usual + _LEAST_USUAL)


def apart(difference: np.ndarray) -> Residual:
    """How far light and tint differ."""
    light = luma(difference)
    tint = smooth(smooth(difference[..., ::2, :, :] - light[..., None, :, :]))
    return Residual(
        np.abs(light).max(_CELLS),
        np.abs(tint).max((_CHANNELS, *_CELLS)),
        np.sqrt((light**2).mean(_CELLS)),
    )


def spread(pixels: np.ndarray) -> np.ndarray:
    """The contrast of each cell: the standard deviation of the channel that varies most."""
    centred = pixels - pixels.mean(_CELLS, keepdims=True)
    return np.sqrt(np.maximum(means(centred**2) - means(centred) ** 2, 0)).max(_CHANNELS)


def _lost(difference: np.ndarray) -> np.ndarray:
    """By how much each cell differs in the channel that differs most (root mean square)."""
    return np.sqrt(means(difference**2).max(_CHANNELS))


def agreeing(difference: np.ndarray, contrast: np.ndarray) -> tuple[Any, Any]:
    """Of the cells with something to see the share whose difference is noise, and of all cells the share whose
    difference is as large as what there is to see: those show something else."""
    error = _lost(difference)
    noise = _SMALL_NOISE if difference.shape[-1] < SMALL else NOISE
    wrong = error > np.maximum(noise, _PART * contrast)
    counts = wrong | (contrast > SEEN)
    against = error > np.maximum(1.5 * noise, _OTHER * contrast)
    return 1 - wrong.sum(_CELLS) / np.maximum(1, counts.sum(_CELLS)), against.mean(_CELLS)


def uneven(difference: np.ndarray, contrast: np.ndarray) -> float:
    """How many times as much of what there is to see the worst cell of one pair has lost as the typical one."""
    shows = contrast > SEEN
    if not shows.any():
        return 0.0
    parts = _lost(difference)[shows] / contrast[shows]
    return float(parts.max() / (np.median(parts) + _LEAST_LOST))


def structure(own: np.ndarray, target: np.ndarray) -> Any:
    """The share of the cells with something to see in which light and dark run alike, whatever the colours."""
    greys = own.mean(_CHANNELS), target.mean(_CHANNELS)
    left, right = (grey - grey.mean(_CELLS, keepdims=True) for grey in greys)
    mean_left, mean_right = means(left), means(right)
    spread_left, spread_right = (
        np.maximum(means(pixels**2) - mean**2, 0) for pixels, mean in ((left, mean_left), (right, mean_right))
    )
    shows = np.maximum(spread_left, spread_right) > (SEEN / 2) ** 2
    alike = (means(left * right) - mean_left * mean_right) / np.sqrt(spread_left * spread_right + 1e-3)
    return (shows & (np.abs(alike) >= _RUNS_ALIKE)).sum(_CELLS) / np.maximum(1, shows.sum(_CELLS))
