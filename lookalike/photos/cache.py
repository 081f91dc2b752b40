"""Decoded photos kept between runs: each file is opened once, however often it is trained on.

One blob of raw uint8 RGB and one index of lines for each way of reading. Both only grow; a killed process leaves at
most bytes that no line names. Everything here is safe to delete at any time.

Measured on two cores: 118 raw web photos (1-15 megapixels) take 1.1 s to decode and 2 ms to map again; the fastai
book's loader decodes them anew in each epoch, 2.8 to 4.7 s for 157 such photos.
"""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

from lookalike.errors import UnusablePhoto
from lookalike.photos import images
from lookalike.photos.memory import Memory
from lookalike.photos.views import SIDE, View, shrunk, views
from lookalike.project.paths import Project
from lookalike.project.records import Example, InputSpec
from lookalike.report import SILENT, Reporter

Pixels = np.ndarray
MAX_ASPECT = 1.5
ROOM = 1.15  # training squares are cut from pixels this much larger


@dataclass(frozen=True)
class Reading:
    """A way of reading photos, under a name that changes whenever its pixels would: how small a photo may be decoded
    (see images.open_rgb), and what is made of it."""

    name: str
    at_least: int | None
    cut: Callable[[Image.Image], Pixels]


def exact(spec: InputSpec) -> Reading:
    """Just as every other step reads a photo: shape (size, size, 3). For measuring."""
    return Reading(f"exact4-{spec.size}-{spec.resize}-{_part(spec)}", None, lambda photo: images.seen(photo, spec))


def near(spec: InputSpec) -> Reading:
    """The same from a photo that is decoded to twice that size at least, not to all of its own, where it is seen whole:
    pixels differ by a tenth of a grey level, and one of 12 megapixels takes 18 ms, not 75. For learning."""
    if spec.crop != "none":  # what counts may be a small part of the photo
        return exact(spec)
    name = f"near2-{spec.size}-{spec.resize}"
    return Reading(name, max(2 * spec.size, SIDE), lambda photo: images.seen(photo, spec))


def roomy(spec: InputSpec, side: int) -> Reading:
    """Shorter side `side`, longer side at most half as much again: room for augmentation to move in. For training."""

    def cut(photo: Image.Image) -> Pixels:
        image = images.framed(photo, spec)
        if spec.resize != "crop":
            return images.fit(image, InputSpec(side, spec.resize))
        width, height = image.size
        scale = side / min(width, height)
        limit = round(side * MAX_ASPECT)
        size = min(limit, max(side, round(width * scale))), min(limit, max(side, round(height * scale)))
        box = _centre(width, height, size[0] / scale, size[1] / scale)
        return np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=box))

    return Reading(f"roomy4-{side}-{spec.resize}-{_part(spec)}", max(side, SIDE), cut)


def _part(spec: InputSpec) -> str:
    """The part of a photo that counts, by how it is found."""
    return {"face": "yunet", "aligned": "people"}.get(spec.crop, spec.crop)


def _centre(width: int, height: int, across: float, down: float) -> tuple[float, float, float, float]:
    across, down = min(across, width), min(down, height)
    left, top = (width - across) / 2, (height - down) / 2
    return left, top, left + across, top + down


