"""Photos of people that come with packages of the tests, and the networks that see faces; tests skip without them."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from lookalike.net import weights
from lookalike.photos import faces
from tests.support import draw

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


NAMES = {"ann": "Female_40_1_2_1", "bea": "Female_43_1_4", "cas": "Female_45_3_1"}  # photos of the package, one each


@cache
def face_of(name: str) -> Image.Image:
    """The head of a person on one photo of the package, about 300 pixels wide."""
    photo = Image.open(carried() / "unknowns" / f"{NAMES[name]}.jpg").convert("RGB")
    find_faces()
    face = faces.find(photo)[0]
    wide, high = face.right - face.left, face.bottom - face.top
    box = [face.left - wide, face.top - high, face.right + wide, face.bottom + high]
    head = photo.crop(tuple(round(side) for side in box))
    return head.resize((300, round(300 * head.height / head.width)), Image.Resampling.LANCZOS)


def scene(seed: int, *names: str, alike: bool = False) -> Image.Image:
    """A photo of these people side by side, the first one largest unless they are `alike`: drawn around the heads, no
    two scenes the same."""
    random = np.random.default_rng(seed)
    image = draw.photo("stripes" if seed % 2 else "circles", seed, (340 * max(1, len(names)), 420))
    for number, name in enumerate(names):
        head = face_of(name).rotate(float(random.uniform(-12, 12)), Image.Resampling.BICUBIC)
        head = ImageOps.mirror(head) if random.random() < 0.5 else head
        head = ImageEnhance.Brightness(head).enhance(float(random.uniform(0.7, 1.2)))
        width = round((300 if number == 0 or alike else 200) * random.uniform(0.85, 1))
        head = head.resize((width, round(width * head.height / head.width)))
        image.paste(head, (340 * number + int(random.integers(0, 40)), int(random.integers(0, 40))))
    return image


def people_folder(root: Path, counts: dict[str, int]) -> Path:
    """Label folders with so many scenes of one person each."""
    for place, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            scene(100 * place + number, name).save(root / name / f"{number:02}.jpg", quality=92)
    return root
