"""Pictures of more than 8 bits a colour as 8 bits, by the range they really use.

Scans of 10, 12 and 14 bits come in files of 16, mostly without a word about it: taken by their upper 8 bits, as Pillow
does with colour, they are black or nearly so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from lookalike.errors import UnusablePhoto

BITS, PHOTOMETRIC, PLANES, SAMPLES, NO_DATA = 258, 262, 284, 339, 42113  # entries of a TIFF file
FILLER = 1e30  # what no sensor measures: the largest float stands where there is nothing
SMALLEST_AND_LARGEST_UNSIGNED, SMALLEST_AND_LARGEST = (280, 281), (340, 341)
DARK = 64  # upper bytes that stay below this leave two bits or more unused
_OTHER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}

IN_PLANES = UnusablePhoto("unsupported", "a TIFF with 16 bits for each colour, the colours apart; save it as PNG")

Layers = list[Any]


def layers(image: Image.Image) -> Layers:
    """How the parts of an unread picture with 16 bits a colour are to be read for the lower bytes of its colours; none
    for other pictures."""
    parts = getattr(image, "tile", ())
    if image.mode not in ("RGB", "RGBA"):
        return []
    if _in_planes(image) and any(part[0] == "raw" for part in parts):
        raise IN_PLANES
    found = []
    for part in parts:
        raw, *rest = part[3] if isinstance(part[3], tuple) else (part[3],)
        if not isinstance(raw, str) or ";16" not in raw:
            return []
        # of grey and alpha, four bytes, the second is what is wanted
        other = "RGBA" if raw == "LA;16B" else raw[:-1] + _OTHER.get(raw[-1], "")
        found.append(part._replace(args=(other, *rest) if isinstance(part[3], tuple) else other))
    return found


def brighten(image: Image.Image, lower: Layers, again: Callable[[], Image.Image]) -> None:
    """Put a picture with 16 bits a colour into the range it uses, in place, when its upper bytes alone are dark.

    `lower` is what `layers` said; `again` opens the same picture once more. Raises UnusablePhoto when that cannot be.
    """
    upper = np.asarray(image)
    colours = upper[..., :3]
    if np.count_nonzero(colours >= DARK) > colours.size / 1000:
        return
    if _in_planes(image):
        raise IN_PLANES
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


def scaled_grey(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits as 8 bits: what counts as black and as white is what the file says, or fits its values.

    Scans of 10, 12 and 14 bits come in files of 16, mostly without a word about it.
    """
    stored = np.asarray(image)
    if stored.dtype == np.int32 and _tag(image, SAMPLES) == 1:  # without a sign, which Pillow doesn't know
        stored = stored.view(np.uint32)
    values = stored.astype(np.float32)
    measured = values[np.isfinite(values) & (np.abs(values) < FILLER) & (values != _no_data(image))]
    black, white = _told_range(image) or _fitting_range(measured, whole=image.mode != "F")
    values = _in_a_byte(values, black, white)
    if _white_is_zero(image):
        np.subtract(255, values, out=values)
    np.nan_to_num(values, copy=False)
    return Image.fromarray(_bytes(values))


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
    """Black and white by the values: the usual range that they fill; one single value says nothing, so all 16 bits do.

    One value in a thousand may be brighter than the range of whole numbers: sensors have hot pixels.
    """
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
