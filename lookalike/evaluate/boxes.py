"""A photo with the boxes of its faces and what is said of each."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from lookalike.bundle.bundle import OnnxModel
from lookalike.errors import UnusablePhoto
from lookalike.photos import images
from lookalike.project.names import NEITHER

SIDE = 480  # of the picture, in pixels
KNOWN, UNKNOWN = "#2563eb", "#777777"


def drawn(path: Path, model: OnnxModel) -> bytes | None:
    """The picture as JPEG; None when the photo can't be read."""
    try:
        photo = images.open_rgb(path)
    except UnusablePhoto:
        return None
    (said,) = model.predict([(path.name, path)])
    scale = min(1.0, SIDE / max(photo.size))
    picture = photo.resize(
        (max(1, round(photo.width * scale)), max(1, round(photo.height * scale))), Image.Resampling.BOX
    )
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for face in said.faces or ():
        left, top, right, bottom = (place * scale for place in face.box)
        colour = KNOWN if face.known else UNKNOWN
        pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=colour, width=2)
        words = f"{face.label if face.known else NEITHER} {face.similarity:.2f}"
        pen.text((left + 3, max(0.0, top - 17)), words, fill=colour, font=font, stroke_width=2, stroke_fill="white")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
