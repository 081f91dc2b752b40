"""The one way a file becomes pixels, for every step: training, evaluation, export, prediction and the web page.

Rules: a type is known by content, never by name; only the formats below are decoded, whatever else Pillow can do
(its security guide asks for such a list); a photo is decoded completely or refused; the first frame counts; the
orientation its metadata asks for is applied once; deep grey is scaled, not clipped; transparency lies
on white, or on black where all that can be seen is white.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, ImageStat

from lookalike.errors import OutOfMemory, UnusablePhoto, in_words
from lookalike.project.kinds import FORMATS, HEAD, refusal, sniff
from lookalike.project.records import InputSpec

SUFFIXES = {
    "JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif",
    "AVIF": ".avif", "HEIF": ".heic",
}  # fmt: skip
MAX_PIXELS = 50_000_000

# entries of a TIFF file
BITS, PHOTOMETRIC = 258, 262
SMALLEST_AND_LARGEST_UNSIGNED, SMALLEST_AND_LARGEST = (280, 281), (340, 341)
VANISHED = 250  # what is nowhere darker than this can't be seen on white

Image.MAX_IMAGE_PIXELS = MAX_PIXELS


@dataclass(frozen=True)
class Photo:
    """A decoded photo and what its file says: format, upright size in pixels, and whether it moves."""

    image: Image.Image
    format: str
    width: int
    height: int
    animated: bool


def open_rgb(source: Path | bytes, *, at_least: int | None = None) -> Image.Image:
    """An upright RGB image of the whole photo.

    With `at_least`, a JPEG may come smaller by a power of two as long as its shorter side keeps that many pixels
    (several times faster; for pixels that need not be exact). Raises UnusablePhoto with a stable reason.
    """
    return open_photo(source, at_least=at_least).image


def open_photo(source: Path | bytes, *, at_least: int | None = None) -> Photo:
    """The same with the facts about the file. Raises UnusablePhoto with a stable reason."""
    head = source[:HEAD] if isinstance(source, bytes) else _head(source)
    if wrong := refusal(head):
        raise UnusablePhoto(*wrong)
    kind = sniff(head)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            file = io.BytesIO(source) if isinstance(source, bytes) else source
            with Image.open(file, formats=_formats(kind)) as image:
                return _decode(image, at_least)
    except UnusablePhoto:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnusablePhoto("too-large", in_words(error)) from None
    except MemoryError:
        raise OutOfMemory from None
    except Exception as error:  # Pillow's decoders raise a dozen kinds on damaged files; each means the same to us
        raise UnusablePhoto(*_reason(error, kind)) from None


def _formats(kind: str) -> tuple[str, ...]:
    """What Pillow may try on a file of this kind."""
    if kind != "HEIC":
        return FORMATS
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)
    return ("HEIF",)


def _decode(image: Image.Image, at_least: int | None) -> Photo:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnusablePhoto("too-large", f"{width}x{height} pixels")
    if at_least:
        image.draft("RGB", (at_least, at_least))
    image.load()
    drawn, animated = image.size, _moves(image)
    upright = _upright_rgb(image)
    if upright.size != drawn:  # turned by a quarter
        width, height = height, width
    return Photo(upright, str(image.format), width, height, animated)


def _moves(image: Image.Image) -> bool:
    """Whether more frames follow. A JPEG's or a TIFF's further pictures are no animation."""
    try:
        return image.format in ("GIF", "WEBP", "PNG", "AVIF") and bool(getattr(image, "is_animated", False))
    except Exception:  # a broken second frame says nothing about the first
        return True


def _head(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise UnusablePhoto("missing" if not path.exists() else "not-a-file", str(path))
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise UnusablePhoto("no-access", error.strerror or type(error).__name__) from None


def _reason(error: Exception, kind: str) -> tuple[str, str]:
    text = in_words(error)
    if "truncated" in text.lower():
        return "truncated", text
    return "unreadable", f"{kind}: {text}"


def _upright_rgb(image: Image.Image) -> Image.Image:
    """Apply the orientation and bring any mode to 8-bit RGB, in as few copies as that takes."""
    with contextlib.suppress(Exception):  # broken metadata must not cost the photo
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I", "F"):
        image = _scaled_grey(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _laid(image.convert("RGBA"))
    return image.convert("RGB")


def _laid(image: Image.Image) -> Image.Image:
    """A transparent picture on white; a white drawing, of which nothing would be left there, on black."""
    opacity = image.getchannel("A")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=opacity)
    if min(low for low, _ in ImageStat.Stat(white).extrema) < VANISHED or not opacity.getbbox():
        return white
    black = Image.new("RGB", image.size)
    black.paste(image, mask=opacity)
    return black


def _scaled_grey(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits as 8 bits: what counts as black and as white is what the file says, or fits its values.

    Scans of 10, 12 and 14 bits come in files of 16, mostly without a word about it.
    """
    values = np.array(image, dtype=np.float32)
    black, white = _told_range(image) or _fitting_range(values, whole=image.mode != "F")
    values -= black
    values *= 255 / (white - black)
    if _white_is_zero(image):
        np.subtract(255, values, out=values)
    np.nan_to_num(values, copy=False)
    return Image.fromarray(values.round(out=values).clip(0, 255, out=values).astype(np.uint8))


