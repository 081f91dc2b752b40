"""What to compare a photo by: small pictures of it, and of what is inside its borders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from lookalike.photos import borders

SIDE, PICTURE, SMALL = 256, 64, 128


@dataclass(frozen=True, slots=True)
class View:
    """A picture squeezed to a square: grey pixels, 64 x 64 bytes, and a JPEG in colour of at most 128 x 128."""

    grey: bytes
    small: bytes


def shrunk(photo: Image.Image) -> Image.Image:
    """A photo with its longer side at most 256 pixels."""
    scale = SIDE / max(photo.size)
    if scale >= 1:
        return photo
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo.resize(size, Image.Resampling.BOX)


def views(shown: Image.Image) -> list[View]:
    """The views of a shrunk photo: the whole of it and, if it has borders, the inside."""
    box = borders.inner(np.asarray(shown))
    return [_view(shown)] if box == (0, 0, *shown.size) else [_view(shown), _view(shown.crop(box))]


def _view(shown: Image.Image) -> View:
    import simplejpeg

    size = min(SMALL, shown.width), min(SMALL, shown.height)
    pixels = np.ascontiguousarray(shown.resize(size, Image.Resampling.BOX))
    jpeg = bytes(simplejpeg.encode_jpeg(pixels, quality=95, colorsubsampling="444"))
    return View(shown.convert("L").resize((PICTURE, PICTURE), Image.Resampling.BOX).tobytes(), jpeg)
