"""Near-copies: found through size, quality, colour and mirror; a common frame makes none."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from lookalike.photos import similar
from tests.support import draw


def encoded(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


COPIES = {
    "half the size": lambda image: image.reduce(2),
    "low quality": lambda image: encoded(image, 40),
    "paler": lambda image: ImageEnhance.Color(image).enhance(0.5),
    "mirrored": ImageOps.mirror,
}


def groups(images: list[Image.Image]) -> list[int]:
    return similar.join([similar.look(np.asarray(image.convert("RGB"))) for image in images])


@pytest.mark.parametrize("change", COPIES)
def test_a_copy_joins_its_original(change: str):
    originals = [draw.photo("circles", seed, (320, 240)) for seed in range(1, 7)]
    joined = groups([*originals, *(COPIES[change](image) for image in originals)])
    assert joined[:6] == joined[6:]
    assert len(set(joined)) == 6


def test_a_common_frame_makes_no_copies():
    framed = [ImageOps.expand(draw.photo("circles", seed), 20, "white") for seed in range(12)]
    assert len(set(groups(framed))) == 12


def test_no_photos_are_no_groups():
    assert similar.join([]) == []
