"""Photos and descriptions of models changed at random, by a seed: each ends in an answer or a reason that is known."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from PIL import Image

from lookalike.bundle import bundle
from lookalike.errors import NotReadyError, UnusablePhoto
from lookalike.photos.decode import Pool
from tests.attacks.test_models import mutations
from tests.attacks.test_photos import BOMBS, saved
from tests.support import draw, models

SECONDS = 90.0
PHOTOS, DESCRIPTIONS = 20_000, 20_000
REASONS = {"unreadable", "truncated", "too-large", "not-an-image", "empty", "unsupported"}
PASSED = {"too-slow", "decoder-died"}  # a decoder may end: that is what it is for. They are counted and told


def score(folder: Path) -> tuple[str, bool]:
    """So many photos and descriptions as there are, or as many as the time is enough for."""
    photos, descriptions = photo_faults(), description_faults(folder)
    for faults in (photos, descriptions):
        for what, number in faults.items():
            print(f"  {number} {what}")
    bad = photos.total() + descriptions.total()
    return f"X {bad} escaped", not bad


def photo_faults() -> Counter[str]:
    """What came out of the opener of photos that should not."""
    faults: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    with Pool() as pool:
        for _, answer in pool.map("lookalike.photos.images:open_rgb", _photos(time.monotonic() + SECONDS)):
            reason = answer.reason if isinstance(answer, UnusablePhoto) else "a photo"
            answers[reason] += 1
            if isinstance(answer, UnusablePhoto) and reason not in REASONS | PASSED:
                faults[f"photos refused as {reason}"] += 1
            elif not isinstance(answer, UnusablePhoto) and not isinstance(answer, Image.Image):
                faults[f"photos became {type(answer).__name__}"] += 1
    print(f"  {answers.total()} photos: {dict(answers)}")
    return faults


def _photos(until: float) -> Iterator[bytes]:
    """Damaged copies of a photo in each format, deep, turned and animated ones among them, until the time is up."""
    small = draw.photo("circles", 1, (60, 40))
    more = {"save_all": True, "append_images": [small.rotate(90)]}
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = [saved(kind, small) for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "BMP")]
    whole += [saved(kind, small, **more) for kind in ("GIF", "WEBP", "PNG", "TIFF", "AVIF", "MPO")]
    whole += [saved("JPEG", small, exif=exif, progressive=True), saved("TIFF", small, compression="tiff_lzw")]
    whole += [
        saved("JPEG", small.convert("CMYK")),
        saved("PNG", small.convert("I;16")),
        saved("TIFF", small.convert("F")),
    ]
    whole += [bomb for name, bomb in BOMBS.items() if "text" not in name]
    for damaged in zip(*(mutations(content, PHOTOS // len(whole)) for content in whole), strict=True):
        yield from damaged
        if time.monotonic() > until:
            return


def description_faults(folder: Path) -> Counter[str]:
    """What is wrong with how model.json is read where no checksum tells that it was changed."""
    faults: Counter[str] = Counter()
    path = models.bundle(folder / "m", models.with_similarity(), min_similarity=(0.1, 0.2)) / "model.json"
    sound, chance, until = json.loads(path.read_text()), random.Random(5), time.monotonic() + SECONDS
    refused = read = 0
    while refused + read < DESCRIPTIONS and time.monotonic() < until:
        path.write_text(json.dumps({**_changed(sound, chance), "checksum": ""}))
        try:
            bundle.check(path.parent)
            read += 1
        except NotReadyError as error:
            refused += 1
            if "\n" in error.message or len(error.message) > 1000:
                faults[f"descriptions refused in no plain line: {error.message[:200]}"] += 1
        except Exception as error:
            faults[f"descriptions ended in {type(error).__name__}: {error}"] += 1
    print(f"  {refused + read} descriptions: {refused} refused, {read} read")
    return faults


ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1, 0.5, 2**63, 10**30, 1e308, float("nan"), float("inf"), "", "x" * 5000, "\ud800", "\0",
    "../../etc/passwd", "/etc/passwd", [], {}, [[]], [1, 2], ["a", "a"], {"a": 1}, {"model.onnx": "0" * 64}, "0" * 64,
    "face", "aligned",
)  # fmt: skip


def _changed(sound: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same with one to three values anywhere in it replaced, taken away, or given another name."""
    changed = json.loads(json.dumps(sound))
    for _ in range(chance.randint(1, 3)):
        place: Any = changed
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = chance.choice(keys)
            if isinstance(place[key], (dict, list)) and place[key] and chance.random() < 0.6:
                place = place[key]
                continue
            what = chance.random()
            if what < 0.8:
                place[key] = deepcopy(chance.choice(ODD))
            elif isinstance(place, dict):
                place[str(chance.choice(ODD))[:50]] = place.pop(key)
            break
    return changed
