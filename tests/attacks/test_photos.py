"""Photos that are more than they seem, or go while they are looked at: each is a row with its reason."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from lookalike.photos import decode, images, measure
from tests.conftest import Cli
from tests.support import draw, models
from tests.support.faults import png_that_claims

FEW = (60, 40)
PHOTO = draw.photo("circles", 1, FEW)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF>'
    b"</x:xmpmeta>"
)


def saved(kind: str, image: Image.Image = PHOTO, **how: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def claiming(kind: str, width: int, height: int) -> bytes:
    """A photo of this kind whose header claims other sizes than its data has."""
    if kind == "PNG":
        return png_that_claims(width, height)
    data = bytearray(saved(kind))
    size, order = {"JPEG": (FEW[::-1], ">HH"), "AVIF": (FEW, ">II"), "BMP": (FEW, "<ii")}.get(kind, (FEW, "<HH"))
    wanted = (height, width) if kind == "JPEG" else (width, height)
    if kind == "TIFF":
        for tag, value in ((256, width), (257, height)):
            place = data.index(struct.pack("<HHI", tag, 4 if struct.pack("<HHI", tag, 4, 1) in data else 3, 1))
            data[place : place + 12] = struct.pack("<HHII", tag, 4, 1, value)
        return bytes(data)
    if kind == "WEBP":  # the canvas of the extended form, which comes before the picture: 24 bits each, less one
        canvas = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + canvas + bytes(data[12:])
        return b"RIFF" + struct.pack("<I", len(body)) + body
    place = data.index(struct.pack(order, *size))
    data[place : place + struct.calcsize(order)] = struct.pack(order, *wanted)
    return bytes(data)


def text_bomb() -> bytes:
    """A PNG with a hundred megabytes of text in some of a hundred thousand bytes."""
    body = b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    whole = saved("PNG")
    return whole[:33] + chunk + whole[33:]


BOMBS = {
    **{f"{kind} of billions": claiming(kind, 16_000, 16_000) for kind in ("JPEG", "PNG", "WEBP", "BMP", "AVIF")},
    "TIFF of billions": claiming("TIFF", 60_000, 60_000),
    "GIF of billions": claiming("GIF", 65_535, 65_535),
    "GIF of 68 millions": claiming("GIF", 8_000, 8_500),
    "PNG with text": text_bomb(),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_of_any_format_is_set_aside_unseen(cli: Cli, tmp_path: Path, kind: str) -> None:
    folder = draw.folder(tmp_path / "images", {"circles": 1}) / "circles"
    (folder / "bomb.jpg").write_bytes(BOMBS[kind])
    rows = {row["file"]: row["reason"] for row in cli("clean", "--json", "--yes", "--suspects", 0).data["aside"]}
    allowed = {"too-large"} if "GIF" in kind or "PNG of" in kind else {"too-large", "unreadable", "truncated"}
    allowed |= {"too-small"} if kind == "PNG with text" else set()  # read without its text, and of few pixels
    assert rows.get("circles/bomb.jpg") in allowed, rows
    assert [path.name for path in folder.iterdir()] == ["000.jpg"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_an_orientation_that_only_xmp_tells_is_applied(kind: str) -> None:
    how: dict[str, Any] = {"xmp": XMP}
    if kind == "PNG":
        how = {"pnginfo": PngImagePlugin.PngInfo()}
        how["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    photo = images.open_photo(saved(kind, **({"tiffinfo": {700: XMP}} if kind == "TIFF" else how)))
    assert (photo.width, photo.height) == photo.image.size == (40, 60)
    turned = np.asarray(PHOTO.transpose(Image.Transpose.ROTATE_270).resize((4, 4)), dtype=int)
    assert np.abs(np.asarray(photo.image.resize((4, 4)), dtype=int) - turned).max() < 40


@pytest.mark.parametrize(
    "how",
    [
        {"exif": b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"}, {"icc_profile": b"\0" * 7}, {"xmp": b"<x:xmpmeta><&"},
        {"xmp": XMP.replace(b'"6"', b'"9"')}, {"dpi": (0, 0)}, {"comment": b"\xff\xd9" * 30},
    ],
    ids=" ".join,
)  # fmt: skip
def test_broken_metadata_of_any_kind_costs_no_photo(how: dict[str, Any]) -> None:
    data = saved("JPEG", **how)
    assert np.array_equal(np.asarray(images.open_rgb(data)), np.asarray(images.open_rgb(saved("JPEG"))))
    assert measure.jpeg_warning(data) == ""


SHAPES = {
    "1x1": Image.new("RGB", (1, 1)), "1x30000": Image.new("RGB", (1, 30_000), "red"),
    "one colour": Image.new("L", (100, 100), 9), "nothing": Image.new("RGBA", (100, 100)),
}  # fmt: skip


def test_odd_shapes_are_kept_or_have_their_reason(cli: Cli, tmp_path: Path) -> None:
    photos = draw.folder(tmp_path / "images", {"circles": 40, "stripes": 4})
    for name, image in SHAPES.items():
        image.save(photos / "circles" / f"{name}.png")
    models.bundle(tmp_path / "models" / "m")
    names = [f"images/circles/{name}.png" for name in SHAPES]
    answered = cli("predict", *names, "--json").data["predictions"]
    assert [row["file"] for row in answered] == names and all("label" in row for row in answered)
    rows = {row["file"]: row["reason"] for row in cli("clean", "--json", "--yes", "--suspects", 0).data["aside"]}
    assert [rows.get(f"circles/{name}.png") for name in SHAPES] == [
        "too-small",
        "too-small",
        "one-colour",
        "one-colour",
    ]


def test_photos_that_vanish_or_change_while_they_are_looked_at_cost_nothing_else(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    look = decode.Pool.map

    def meddling(self: decode.Pool, function: str, items: Any) -> Iterator[Any]:
        monkeypatch.setattr(decode.Pool, "map", look)
        (photos / "circles" / "001.jpg").unlink(missing_ok=True)
        (photos / "circles" / "002.jpg").write_bytes(draw.jpeg("circles", 77))
        (photos / "circles" / "003.jpg").write_bytes(b"")
        return look(self, function, items)

    monkeypatch.setattr(decode.Pool, "map", meddling)
    answer = cli("clean", "--yes", "--suspects", 0, "--json")
    assert answer.code == 0 and "Traceback" not in answer.err
    kept = sorted(path.name for path in photos.glob("*/*.jpg"))
    aside = {row["file"]: row["reason"] for row in answer.data["aside"]}
    assert aside.get("circles/003.jpg") == "empty" and len(kept) == 10
    assert cli("clean", "--json", "--suspects", 0).data["aside"] == []


def test_a_photo_turned_by_its_metadata_gets_the_same_answer(cli: Cli, tmp_path: Path) -> None:
    models.bundle(tmp_path / "models" / "m")
    photo = draw.photo("circles", 5, (200, 140))
    photo.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    upright, turned = cli("predict", "upright.png", "turned.png", "--json").data["predictions"]
    assert turned["label"] == upright["label"]
    assert turned["probabilities"] == pytest.approx(upright["probabilities"], abs=1e-3)
