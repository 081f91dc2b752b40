"""What can be said about a photo from its bytes alone: the numbers that decide whether it is fit to learn from.

It only measures; lookalike.clean.checks judges. Light enough to be imported in every decoding child.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.errors import UnusablePhoto
from lookalike.photos import images
from lookalike.photos.copies.cells import highest_around, lowest_around
from lookalike.photos.mend import mended
from lookalike.photos.views import SIDE, View, shrunk, views
from lookalike.project.records import InputSpec
from lookalike.project.typed import Record

MODEST = 896
GREY = 12  # steps of 255 between the channels: what saving a grey photo as a colour JPEG leaves
SCREEN = 1600
HALF = 0.5
_GROUND, _STILL, _EDGE = 10, 2, 24  # grey levels: what saving leaves on a ground, within a shape, and at its edge
MAX_FILE = 200_000_000
_START_OF_SCAN = 0xDA
_FILLER = re.compile(r"extraneous bytes before marker 0x(?!d[0-7])")
_ENDLESS = "Premature end of JPEG file"
_DAMAGE = ("Corrupt JPEG data", "Premature end", "Invalid JPEG file structure", "Inconsistent progression")


@dataclass(frozen=True, slots=True)
class Facts(Record):
    """One decoded photo. Width and height are upright; `darkest` and `lightest` are the extremes of any channel and
    `contrast` the most by which one differs, of all pixels; the rest is taken from its picture at 256 pixels.

    `mean`, `low` and `high` are brightness and its 1st and 99th percentile (0..255); `spread` its standard
    deviation; `detail` the standard deviation of its Laplacian, small where nothing is sharp; `flat` the share of the
    most common of 4,096 colours; `colours` how many of them cover 99 % of the picture, of which a `grey` one can have
    only 16; `shown` the share that stands out from the most common grey, and `shaded` how much of that changes softly,
    as drawn shapes do not (both told only where `flat` is half or more). `framed` tells that there is a border around
    what it shows, or bars; `bits` how many the file has for a tone of its best channel. `warning` is what the JPEG
    library found wrong although it could go on.
    """

    sha256: str
    size: int
    format: str
    width: int
    height: int
    animated: bool
    warning: str
    darkest: int
    lightest: int
    contrast: int
    mean: float
    low: float
    high: float
    spread: float
    detail: float
    flat: float
    colours: int
    shown: float
    shaded: float
    grey: bool
    framed: bool
    bits: int


def measure(path: Path) -> tuple[Facts, list[View]]:
    """Read and fully decode one photo: its facts and its views, the whole of it and, if it has borders, the inside.

    Raises UnusablePhoto.
    """
    data = read_file(path)
    photo = images.open_photo(data, at_least=SIDE)
    thumbnail = shrunk(photo.image)
    grey = thumbnail.convert("L")
    mean, spread, low, high = _brightness(grey)
    flat, colours = _colours(thumbnail)
    shown, shaded = _shapes(thumbnail) if flat >= HALF else (1.0, 1.0)
    darkest, lightest, contrast = images.extremes(photo.image)
    seen = views(thumbnail)
    facts = Facts(
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        format=photo.format,
        width=photo.width,
        height=photo.height,
        animated=photo.animated,
        warning=jpeg_warning(data) if photo.format in ("JPEG", "MPO") else "",
        darkest=darkest,
        lightest=lightest,
        contrast=contrast,
        mean=mean,
        low=low,
        high=high,
        spread=spread,
        detail=round(_detail(np.asarray(grey, dtype=np.float32)), 2),
        flat=round(flat, 4),
        colours=colours,
        shown=round(shown, 4),
        shaded=round(shaded, 4),
        grey=_is_grey(thumbnail),
        framed=len(seen) > 1,
        bits=photo.bits,
    )
    return facts, seen


def lost(request: tuple[Path, float]) -> float:
    """What a photo loses when its sides shrink to a share and grow back: the standard deviation of the difference, in
    grey levels, near 0 for one that was enlarged from that size. Raises UnusablePhoto."""
    path, share = request
    grey = images.open_rgb(path).convert("L")
    small = grey.resize([max(1, round(side * share)) for side in grey.size], Image.Resampling.BOX)
    back = small.resize(grey.size, Image.Resampling.BICUBIC)
    return float((np.asarray(grey, dtype=np.float32) - np.asarray(back, dtype=np.float32)).std())


def square(request: tuple[Path, InputSpec]) -> np.ndarray:
    """A photo as a network sees it, uint8 (size, size, 3). Raises UnusablePhoto."""
    path, spec = request
    return images.fit(images.open_rgb(path, at_least=spec.size), spec)


def modest(path: Path) -> np.ndarray:
    """A photo with its longer side at most 896 pixels, uint8 (height, width, 3). Raises UnusablePhoto."""
    image = images.open_rgb(path, at_least=MODEST)
    image.thumbnail((MODEST, MODEST))
    return np.asarray(image)


def thumbnail(path: Path) -> bytes:
    """A small JPEG of a photo, upright and without its metadata. Raises UnusablePhoto."""
    return _drawn(path, SIDE)


def closer(path: Path) -> bytes:
    """The same as large as a screen shows it."""
    return _drawn(path, SCREEN)


def _drawn(path: Path, side: int) -> bytes:
    image = images.open_rgb(path, at_least=side)
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def read_file(path: Path) -> bytes:
    """The bytes of a regular file. Raises UnusablePhoto; never waits on a pipe or a device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not path.is_file():
                raise UnusablePhoto("not-a-file", "neither a file nor a photo")
            if os.fstat(descriptor).st_size > MAX_FILE:
                raise UnusablePhoto("too-large", f"{os.fstat(descriptor).st_size:,} bytes")
            return file.read()
    except FileNotFoundError:
        raise UnusablePhoto("missing", "the file is gone") from None
    except OSError as error:
        raise UnusablePhoto("no-access", error.strerror or type(error).__name__) from None


