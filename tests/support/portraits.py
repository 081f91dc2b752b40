"""Photos of people that come with packages of the tests, and the networks that see faces; tests skip without them."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from lookalike.net import weights
from lookalike.photos import faces

HERE = bool(weights.find("yunet") and weights.find("sface"))
needs_networks = pytest.mark.skipif(not HERE, reason="the networks for faces are not on this machine; see the Makefile")


def find_faces() -> None:
    """Let this process find faces."""
    path = weights.find("yunet")
    assert path
    faces.use(faces.flexible(path.read_bytes()))


def one_portrait() -> list[tuple[str, bytes]]:
    """One portrait that comes with matplotlib, as different photos; and one picture without a face."""
    from matplotlib import cbook

    with cbook.get_sample_data("grace_hopper.jpg") as file:
        whole = Image.open(file).convert("RGB")
    wide = Image.new("RGB", (1600, 900), "grey")
    wide.paste(whole.resize((400, 469)), (900, 200))
    clear = whole.resize((300, 352)).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    named = {
        "whole": whole, "mirrored": ImageOps.mirror(whole), "small": whole.resize((120, 140)), "wide": wide,
        "leaning": whole.rotate(25, Image.Resampling.BICUBIC, expand=True), "close": whole.crop((150, 10, 400, 300)),
        "large": whole.resize((2048, 2401)), "cut": whole.crop((230, 0, 512, 250)),
        "nobody": Image.linear_gradient("L").convert("RGB"),
    }  # fmt: skip
    files = [(f"{name}.jpg", encoded(image, "JPEG", quality=92)) for name, image in named.items()]
    return [*files, ("clear.png", encoded(clear, "PNG"))]


def encoded(image: Image.Image, kind: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


@cache
def carried() -> Path:
    """The folder of the package that carries the networks for development; it has photos of people, too."""
    path = weights._packaged(weights.WEIGHTS["sface"])
    return path.parent.parent if path else Path()
