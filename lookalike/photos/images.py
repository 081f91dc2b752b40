"""The one way a file becomes pixels, for every step: training, evaluation, export, prediction and the web page.

Rules: a type is known by content, never by name; only the formats below are decoded, whatever else Pillow can do
(its security guide asks for such a list); a photo is decoded completely or refused; the first frame counts; the
orientation its metadata asks for is applied once; deep grey is scaled, not clipped; transparency lies
on white, or on black where nearly all that can be seen is white; opacity that is nowhere is no opacity.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageStat, UnidentifiedImageError

from lookalike.errors import OutOfMemory, UnusablePhoto, in_words
from lookalike.photos import mend, pixels
from lookalike.project.kinds import FORMATS, HEAD, SAVED, refusal, sniff
from lookalike.project.records import InputSpec

SUFFIXES = {
    "JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif",
    "AVIF": ".avif", "HEIF": ".heic",
}  # fmt: skip
MAX_PIXELS = 50_000_000

FULL_PALETTE = 200  # colours
PLAIN = 8  # by so many levels saving may change what has one colour
_SOUND_BUT_UNREAD = ("unknown pixel mode", "12-bit layers")
"""What Pillow says of scans in double precision, of colours in floats, of five channels, of JPEG for medicine."""

_MENDABLE = ("truncated", "unreadable")

Image.MAX_IMAGE_PIXELS = MAX_PIXELS

Source = Path | io.BytesIO


@dataclass(frozen=True)
class Photo:
    """A decoded photo and what its file says: format, upright size in pixels, whether it moves, and how many bits it
    has for a tone (1: only two tones; 4: few; 5: a full palette, so probably there were more once)."""

    image: Image.Image
    format: str
    width: int
    height: int
    animated: bool
    bits: int


def open_rgb(source: Path | bytes, *, at_least: int | None = None) -> Image.Image:
    """An upright RGB image of the whole photo.

    With `at_least`, a JPEG may come smaller by a power of two as long as its shorter side keeps that many pixels
    (several times faster; for pixels that need not be exact). Raises UnusablePhoto with a stable reason.
    """
    return open_photo(source, at_least=at_least).image


def open_photo(source: Path | bytes, *, at_least: int | None = None) -> Photo:
    """The same with the facts about the file. Raises UnusablePhoto with a stable reason."""
    try:
        return _opened(source, at_least)
    except UnusablePhoto as error:
        if error.reason not in _MENDABLE or (whole := _mended(source)) is None:
            raise
        return _opened(whole, at_least)


def _mended(source: Path | bytes) -> bytes | None:
    """What `mend` makes of a file; None for nothing, or where it is gone."""
    try:
        return mend.mended(source if isinstance(source, bytes) else source.read_bytes())
    except OSError:
        return None


def _opened(source: Path | bytes, at_least: int | None) -> Photo:
    head = source[:HEAD] if isinstance(source, bytes) else _head(source)
    if wrong := refusal(head):
        raise UnusablePhoto(*wrong)
    kind = sniff(head)

    def again() -> Source:
        return io.BytesIO(source) if isinstance(source, bytes) else source

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(again(), formats=_formats(kind)) as image:
                return _decode(image, at_least, lambda: Image.open(again(), formats=_formats(kind)))
    except UnusablePhoto:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnusablePhoto("too-large", in_words(error)) from None
    except MemoryError:
        raise OutOfMemory from None
    except pixels.InPlanes:
        raise UnusablePhoto("unsupported", f"a TIFF of 16 bits, the colours apart, is not read; {SAVED}") from None
    except Exception as error:  # Pillow's decoders raise a dozen kinds on damaged files; each means the same to us
        raise UnusablePhoto(*_reason(error, kind, again)) from None


def _formats(kind: str) -> tuple[str, ...]:
    """What Pillow may try on a file of this kind."""
    if kind != "HEIC":
        return FORMATS
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)
    return ("HEIF",)


def _decode(image: Image.Image, at_least: int | None, again: Callable[[], Image.Image]) -> Photo:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnusablePhoto("too-large", f"{width}x{height} pixels")
    if at_least:
        image.draft("RGB", (at_least, at_least))
    drawn = image.size  # before it is loaded: a TIFF may be turned by that alone
    pixels.load(image, again)
    animated, bits = _moves(image), _bits(image)
    shown = pixels.rgb(image)
    if shown.size != drawn:  # turned by a quarter
        width, height = height, width
    return Photo(shown, str(image.format), width, height, animated, bits)


def extremes(image: Image.Image) -> tuple[int, int, int]:
    """Of an RGB image the lowest and the highest value of any channel, and the most by which one of them differs."""
    lows, highs = zip(*ImageStat.Stat(image).extrema, strict=True)
    return min(lows), max(highs), max(high - low for low, high in zip(lows, highs, strict=True))


def _bits(image: Image.Image) -> int:
    if image.mode not in ("1", "P", "L", "RGB"):
        return 16 if image.mode.startswith(("I", "F")) else 8
    tones = len(image.getcolors() or ()) or 257
    if tones <= 16:
        return 1 if tones <= 2 else 4
    return 5 if image.mode != "L" and FULL_PALETTE <= tones <= 256 else 8


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


def _reason(error: Exception, kind: str, again: Callable[[], Source]) -> tuple[str, str]:
    if isinstance(error, UnidentifiedImageError):  # which hides what its decoder said
        try:
            Image.OPEN["HEIF" if kind == "HEIC" else kind][0](again(), "").close()  # type: ignore[arg-type]
        except Exception as said:
            error = said
    text = in_words(error)
    if "truncated" in text.lower():
        return "truncated", text
    if any(words in text for words in _SOUND_BUT_UNREAD):
        return "unsupported", f"a {kind} of this depth or number of channels is not read; {SAVED}"
    return "unreadable", f"{kind}: {text}"


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
        with contextlib.suppress(Exception), Image.open(io.BytesIO(_mended(path) or b""), formats=FORMATS) as image:
            return image.size
        raise UnusablePhoto(*_reason(error, sniff(head), lambda: path)) from None


def read(source: Path | bytes, spec: InputSpec) -> np.ndarray:
    """A photo as the network sees it: open_rgb, then seen. Raises UnusablePhoto."""
    return seen(open_rgb(source), spec)


def seen(photo: Image.Image, spec: InputSpec) -> np.ndarray:
    """An upright RGB photo as the network sees it: framed, then fit.

    With `crop` = `aligned` these are all its faces, one below the other: (faces * size, size, 3).
    """
    if spec.crop == "aligned":
        from lookalike.photos import crowd

        return crowd.read(photo).pixels.reshape(-1, spec.size, 3)
    return fit(framed(photo, spec), spec)
