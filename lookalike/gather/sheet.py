"""The contact sheet: one JPEG with small pictures of what came, label by label."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from lookalike.files import replacing
from lookalike.gather.decoding import THUMBNAIL
from lookalike.photos.decode import Pool

NAME = "gathered.jpg"
CELL = 96
ACROSS = 12
TITLE = 22
LABELS = 40


def write(path: Path, images: Path, files: Mapping[str, Sequence[str]], pool: Pool) -> Path | None:
    """Draw at most 60 photos of each of the first 40 labels. None when there is nothing to show."""
    shown = [(label, list(names)) for label, names in files.items() if names][:LABELS]
    if not shown:
        return None
    height = sum(TITLE + CELL * -(-len(names) // ACROSS) for _, names in shown)
    canvas = Image.new("RGB", (CELL * ACROSS, height), "white")
    pen, font, top = ImageDraw.Draw(canvas), ImageFont.load_default(14), 0
    for label, names in shown:
        pen.text((4, top + 3), label, fill="black", font=font)
        top += TITLE
        paths = [images / name for name in names]
        for index, (_, small) in enumerate(pool.map("lookalike.gather.decoding:thumbnail", paths)):
            if isinstance(small, bytes):
                place = (CELL * (index % ACROSS), top + CELL * (index // ACROSS))
                canvas.paste(Image.frombytes("RGB", (THUMBNAIL, THUMBNAIL), small), place)
        top += CELL * -(-len(names) // ACROSS)
    buffer = io.BytesIO()
    canvas.save(buffer, "JPEG", quality=85)
    with replacing(path) as part:
        part.write_bytes(buffer.getvalue())
    return path
