"""What a file is, told by its first bytes and never by its name."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

SAVED = "save it as JPEG or PNG"
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
HEAD = 512
"""How many of the first bytes tell."""

_RAW = "a camera's raw file"
_APPLE = "a PNG of an iPhone app, which only Apple's systems read"
_SIGNATURES = (
    (b"II*\0\x10\0\0\0CR", _RAW), (b"FUJIFILMCCD-RAW", _RAW), (b"IIU\0", _RAW), (b"IIRO", _RAW), (b"IIRS", _RAW),
    (b"MMOR", _RAW), (b"FOVb", _RAW), (b"\xff\x0a", "JPEG XL"), (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"version https://git-lfs", "a pointer of Git LFS (run `git lfs pull`)"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI", _APPLE),
    (b"\xff\xd8", "JPEG"), (b"\x89PNG", "PNG"), (b"GIF87a", "GIF"), (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"), (b"MM\0+", "TIFF"), (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"), (b"8BPS", "PSD"), (b"%!PS", "EPS"),
    (b"\0\0\0\x0cjP  ", "JPEG2000"), (b"\xff\x4f\xff\x51", "JPEG2000"),
)  # fmt: skip
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_UNREAD = frozenset({_RAW, _APPLE, "JPEG XL", "JPEG2000"})
"""Photos, but of kinds that are not read: they stay where they are."""

_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"crx ": _RAW} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevm", b"hevs"), "HEIC"
)
_CONTAINERS = (b"mif1", b"msf1")


def sniff(head: bytes) -> str:
    """The real format of a file, from its first bytes: a name from FORMATS, another name, or "" when unknown."""
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _brand(head)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<"):
        return "SVG" if b"<svg" in text else "HTML"
    return "JSON" if text[:1] in (b"{", b"[") else ""


def _brand(head: bytes) -> str:
    """What an ISO media file holds: its major brand, or where that names only the container, those that follow."""
    major, end = head[8:12], min(int.from_bytes(head[:4], "big"), len(head))
    if major not in _CONTAINERS:
        return _BRANDS.get(major, "MP4")
    named = (_BRANDS.get(head[at : at + 4]) for at in range(16, end, 4))
    return next(filter(None, named), "HEIC")


@cache
def reads_heic() -> bool:
    """Whether the package that reads HEIC, what phones write, is installed."""
    return find_spec("pillow_heif") is not None


def refusal(head: bytes) -> tuple[str, str] | None:
    """Why a file that begins so is no photo we read: a stable reason and a few words; None when it may be one."""
    if not head:
        return "empty", "the file has no bytes"
    kind = sniff(head)
    if kind in FORMATS or (kind == "HEIC" and reads_heic()):
        return None
    if kind == "HEIC":
        return "unsupported", 'HEIC needs an optional package: pip install "lookalike[heic]"'
    if kind in _UNREAD:
        return "unsupported", f"this is {kind}; {SAVED}"
    return "not-an-image", f"this is {kind}, not a photo we read" if kind else "no known image format"
