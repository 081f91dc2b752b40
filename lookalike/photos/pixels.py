"""Whatever Pillow opened as an upright RGB picture of 8 bits: every exported model takes a copy of this file along.

The orientation its metadata asks for is applied; transparency lies on white, or on black where nearly all that can be
seen is white; opacity that is nowhere is no opacity; more than 8 bits become 8 by the range they really use. Scans of
10, 12 and 14 bits come in files of 16, mostly without a word about it: taken by their upper 8 bits, as Pillow does with
colour, they are black or nearly so.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageOps, ImageStat
from PIL.ImageChops import darker, lighter

VANISHED = 250  # what is not darker than this can't be seen on white
MOSTLY, SOLID = 0.9, 128  # so much of what is so opaque may not be seen before it lies on black
BITS, PHOTOMETRIC, PLANES, SAMPLES, NO_DATA = 258, 262, 284, 339, 42113  # entries of a TIFF file
FILLER = 1e30  # what no sensor measures: the largest float stands where there is nothing
SMALLEST_AND_LARGEST_UNSIGNED, SMALLEST_AND_LARGEST = (280, 281), (340, 341)
_HARDLY = 1 / 16  # of a range is used by what would be a dozen greys of 255: heat is measured so, and depth
DARK = 64  # upper bytes that stay below this leave two bits or more unused
_OTHER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}

Layers = list[Any]


class InPlanes(ValueError):
    """A TIFF with 16 bits for each colour, and the colours apart, of which Pillow gives the upper 8 bits alone."""


def load(image: Image.Image, again: Callable[[], Image.Image]) -> None:
    """Decode a picture that was opened, in the range that it uses; `again` opens it once more. Raises InPlanes, and
    what Pillow does."""
    lower = _layers(image)
    image.load()
    if lower:
        _brighten(image, lower, again)


def rgb(image: Image.Image) -> Image.Image:
    """A decoded picture upright, in any mode to 8-bit RGB, in as few copies as that takes. It may change itself."""
    with contextlib.suppress(Exception):  # broken metadata must not cost the photo
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I", "F"):
        image = _scaled_grey(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _laid(image.convert("RGBA"))
    return image.convert("RGB")


def _laid(image: Image.Image) -> Image.Image:
    """A transparent picture on white; a white drawing, of which little would be left there, on black."""
    opacity = image.getchannel("A")
    *colours, (_, highest) = ImageStat.Stat(image).extrema
    pictured = any(low < high for low, high in colours)
    if highest <= 1 and pictured:  # a mask of 0 and 1, or a channel that was never filled: nothing could be seen
        opacity = opacity.point(lambda value: 255 * (value == highest))
    white, black = Image.new("RGB", image.size, "white"), Image.new("RGB", image.size)
    white.paste(image, mask=opacity)
    lost = _share(white, opacity, darker, lambda value: value >= VANISHED)
    if lost < MOSTLY:
        return white
    black.paste(image, mask=opacity)
    return black if _share(black, opacity, lighter, lambda value: value <= 255 - VANISHED) < lost else white


def _share(
    laid: Image.Image, opacity: Image.Image, join: Callable[..., Image.Image], lost: Callable[[int], bool]
) -> float:
    """The share of what is opaque (of what is not quite transparent, where nothing is) that can't be told from its
    ground, by the lowest or the highest of the three colours."""
    solid = opacity.point(lambda value: 255 * (value >= SOLID))
    red, green, blue = laid.split()
    counts = join(join(red, green), blue).histogram(
        solid if solid.getbbox() else opacity.point(lambda value: 255 * (value > 0))
    )
    return sum(count for value, count in enumerate(counts) if lost(value)) / max(1, sum(counts))


def _layers(image: Image.Image) -> Layers:
    """How the parts of an unread picture with 16 bits a colour are to be read for the lower bytes of its colours; none
    for other pictures."""
    parts = getattr(image, "tile", ())
    if image.mode not in ("RGB", "RGBA"):
        return []
    if _in_planes(image) and any(part[0] == "raw" for part in parts):
        raise InPlanes
    found = []
    for part in parts:
        raw, *rest = part[3] if isinstance(part[3], tuple) else (part[3],)
        if not isinstance(raw, str) or ";16" not in raw:
            return []
        # of grey and alpha, four bytes, the second is what is wanted
        other = "RGBA" if raw == "LA;16B" else raw[:-1] + _OTHER.get(raw[-1], "")
        found.append(part._replace(args=(other, *rest) if isinstance(part[3], tuple) else other))
    return found


def _brighten(image: Image.Image, lower: Layers, again: Callable[[], Image.Image]) -> None:
    """Put a picture with 16 bits a colour into the range it uses, in place, when its upper bytes are dark or flat.

    `lower` is what `_layers` said; `again` opens the same picture once more.
    """
    upper = np.asarray(image)
    colours = upper[..., :3]
    if np.count_nonzero(colours >= DARK) > colours.size / 1000 and np.ptp(colours) >= 256 * _HARDLY:
        return
    if _in_planes(image):
        raise InPlanes
    with again() as other:
        other.tile = lower  # type: ignore[attr-defined]
        grey = any(part.args == "RGBA" for part in lower)
        other.load()
        rest = np.asarray(other)[..., [1, 1, 1, 3] if grey else slice(None)]
    values = upper.astype(np.float32) * 256 + rest
    colours, opacity = values[..., :3], values[..., 3:]
    black, white = _told_range(image) or _fitting_range(colours, whole=True)
    _in_a_byte(opacity, 0, white if opacity.max(initial=0) <= white else 65535)
    _in_a_byte(colours, black, white)
    image.paste(Image.fromarray(_bytes(values)))


def _scaled_grey(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits as 8 bits: what counts as black and as white is what the file says, or fits its values.

    Scans of 10, 12 and 14 bits come in files of 16, mostly without a word about it.
    """
    stored = np.asarray(image)
    if stored.dtype == np.int32 and _is_unsigned(image):
        stored = stored.view(np.uint32)
    values = stored.astype(np.float32)
    measured = values[np.isfinite(values) & (np.abs(values) < FILLER) & (values != _no_data(image))]
    black, white = _told_range(image) or _fitting_range(measured, whole=image.mode != "F")
    values = _in_a_byte(values, black, white)
    if _white_is_zero(image):
        np.subtract(255, values, out=values)
    np.nan_to_num(values, copy=False)
    return Image.fromarray(_bytes(values))


