"""Which photos are near-copies of each other by their hashes, so that a split never parts them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from lookalike.images import dhash

LIMIT = 6


def hashes(pixels: np.ndarray) -> tuple[int, int]:
    """The difference hash of a photo (height, width, 3) and of its mirror image."""
    image = Image.fromarray(pixels)
    return dhash(image), dhash(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def join(pairs: Sequence[tuple[int, int]], limit: int = LIMIT) -> list[int]:
    """A group number for each photo: photos whose hashes (or mirrored ones) differ in at most `limit` bits share one."""
    own = np.array([pair[0] for pair in pairs], dtype=np.uint64)
    mirrored = np.array([pair[1] for pair in pairs], dtype=np.uint64)
    parent = list(range(len(pairs)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for index in range(len(pairs)):
        near = np.minimum(_bits(own[index + 1 :] ^ own[index]), _bits(mirrored[index + 1 :] ^ own[index])) <= limit
        for other in np.flatnonzero(near) + index + 1:
            parent[root(int(other))] = root(index)
    return [root(index) for index in range(len(pairs))]


def _bits(values: np.ndarray) -> np.ndarray:
    return np.bitwise_count(values)
