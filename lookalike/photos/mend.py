"""A file whose picture is whole though something around it is not, as browsers show it: every exported model takes a
copy of this file along.

Recovered memory cards and hasty downloads lose a JPEG's last two bytes, or have zeros in their place; programs that
edit the metadata of a PNG leave old checksums behind, or write a megabyte of it.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

from PIL import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_LOWER_CASE = 0x20  # the first letter of what a PNG can be shown without
_END, _SCAN = 0xD9, 0xDA
_SEQUENTIAL = (0xC0, 0xC1)  # pictures whose every scan is at its final precision
_BARE = (0x01, *range(0xD0, 0xD9))  # markers without a length
_RESTARTS = 0xDD  # after each of so many blocks the decoder begins anew: what is missing there is not filled up
_OTHERWISE = [bytes((first + 37 * number) % 251 for number in range(64)) for first in range(0x12, 0xFF, 0x22)]
"""What a picture that is not whole would be filled up with: rows of bits that begin in all the ways there are."""


def mended(data: bytes) -> bytes | None:
    """The photo as decoders take it; None where there is nothing that this can put right, or some of its picture is
    missing."""
    if data.startswith(_PNG):
        return _with_sound_chunks(data)
    if data.startswith(b"\xff\xd8"):
        return _ended(data)
    return None


def _with_sound_chunks(data: bytes) -> bytes | None:
    """A PNG without its texts, and without what nobody needs and has a wrong checksum."""
    kept, at = [_PNG], len(_PNG)
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        whole = data[at : at + 12 + length]
        if zlib.crc32(whole[4:-4]) == int.from_bytes(whole[-4:], "big"):
            kept += [] if kind in _TEXTS else [whole]
        elif not kind or not kind[0] & _LOWER_CASE:
            return None
        at += len(whole)
        if kind == b"IEND":
            break
    better = b"".join(kept)
    return better if len(better) < at else None


def _ended(data: bytes) -> bytes | None:
    """A JPEG with its end, if nothing else is missing: then whatever else stands before the end changes no pixel."""
    bare = data.rstrip(b"\0").removesuffix(b"\xff")  # the first half of the end
    if bare.endswith(b"\xff\xd9") or not _has_all_scans(bare):
        return None
    end = bytes((0xFF, _END))
    whole = _pixels(bare + end)
    return bare + end if whole and all(_pixels(bare + filler + end) == whole for filler in _OTHERWISE) else None


def _pixels(data: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            return image.tobytes()
    except Exception:  # Pillow's decoders raise a dozen kinds on damaged files
        return b""


def _has_all_scans(data: bytes) -> bool:
    """Whether every component of a JPEG has the one scan that it has in a sequential one, without restarts."""
    components, scanned = 0, 0
    for marker, segment in _segments(data):
        if marker in _SEQUENTIAL and len(segment) > 5:
            components = segment[5]
        elif marker == _SCAN and segment:
            scanned += segment[0]
        elif marker == _RESTARTS and any(segment):
            return False
    return 0 < components == scanned


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker in (0x00, 0xFF) or marker in _BARE:  # stuffing, fill bytes, restarts
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, data[at + 4 : end]
        at = end