def _is_unsigned(image: Image.Image) -> bool:
    """Whether the whole numbers of a TIFF have no sign, which Pillow doesn't know: that is so where none is told of."""
    return image.format == "TIFF" and (_tag(image, SAMPLES) or 1) == 1


def _in_a_byte(values: np.ndarray, black: float, white: float) -> np.ndarray:
    """float32 values so that black is 0 and white is 255."""
    values -= black
    values *= 255 / (white - black)
    return values


def _bytes(values: np.ndarray) -> np.ndarray:
    return values.round(out=values).clip(0, 255, out=values).astype(np.uint8)


def _tag(image: Image.Image, tag: int) -> float | None:
    """The first number of a TIFF's entry, where there is one."""
    value = getattr(image, "tag_v2", {}).get(tag)
    first = value[0] if isinstance(value, tuple) and value else value
    return float(first) if isinstance(first, (int, float)) else None


def _no_data(image: Image.Image) -> np.float32:
    """The number that stands where nothing was measured, as programs for maps note it in a TIFF; NaN for none."""
    try:
        return np.float32(getattr(image, "tag_v2", {}).get(NO_DATA, "nan").strip("\0 "))
    except (ValueError, AttributeError):
        return np.float32("nan")


def _in_planes(image: Image.Image) -> bool:
    return _tag(image, PLANES) == 2 and _tag(image, BITS) == 16


def _white_is_zero(image: Image.Image) -> bool:
    return image.mode != "F" and _tag(image, PHOTOMETRIC) == 0


def _told_range(image: Image.Image) -> tuple[float, float] | None:
    """Black and white as a TIFF gives them: its smallest and largest value, or its bits when they are not 16 or 32."""
    for low, high in (SMALLEST_AND_LARGEST, SMALLEST_AND_LARGEST_UNSIGNED):
        black, white = _tag(image, low) or 0.0, _tag(image, high)
        if white is not None and 0 < white - black < np.inf:
            return black, white
    bits = _tag(image, BITS)
    return (0.0, 2.0**bits - 1) if bits and bits % 16 else None


def _fitting_range(values: np.ndarray, *, whole: bool) -> tuple[float, float]:
    """Black and white by the values: the usual range that they fill, or where that is hardly used, the part that is.

    One value in a thousand may lie outside: sensors have hot pixels and dead ones. One single value says nothing.
    """
    black, white = _usual_range(values, whole=whole)
    few = values.size // 1000
    low, high = map(float, np.partition(values, (few, -1 - few), None)[[few, -1 - few]]) if values.size else (0.0, 0.0)
    return (low, high) if 0 < high - low < _HARDLY * (white - black) else (black, white)


def _usual_range(values: np.ndarray, *, whole: bool) -> tuple[float, float]:
    lowest, highest = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not whole:
        usual = [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)]
        fitting = [(black, white) for black, white in usual if black <= lowest and highest <= white]
        return fitting[0] if fitting else (lowest, max(highest, lowest + 1))
    if lowest < 0 or highest > 65535:
        return lowest, max(highest, lowest + 1)
    if lowest < highest:
        for bits in (8, 10, 12, 14):
            if np.count_nonzero(values >= 2**bits) <= values.size / 1000:
                return 0.0, 2.0**bits - 1
    return 0.0, 65535.0
