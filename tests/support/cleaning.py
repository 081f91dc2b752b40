"""What the tests of clean share: a spoilt set, and what a folder holds."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL import Image

from tests.support import draw


def tree(root: Path) -> dict[str, str]:
    """The content of every photo, by path."""
    ours = (".", "manifest", "report")
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith(ours))
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def spoil(photos: Path) -> None:
    """One fault of each kind, in the folder of the circles."""
    folder = photos / "circles"
    good = (folder / "000.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(good[: len(good) // 2])
    end = len(good) * 3 // 4
    (folder / "damaged.jpg").write_bytes(good[:end] + b"\xff\xd9" + good[end + 2 :])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "page.jpg").write_bytes(b"<!doctype html><title>Not found</title>")
    (folder / "drawing.jpg").write_bytes(b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "tiny.jpg").write_bytes(draw.jpeg("circles", 99, (40, 200)))
    draw.photo("circles", 98, (1000, 100)).save(folder / "banner.png")
    Image.new("RGB", (100, 100), (9, 120, 40)).save(folder / "plain.png")


FAULTS = {
    "circles/banner.png": "extreme-shape",
    "circles/cut.jpg": "truncated",
    "circles/damaged.jpg": "damaged",
    "circles/drawing.jpg": "not-an-image",
    "circles/empty.jpg": "empty",
    "circles/page.jpg": "not-an-image",
    "circles/plain.png": "one-colour",
    "circles/tiny.jpg": "too-small",
}
