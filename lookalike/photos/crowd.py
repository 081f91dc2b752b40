"""All the people of a photo: every face aligned, with its box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from lookalike.photos import align, faces

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Crowd:
    """Aligned faces (n, 112, 112, 3), uint8, largest first, and their boxes (left, top, right, bottom) in the photo."""

    pixels: np.ndarray
    boxes: tuple[Box, ...]


def read(photo: Image.Image) -> Crowd:
    """The faces of an upright RGB photo."""
    found = faces.find(photo)
    rows = [align.aligned(photo, face.landmarks) for face in found]
    pixels = np.stack(rows) if rows else np.zeros((0, align.SIDE, align.SIDE, 3), np.uint8)
    return Crowd(pixels, tuple((face.left, face.top, face.right, face.bottom) for face in found))
