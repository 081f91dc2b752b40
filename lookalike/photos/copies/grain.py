"""The grain of bare surfaces: the faint variations of a wall, a sky or a sensor, which no two photos share.

Photos of little have nothing else to be known by: a line on an even ground looks like many a line.
"""

from __future__ import annotations

import numpy as np

from lookalike.photos.copies.cells import means, smooth

_LEAST, _FAINT = 0.3, 0.4  # share of the cells, and grey levels of a surface that is not all even
_CLIP = 4.0  # grey levels beyond which something is to be seen
_HARDLY = 0.2  # correlation: grain that agrees no better is not asked whether it repeats, which takes longest
_NEAR, _REPEATS = 5, 0.5  # pixels over which grain goes on, and how well a pattern agrees with itself elsewhere


def shared(own: np.ndarray, target: np.ndarray, bare: np.ndarray) -> float:
    """How well the grain of two pictures (3, side, side) agrees: the mean correlation over the `bare` cells, 0 for a
    cell that is all even. 0 as well where there are few such cells, or where the grain is a pattern that repeats: two
    photos of one cloth share that."""
    if bare.mean() < _LEAST:
        return 0.0
    greys = own.mean(0, keepdims=True), target.mean(0, keepdims=True)
    left, right = (grey - smooth(smooth(grey)) for grey in greys)
    both, one, other = (means(product[0])[bare] for product in (left * right, left**2, right**2))
    grained = np.minimum(one, other) > _FAINT**2
    agrees = float(np.where(grained, both / np.sqrt(one * other + 1e-6), 0).mean())
    return 0.0 if agrees > _HARDLY and _repeats(left[0], right[0]) else agrees


def _repeats(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether the two agree about as well when one of them is moved."""
    left, right = (np.clip(grain, -_CLIP, _CLIP) for grain in (left, right))
    moved = np.abs(np.fft.irfft2(np.fft.rfft2(left) * np.fft.rfft2(right).conj(), s=left.shape))
    rows, columns = np.ogrid[: len(left), : len(left)]
    apart = np.maximum(np.minimum(rows, len(left) - rows), np.minimum(columns, len(left) - columns)) >= _NEAR
    return bool(moved[apart].max() > _REPEATS * moved[0, 0])