class PixelCache:
    """Pixels by sha256 in a project's .cache/, as far as its `cache_limit` allows. Without room on the disk it still
    answers, from memory."""

    def __init__(self, project: Project) -> None:
        self.folder = project.cache / "pixels"
        self.limit_bytes = project.cache_limit

    def get(
        self, photos: Sequence[tuple[Path, str]], reading: Reading, *, looks: Memory | None = None,
        report: Reporter = SILENT,
    ) -> tuple[list[Pixels | None], dict[Path, UnusablePhoto]]:  # fmt: skip
        """The pixels of each (path, sha256), None where a photo can't be used, and the reasons by path. Views that
        `looks` does not have yet are made on the way and kept there."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / f".{reading.name}.lock"):
                return self._get(photos, reading, looks, report)
        except OSError as error:
            report.warn(f"the pixel cache is not used: {error.strerror or error}")
            held: dict[str, Pixels] = {}
            faults = _decode(photos, reading, held.__setitem__, looks, report)
            return [held.get(sha256) for _, sha256 in photos], faults

    def _get(
        self, photos: Sequence[tuple[Path, str]], reading: Reading, looks: Memory | None, report: Reporter
    ) -> tuple[list[Pixels | None], dict[Path, UnusablePhoto]]:
        blob, index = self.folder / f"{reading.name}.rgb", self.folder / f"{reading.name}.index"
        places = _read_index(index, blob)
        missing = [
            (path, sha256) for path, sha256 in photos
            if sha256 not in places or (looks and not looks.views(sha256))
        ]  # fmt: skip
        faults: dict[Path, UnusablePhoto] = {}
        if missing:
            with blob.open("ab") as data, index.open("a", encoding="utf-8") as lines:

                def keep(sha256: str, pixels: Pixels) -> None:
                    if sha256 in places:
                        return
                    offset = data.tell()
                    data.write(pixels.tobytes())
                    data.flush()
                    lines.write(json.dumps([sha256, offset, *pixels.shape[:2]]) + "\n")
                    places[sha256] = (offset, *pixels.shape[:2])

                faults = _decode(missing, reading, keep, looks, report)
        os.utime(blob)
        self._trim(keep=reading.name)
        if not places:
            return [None] * len(photos), faults
        flat = np.memmap(blob, np.uint8, mode="r") if blob.stat().st_size else np.zeros(0, np.uint8)
        return [_view(flat, places.get(sha256)) for _, sha256 in photos], faults

    def _trim(self, keep: str) -> None:
        """Remove the least recently used readings until the folder is within its limit; never the one in use."""
        blobs = sorted(self.folder.glob("*.rgb"), key=lambda path: path.stat().st_mtime)
        total = sum(path.stat().st_size for path in blobs)
        for blob in blobs:
            if total <= self.limit_bytes or blob.stem == keep:
                continue
            total -= blob.stat().st_size
            blob.with_suffix(".index").unlink(missing_ok=True)
            blob.unlink(missing_ok=True)


def with_room(
    cache: PixelCache, root: Path, spec: InputSpec, pixels: Mapping[str, Pixels], examples: Sequence[Example], *,
    report: Reporter,
) -> list[Pixels]:  # fmt: skip
    """The photos of a data set read as augmentation wants them; of one that is gone by now, its `pixels` enlarged."""
    side = round(spec.size * ROOM)
    places = [(root / example.file, example.sha256) for example in examples]
    found, _ = cache.get(places, roomy(spec, side), report=report)
    return [
        np.asarray(Image.fromarray(pixels[example.file]).resize((side, side))) if seen is None else seen
        for example, seen in zip(examples, found, strict=True)
    ]


def _read_index(index: Path, blob: Path) -> dict[str, tuple[int, int, int]]:
    """Where each photo's pixels lie; lines that point past the end of the blob or do not parse are passed over."""
    places: dict[str, tuple[int, int, int]] = {}
    if not (index.exists() and blob.exists()):
        index.unlink(missing_ok=True)
        blob.unlink(missing_ok=True)
        blob.touch()
        return places
    size = blob.stat().st_size
    for line in index.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            sha256, *place = json.loads(line)
            offset, height, width = map(operator.index, place)
        except (ValueError, TypeError, RecursionError):
            continue
        if min(offset, height, width) >= 0 and offset + height * width * 3 <= size:
            places[str(sha256)] = (offset, height, width)
    return places


def _view(flat: Pixels, place: tuple[int, int, int] | None) -> Pixels | None:
    if place is None:
        return None
    offset, height, width = place
    return flat[offset : offset + height * width * 3].reshape(height, width, 3)


def _decode(
    photos: Sequence[tuple[Path, str]], reading: Reading, keep: Callable[[str, Pixels], None], looks: Memory | None,
    report: Reporter,
) -> dict[Path, UnusablePhoto]:  # fmt: skip
    """Read photos on all cores (Pillow lets go of the interpreter while it decodes), a few ahead of `keep`."""
    faults: dict[Path, UnusablePhoto] = {}

    def one(photo: tuple[Path, str]) -> tuple[Pixels, list[View]] | UnusablePhoto:
        try:
            image = images.open_rgb(photo[0], at_least=reading.at_least)
        except UnusablePhoto as error:
            return error
        return reading.cut(image), views(shrunk(image)) if looks else []

    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool, report.task("reading photos", len(photos)) as task:
        for start in range(0, len(photos), 16 * workers):
            part = photos[start : start + 16 * workers]
            for (path, sha256), answer in zip(part, pool.map(one, part), strict=True):
                if isinstance(answer, UnusablePhoto):
                    faults[path] = answer
                else:
                    keep(sha256, answer[0])
                    if looks:
                        looks.keep_views(sha256, answer[1])
                task.advance()
    return faults
