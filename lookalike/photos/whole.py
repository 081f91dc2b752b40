"""A photo decoded completely: what is asked before its bytes are kept. Light, as decoding children import it."""

from __future__ import annotations

from typing import NamedTuple

from lookalike.photos import images

SIDE = 256  # smaller, a star would be gone


class Decoded(NamedTuple):
    """A photo's format, its size upright in pixels, and whether all of it is one colour."""

    format: str
    width: int
    height: int
    plain: bool


def decode(content: bytes) -> Decoded:
    """Decode a photo completely. Raises UnusablePhoto."""
    photo = images.open_photo(content, at_least=SIDE)
    return Decoded(photo.format, photo.width, photo.height, images.extremes(photo.image)[2] <= images.PLAIN)


def file_name(source: str, sha256: str, kind: str) -> str:
    """The name a photo of this format is kept under: where it came from and what its bytes are."""
    return f"{source}-{sha256[:16]}{images.SUFFIXES.get(kind, '.jpg')}"
