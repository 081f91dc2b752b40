"""Small pictures for the contact sheet; imported by the decoding children, so it stays light."""

from __future__ import annotations

from pathlib import Path

from PIL import ImageOps

from lookalike.photos import images

THUMBNAIL = 92


def thumbnail(path: Path) -> bytes:
    """The pixels of a photo at 92x92, for the contact sheet. Raises UnusablePhoto."""
    image = images.open_rgb(path, at_least=THUMBNAIL)
    return ImageOps.fit(image, (THUMBNAIL, THUMBNAIL)).tobytes()
