"""Photos for tests, drawn by code: two kinds of picture that a network can learn to tell apart, no two the same."""

from __future__ import annotations

import io
import struct
import zlib
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


def dotted(logo: Image.Image) -> Image.Image:
    """The same with a small red dot."""
    ImageDraw.Draw(logo).ellipse((40, 40, 45, 45), fill=(220, 30, 40, 255))
    return logo


def deep_png(values: np.ndarray) -> bytes:
    """A PNG with 16 bits for each colour, which Pillow does not write: uint16 (height, width, 2, 3 or 4)."""
    height, width, colours = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[colours], 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def deep_tiff(values: np.ndarray, order: str = "<", planes: int = 1) -> bytes:
    """The same as a plain TIFF: uint16 (height, width, 3), the colours together or in `planes` of their own."""
    height, width, _ = values.shape
    if planes == 2:
        values = np.moveaxis(values, 2, 0)
    body = values.astype(f"{order}u2").tobytes()
    bits = 8 + len(body)
    entries = {
        256: width,
        257: height,
        258: bits,
        259: 1,
        262: 2,
        273: 8,
        277: 3,
        278: height,
        279: len(body),
        284: planes,
    }
    if planes == 2:
        entries |= {273: bits + 6, 279: bits + 18}
    places = struct.pack(f"{order}3H6I", 16, 16, 16, *(8 + n * len(body) // 3 for n in range(3)), *[len(body) // 3] * 3)
    rows = [(tag, 3 if tag == 258 else 4, 3 if tag == 258 or (planes == 2 and tag in (273, 279)) else 1, value)
            for tag, value in sorted(entries.items())]  # fmt: skip
    directory = struct.pack(f"{order}H", len(rows)) + b"".join(struct.pack(f"{order}HHII", *row) for row in rows)
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(f"{order}I", bits + len(places)) + body + places + directory + b"\0\0\0\0"


def jpeg(kind: str, seed: int, size: tuple[int, int] = (160, 120), quality: int = 90) -> bytes:
    """The same as the bytes of a JPEG file."""
    buffer = io.BytesIO()
    photo(kind, seed, size).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def png_with(chunk: bytes, checksum: int = 0, *, kind: str = "circles", seed: int = 1) -> bytes:
    """A photo as PNG with one more chunk, the four letters of its kind and its content, and that much added to its
    checksum."""
    buffer = io.BytesIO()
    photo(kind, seed).save(buffer, "PNG")
    data = buffer.getvalue()
    added = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", (zlib.crc32(chunk) + checksum) % 2**32)
    return data[:33] + added + data[33:]


def folder(root: Path, counts: dict[str, int], size: tuple[int, int] = (160, 120)) -> Path:
    """A folder of label folders with so many drawn photos each; labels are kinds of picture."""
    for number, (label, count) in enumerate(counts.items()):
        (root / label).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            (root / label / f"{index:03}.jpg").write_bytes(jpeg(label, 1000 * number + index, size))
    return root


def large_photos(root: Path, count: int = 200) -> Path:
    """So many photos of six megapixels in each of two labels: they take long to read, and little room on the disk."""
    for label in ("circles", "stripes"):
        (root / label).mkdir(parents=True)
        stream = io.BytesIO()
        photo(label, 0, (150, 100)).resize((3000, 2000), Image.Resampling.NEAREST).save(stream, "PNG")
        for number in range(count):  # what follows the end of a PNG is not looked at, and makes it a file of its own
            (root / label / f"{number:03}.png").write_bytes(stream.getvalue() + bytes([number]))
    return root