def jpeg_warning(data: bytes) -> str:
    """What libjpeg complains about in a JPEG that it can decode, or "". Filler before a marker is no damage, unless
    that is a restart marker: then pixels were lost on the way to it.

    Pillow drops these warnings, so the entropy-coded data is read once more at the smallest scale by a decoder that
    reports them: the first of them, so filler between the headers is left out.
    """
    import simplejpeg

    try:
        simplejpeg.decode_jpeg(_without_filler(data), "GRAY", min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        text = str(error)
        if text.startswith(_DAMAGE) and not _FILLER.search(text) and not (_ENDLESS in text and mended(data)):
            return text
    return ""


def _without_filler(data: bytes) -> bytes:
    """A JPEG without the bytes that some cameras leave between its segments, up to the first scan."""
    parts, at = [data[:2]], 2
    while (at := data.find(b"\xff", at)) >= 0 and len(data) - at >= 4:
        marker = data[at + 1]
        if marker in (0x00, 0xFF):  # stuffing, fill bytes
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _START_OF_SCAN:
            return b"".join([*parts, data[at:]])
        parts.append(data[at:end])
        at = end
    return data


def _brightness(grey: Image.Image) -> tuple[float, float, float, float]:
    """Mean, standard deviation, 1st and 99th percentile of a grey picture, from its histogram."""
    counts, levels = np.array(grey.histogram()), np.arange(256)
    shares = counts / counts.sum()
    mean = float(shares @ levels)
    spread = float(np.sqrt(shares @ (levels - mean) ** 2))
    low, high = np.searchsorted(shares.cumsum(), (0.01, 0.99))
    return round(mean, 2), round(spread, 2), float(low), float(min(high, 255))


def _detail(grey: np.ndarray) -> float:
    """Standard deviation of the 4-neighbour Laplacian; high where edges are sharp (Pech-Pacheco et al., 2000)."""
    if min(grey.shape) < 3:
        return 0.0
    middle = grey[1:-1, 1:-1]
    return float((4 * middle - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]).std())


def _shapes(image: Image.Image) -> tuple[float, float]:
    """The share of a picture that stands out from its most common grey, and the share of that which is neither one
    colour nor an edge: light and shade, or texture."""
    grey = np.asarray(image.convert("L")).astype(np.int16)
    counts = np.bincount(grey.ravel(), minlength=256)
    ground = int(np.convolve(counts, np.ones(3, int), "same").argmax())
    out = np.abs(grey - ground) > _GROUND
    channels = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
    change = (highest_around(channels) - lowest_around(channels)).max(0)[out]
    return float(out.mean()), float(np.mean((change > _STILL) & (change <= _EDGE))) if change.size else 1.0


def _is_grey(image: Image.Image) -> bool:
    """Whether 99 % of a picture has no colour to speak of."""
    red, green, blue = np.asarray(image).transpose(2, 0, 1)  # numpy takes ten times as long along an axis of three
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return float(np.mean(most - least <= GREY)) >= 0.99


def _colours(image: Image.Image) -> tuple[float, int]:
    """The share of the most common colour, of 16 steps a channel, and how many colours cover 99 %."""
    steps = np.asarray(image).astype(np.uint16) >> 4
    codes = (steps[..., 0] << 8) | (steps[..., 1] << 4) | steps[..., 2]
    shares = np.sort(np.bincount(codes.ravel()))[::-1] / codes.size
    return float(shares[0]), int((shares.cumsum() < 0.99).sum()) + 1
