"""Which photos are near-copies of each other, judged from small grey pictures, so that a split never parts them.

This is the quick look that every training takes; `clean` looks closer (crops, for one) and its word counts more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

CORRELATION = 0.98
SIDE = 32
BLOCK = 512


@dataclass(frozen=True)
class Look:
    """A photo and its mirror image at 32x32 grey: flat, mean 0 and length 1, so that a product is a correlation."""

    plain: np.ndarray
    mirrored: np.ndarray


def look(pixels: np.ndarray) -> Look:
    """The look of a photo (height, width, 3)."""
    grey = np.asarray(Image.fromarray(pixels).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
    grey = grey - grey.mean()
    grey /= np.linalg.norm(grey) + 1e-3
    return Look(grey.ravel(), grey[:, ::-1].ravel())


def join(looks: Sequence[Look]) -> list[int]:
    """A group number for each photo. Photos are joined when they or their mirror images correlate by 0.98 or more.

    Measured: copies at half the size, at JPEG quality 40 or recoloured stay above 0.984 on real photos, while of 300
    handwritten digits, the likest pictures there are, eight pairs of 45,000 come above 0.98.
    """
    parent = list(range(len(looks)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    plain = np.stack([seen.plain for seen in looks]) if looks else np.zeros((0, SIDE * SIDE), np.float32)
    mirrored = np.stack([seen.mirrored for seen in looks]) if looks else plain
    for start in range(0, len(looks), BLOCK):
        block = plain[start : start + BLOCK]
        alike = np.maximum(block @ plain[start:].T, block @ mirrored[start:].T) >= CORRELATION
        for one, other in np.argwhere(np.triu(alike, 1)) + start:
            parent[root(int(other))] = root(int(one))
    return [root(index) for index in range(len(looks))]
