"""What decoding a download shows; imported by the decoding children, so it stays light."""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image

from lookalike import images


class Looks(NamedTuple):
    """A photo's format, its size upright in pixels, and whether all of it is one colour."""

    format: str
    width: int
    height: int
    plain: bool


def look(content: bytes) -> Looks:
    """Decode a photo completely. Raises UnusablePhoto."""
    photo = images.open_photo(content, at_least=16)
    thumbnail = photo.image.resize((16, 16), Image.Resampling.BOX)
    bands = [band.getextrema() for band in thumbnail.split()]
    return Looks(photo.format, photo.width, photo.height, all(low == high for low, high in bands))