def _tag(image: Image.Image, tag: int) -> float | None:
    """The first number of a TIFF's entry, where there is one."""
    value = getattr(image, "tag_v2", {}).get(tag)
    first = value[0] if isinstance(value, tuple) and value else value
    return float(first) if isinstance(first, (int, float)) else None


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
    known = values if whole else values[np.isfinite(values)]
    lowest, highest = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if not whole:
        usual = [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)]
        fitting = [(black, white) for black, white in usual if black <= lowest and highest <= white]
        return fitting[0] if fitting else (lowest, max(highest, lowest + 1))
    if lowest < 0 or highest > 65535:
        return lowest, max(highest, lowest + 1)
    if lowest < highest:
        for bits in (8, 10, 12, 14):
            if np.count_nonzero(known >= 2**bits) <= known.size / 1000:
                return 0.0, 2.0**bits - 1
    return 0.0, 65535.0


def fit(image: Image.Image, spec: InputSpec) -> np.ndarray:
    """The square the network sees: uint8, shape (size, size, 3).

    The arithmetic of each way follows fastai's Resize, integer rounding included, so that a network trained either
    way sees the same pixels: crop first, then resize.
    """
    width, height = image.size
    if spec.resize == "crop":
        scale = min(width / spec.size, height / spec.size)
        side = max(1, int(scale * spec.size))
        left, top = int(0.5 * (width - side)), int(0.5 * (height - side))
        image = image.crop((left, top, left + side, top + side))
    elif spec.resize == "pad":
        side = max(width, height)
        square = Image.new("RGB", (side, side))
        square.paste(image, ((side - width) // 2, (side - height) // 2))
        image = square
    # width first, then height, in two steps: left to itself, Pillow's order depends on its release
    narrow = image.resize((spec.size, image.height), Image.Resampling.BILINEAR)
    return np.asarray(narrow.resize((spec.size, spec.size), Image.Resampling.BILINEAR))


def framed(image: Image.Image, spec: InputSpec) -> Image.Image:
    """The part of a photo that counts: with `crop` = `face` the main face and some room, else all of it."""
    if spec.crop == "face":
        from lookalike.photos import faces

        return faces.crop(image)
    return image


def size(path: Path) -> tuple[int, int]:
    """Width and height as the file's header has them, without decoding. Raises UnusablePhoto."""
    head = _head(path)
    if wrong := refusal(head):
        raise UnusablePhoto(*wrong)
    try:
        with Image.open(path, formats=_formats(sniff(head))) as image:
            return image.size
    except Exception as error:
        raise UnusablePhoto(*_reason(error, sniff(head))) from None


def read(source: Path | bytes, spec: InputSpec) -> np.ndarray:
    """A photo as the network sees it: open_rgb, framed, then fit. Raises UnusablePhoto.

    With `crop` = `aligned` these are all its faces, one below the other: (faces * size, size, 3).
    """
    if spec.crop == "aligned":
        from lookalike.photos import crowd

        return crowd.read(source).pixels.reshape(-1, spec.size, 3)
    return fit(framed(open_rgb(source), spec), spec)


def dhash(image: Image.Image) -> int:
    """A 64-bit difference hash: one bit for each neighbour pair of an 8x9 grey thumbnail, set where it brightens.

    Near-copies differ in few bits. Method: N. Krawetz, "Kind of Like That", 2013.
    """
    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = (grey[:, 1:] > grey[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
