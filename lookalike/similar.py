"""Which photos are near-copies of each other, judged from small grey pictures, so that a split never parts them.

This is the quick look that every training takes; `clean` looks closer (crops, for one) and its word counts more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from lookalike.images import dhash

BITS = 6
CORRELATION = 0.97
SIDE = 32


@dataclass(frozen=True)
class Look:
    """A photo's difference hash, that of its mirror image, and both at 32x32 grey, standardised and flat."""

    hash: int
    mirrored: int
    grey: np.ndarray
    mirrored_grey: np.ndarray


def look(pixels: np.ndarray) -> Look:
    """The look of a photo (height, width, 3)."""
    image = Image.fromarray(pixels).convert("L")
    mirror = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return Look(dhash(image), dhash(mirror), _standardised(image), _standardised(mirror))


def _standardised(image: Image.Image) -> np.ndarray:
    grey = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32).ravel()
    return (grey - grey.mean()) / (grey.std() + 1e-3) / SIDE


def join(looks: Sequence[Look]) -> list[int]:
    """A group number for each photo. Two photos are joined when their hashes, mirrored or not, differ in at most 6 of
    64 bits and their grey pictures correlate by 0.97 or more: hashes alone join what is merely alike, such as two
    handwritten digits."""
    own = np.array([seen.hash for seen in looks], dtype=np.uint64)
    mirrored = np.array([seen.mirrored for seen in looks], dtype=np.uint64)
    parent = list(range(len(looks)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for index, seen in enumerate(looks):
        plain = np.bitwise_count(own[index + 1 :] ^ own[index])
        turned = np.bitwise_count(mirrored[index + 1 :] ^ own[index])
        for other in np.flatnonzero(np.minimum(plain, turned) <= BITS) + index + 1:
            twin = looks[int(other)]
            if max(seen.grey @ twin.grey, seen.grey @ twin.mirrored_grey) >= CORRELATION:
                parent[root(int(other))] = root(index)
    return [root(index) for index in range(len(looks))]
