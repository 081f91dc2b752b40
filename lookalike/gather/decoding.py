"""What decoding a download shows; imported by the decoding children, so it stays light."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps

from lookalike.photos import images

THUMBNAIL = 92


class Decoded(NamedTuple):
    """A photo's format, its size upright in pixels, and whether all of it is one colour."""

    format: str
    width: int
    height: int
    plain: bool


def decode(content: bytes) -> Decoded:
    """Decode a photo completely. Raises UnusablePhoto."""
    photo = images.open_photo(content, at_least=16)
    thumbnail = photo.image.resize((16, 16), Image.Resampling.BOX)
    bands = [band.getextrema() for band in thumbnail.split()]
    return Decoded(photo.format, photo.width, photo.height, all(low == high for low, high in bands))


def thumbnail(path: Path) -> bytes:
    """The pixels of a photo at 92x92, for the contact sheet. Raises UnusablePhoto."""
    image = images.open_rgb(path, at_least=THUMBNAIL)
    return ImageOps.fit(image, (THUMBNAIL, THUMBNAIL)).tobytes()
