"""Near-copies: found through size, quality, colour and mirror; a common frame makes none."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from lookalike.photos import similar
from tests.support import crowds, draw


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
    """A number for each photo, the same for those of one group."""
    numbers = list(range(len(images)))
    for group in similar.join([similar.grey_thumbnail(np.asarray(image.convert("RGB"))) for image in images]):
        for number in group:
            numbers[number] = min(group)
    return numbers


@pytest.mark.parametrize("change", COPIES)
def test_a_copy_joins_its_original(change: str):
    originals = [draw.photo("circles", seed, (320, 240)) for seed in range(1, 7)]
    joined = groups([*originals, *(COPIES[change](image) for image in originals)])
    assert joined[:6] == joined[6:]
    assert len(set(joined)) == 6


def test_a_common_frame_makes_no_copies():
    framed = [ImageOps.expand(draw.photo("circles", seed), 20, "white") for seed in range(12)]
    assert len(set(groups(framed))) == 12


def test_a_set_in_which_all_look_alike_falls_into_small_groups():
    base = np.asarray(crowds.scene(crowds.Rng(3)).convert("L").resize((32, 32)), dtype=np.float32)
    noise = np.random.default_rng(0).normal(0, 3, (200, 32, 32))
    small = [Image.fromarray(picture) for picture in (base + noise).clip(0, 255).astype(np.uint8)]
    joined = similar.join([similar.grey_thumbnail(np.asarray(image.convert("RGB"))) for image in small])
    assert len(joined) >= 30 and max(map(len, joined)) <= similar.MOST


def test_copies_beyond_a_small_group_still_join_when_they_are_the_same():
    photo = draw.photo("circles", 3)
    assert set(groups([photo] * 9)) == {0}


def test_no_photo_joins_another_over_a_third():
    left, right = (np.asarray(draw.photo("circles", seed), dtype=np.float32) for seed in (1, 2))
    steps = [left * (1 - share) + right * share for share in np.linspace(0, 1, 12)]
    joined = similar.join([similar.grey_thumbnail(step.astype(np.uint8)) for step in steps])
    assert max(map(len, joined)) < len(steps)


def test_no_photos_are_no_groups():
    assert similar.join([]) == []
