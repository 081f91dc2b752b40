"""Photos for tests, drawn by code: two kinds of picture that a network can learn to tell apart, no two the same."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def photo(kind: str, seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """A noisy picture of `kind`: "circles" (round, warm) or "stripes" (straight, cold)."""
    random = np.random.default_rng(seed)
    noise = random.integers(0, 60, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(noise + random.integers(60, 120, 3, dtype=np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = int(random.integers(0, size[0])), int(random.integers(0, size[1]))
        r = int(random.integers(8, 28))
        shade = int(random.integers(150, 255))
        if kind == "circles":
            pen.ellipse((x - r, y - r, x + r, y + r), fill=(shade, shade // 2, 40), outline="white")
        else:
            pen.line((x - 60, y - r, x + 60, y + r), fill=(40, shade // 2, shade), width=5)
    return image


OTHERS = ("noise", "writing", "gradient")


def other(kind: str, seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """A picture of something else than `photo` draws: one of OTHERS."""
    random = np.random.default_rng(seed)
    if kind == "noise":
        return Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    if kind == "gradient":
        corners = random.integers(0, 256, (2, 2, 3), dtype=np.uint8)
        return Image.fromarray(corners).resize(size, Image.Resampling.BILINEAR)
    page = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(page)
    for line in range(5, size[1], 14):
        pen.text((5, line), "".join(map(chr, random.integers(97, 123, 25))), fill="black")
    return page


def white_logo(size: tuple[int, int] = (128, 96)) -> Image.Image:
    """A white drawing on a transparent ground, its edges half transparent."""
    logo = Image.new("RGBA", size, (255, 255, 255, 0))
    ink = Image.new("L", (size[0] // 3, size[1] // 3))
    ImageDraw.Draw(ink).ellipse((5, 5, size[0] // 5, size[1] // 4), fill=255)
    logo.putalpha(ink.resize(size, Image.Resampling.BILINEAR))
    return logo


def jpeg(kind: str, seed: int, size: tuple[int, int] = (160, 120), quality: int = 90) -> bytes:
    """The same as the bytes of a JPEG file."""
    buffer = io.BytesIO()
    photo(kind, seed, size).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def folder(root: Path, counts: dict[str, int], size: tuple[int, int] = (160, 120)) -> Path:
    """A folder of label folders with so many drawn photos each; labels are kinds of picture."""
    for number, (label, count) in enumerate(counts.items()):
        (root / label).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            (root / label / f"{index:03}.jpg").write_bytes(jpeg(label, 1000 * number + index, size))
    return root
