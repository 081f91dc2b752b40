"""A contract for every check: a photo that it must report, one that it must not, and that `--aside` moves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from lookalike import plugins
from lookalike.photos import faces
from lookalike.photos.whole import decode
from tests.conftest import Cli
from tests.support import draw

Save = Callable[[Path], Any]


def _photo(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    return draw.photo("circles", seed, size)


def _cut(share: float, end: bytes = b"") -> Save:
    data = draw.jpeg("circles", 70)
    kept = round(len(data) * share)
    return lambda path: path.write_bytes(data[:kept] + end + (data[kept + len(end) :] if end else b""))


def _shade(factor: float, add: float) -> Save:
    return lambda path: _photo(71).point(lambda value: round(value * factor + add)).save(path, quality=95)


def _moving(frames: int) -> Save:
    shown = [_photo(80 + number) for number in range(frames)]
    return lambda path: shown[0].save(path, "GIF", save_all=True, append_images=shown[1:])


def _card(path: Path) -> None:
    card = Image.new("RGB", (120, 120), "white")
    card.paste("grey", (40, 50, 80, 70))
    for number in range(3):
        card.save(path.with_name(f"{path.stem}{number}.png"))


def _again(quality: int) -> Save:
    """The first photo of its label once more: its bytes, or saved again."""

    def save(path: Path) -> None:
        first = path.with_name("000.jpg")
        if quality:
            Image.open(first).save(path, quality=quality)
        else:
            path.write_bytes(first.read_bytes())

    return save


def _under_two(path: Path) -> None:
    path.write_bytes((path.parents[1] / "stripes" / "000.jpg").read_bytes())


CASES: dict[str, tuple[Save, Save]] = {
    "unreadable": (lambda path: path.write_bytes(draw.jpeg("circles", 70)[:300]), _shade(1, 0)),
    "damaged": (_cut(0.75, b"\xff\xd9"), _cut(1)),
    "too-small": (lambda path: _photo(72, (200, 50)).save(path), lambda path: _photo(72, (200, 64)).save(path)),
    "extreme-shape": (
        lambda path: _photo(73, (650, 100)).save(path.with_suffix(".png")),
        lambda path: _photo(73, (590, 100)).save(path.with_suffix(".png")),
    ),
    "one-colour": (
        lambda path: Image.new("RGB", (100, 100), (9, 120, 40)).save(path),
        lambda path: Image.linear_gradient("L").save(path),
    ),
    "too-dark": (_shade(0.12, 0), _shade(0.3, 0)),
    "too-bright": (
        lambda path: _photo(71).point(lambda value: 255 if value > 130 else 248).save(path.with_suffix(".png")),
        _shade(0.3, 170),
    ),
    "blurred": (
        lambda path: _photo(74, (300, 240)).filter(ImageFilter.GaussianBlur(14)).save(path, quality=95),
        lambda path: _photo(74, (300, 240)).filter(ImageFilter.GaussianBlur(0.5)).save(path, quality=95),
    ),
    "animated": (_moving(3), _moving(1)),
    "placeholder": (_card, lambda path: _photo(75).save(path)),
    "duplicate": (_again(0), lambda path: _photo(76).save(path)),
    "near-copy": (_again(60), lambda path: _photo(77).save(path)),
    "two-labels": (_under_two, lambda path: _photo(78).save(path)),
}
SHOWN = ("too-dark", "too-bright", "blurred", "animated")  # moved only where --aside names them
BY_NETWORK = {"no-face", "several-faces", "another-person", "unclear-face", "suspect"}


def test_every_check_has_its_case():
    assert CASES.keys() | BY_NETWORK == plugins.CHECKS.keys()


def _found(cli: Cli, folder: Path, save: Save, reason: str, *flags: object) -> dict[str, set[str]]:
    draw.folder(folder, {"circles": 12, "stripes": 12})
    save(folder / "circles" / "one.jpg")
    data = cli("clean", "--json", "--dry-run", "--suspects", 0, "--images", folder, *flags).data
    wanted = {"truncated"} if reason == "unreadable" else set()
    return {
        part: {item["reason"] for item in data[part] if item["reason"] in {reason, *wanted}}
        for part in ("aside", "notes")
    }


@pytest.mark.parametrize("reason", CASES)
def test_what_a_check_looks_for_is_reported_and_nothing_else(cli: Cli, tmp_path: Path, reason: str) -> None:
    bad, good = CASES[reason]
    found = _found(cli, tmp_path / "bad", bad, reason, *(("--aside", "damaged") if reason in SHOWN else ()))
    assert found["notes" if reason in SHOWN else "aside"] and not found["aside" if reason in SHOWN else "notes"]
    assert not any(_found(cli, tmp_path / "good", good, reason).values())


@pytest.mark.parametrize("reason", SHOWN)
def test_what_is_only_shown_moves_where_aside_names_it(cli: Cli, tmp_path: Path, reason: str) -> None:
    assert _found(cli, tmp_path / "bad", CASES[reason][0], reason, "--aside", reason)["aside"]


@pytest.mark.parametrize(
    ("reason", "strict", "lenient"),
    [
        ("too-small", ("--min-size", 90), ("--min-size", 40)),
        ("extreme-shape", ("--max-ratio", 3), ("--max-ratio", 8)),
        ("blurred", ("--min-sharpness", 60), ("--min-sharpness", 0)),
    ],
)
def test_its_bar_is_a_setting(cli: Cli, tmp_path: Path, reason: str, strict: Any, lenient: Any) -> None:
    bad, good = CASES[reason]
    assert any(_found(cli, tmp_path / "strict", good, reason, *strict).values())
    assert not any(_found(cli, tmp_path / "lenient", bad, reason, *lenient).values())


def test_a_photo_of_a_person_who_decided_to_keep_it_stays(cli: Cli, tmp_path: Path) -> None:
    photos = draw.folder(tmp_path / "images", {"circles": 12, "stripes": 12})
    _photo(72, (200, 50)).save(photos / "circles" / "one.jpg")
    (tmp_path / "marks.csv").write_text("file,label,decision\ncircles/one.jpg,circles,keep\n")
    cli("clean", "--apply", tmp_path / "marks.csv")
    data = cli("clean", "--json", "--dry-run", "--suspects", 0).data
    assert data["aside"] == [] and [note["reason"] for note in data["notes"]] == ["too-small"]


def test_faces_are_checks_like_the_others(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {plugins.find("check", name) for name in BY_NETWORK - {"suspect"}} == {plugins.find("check", "no-face")}
    monkeypatch.setattr(faces, "offered", lambda *_: False)
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    assert cli("clean", "--json", "--dry-run").data["aside"] == []


def _little(kind: str) -> Image.Image:
    """A photo on which little is to be seen, or in few tones, all of it photographed."""
    random = np.random.default_rng(5)
    pixels = np.full((240, 320), 150.0)
    if kind == "scratch":
        pixels[100:102, 80:130] = 30
    elif kind == "signature":
        pixels[:] = 255
        pixels[(120 + 30 * np.sin(np.arange(60, 260) / 9)).astype(int), np.arange(60, 260)] = 0
    elif kind == "stars":
        pixels[:] = 0
        pixels[random.integers(0, 240, 40), random.integers(0, 320, 40)] = random.integers(150, 255, 40)
    elif kind == "fog":
        pixels = 190 + np.asarray(draw.other("gradient", 3, (320, 240)).convert("L")) / 16
        pixels += random.normal(0, 1, (240, 320))
    else:  # something round, lit from one side: before white (an egg), or on black (a scan)
        y, x = np.mgrid[:240, :320]
        shade = 150 + 60 * (x - 160) / 70 + random.normal(0, 1, (240, 320))
        pixels = np.where(np.hypot(x - 160, y - 120) < 70, shade, 240 if kind == "egg" else 2)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("kind", ["scratch", "signature", "stars", "fog", "egg", "scan"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_photo_of_little_is_not_blamed(cli: Cli, tmp_path: Path, kind: str, suffix: str) -> None:
    draw.folder(tmp_path / "images", {"circles": 12, "stripes": 12})
    path = tmp_path / "images" / "circles" / f"little.{suffix}"
    _little(kind).save(path)
    data = cli("clean", "--json", "--dry-run", "--suspects", 0, "--min-sharpness", 0).data
    assert data["aside"] == [] and data["notes"] == []
    assert not decode(path.read_bytes()).plain


@pytest.mark.parametrize("quality", [75, 95])
@pytest.mark.parametrize(
    ("size", "words"), [((300, 200), "No image available"), ((400, 300), "THIS CONTENT IS PRIVATE")]
)
def test_a_card_with_few_words_goes(cli: Cli, tmp_path: Path, size: tuple[int, int], words: str, quality: int) -> None:
    draw.folder(tmp_path / "images", {"circles": 12, "stripes": 12})
    card, font = Image.new("RGB", size, "white"), ImageFont.load_default(20)
    ImageDraw.Draw(card).text((size[0] / 2, size[1] / 2), words, fill=(150, 150, 150), font=font, anchor="mm")
    card.save(tmp_path / "images" / "circles" / "card.jpg", quality=quality)
    (aside,) = cli("clean", "--json", "--dry-run", "--suspects", 0).data["aside"]
    assert aside["reason"] == "placeholder"


@pytest.mark.parametrize("size", [(300, 300), (640, 480)])
def test_a_card_that_says_there_is_no_photo_goes(cli: Cli, tmp_path: Path, size: tuple[int, int]) -> None:
    draw.folder(tmp_path / "images", {"circles": 12, "stripes": 12})
    card = Image.new("RGB", size, (225, 228, 230))
    pen = ImageDraw.Draw(card)
    pen.text((size[0] // 8, size[1] // 3), "no image", fill=(90, 95, 100), font=ImageFont.load_default(size[0] // 6))
    pen.rectangle((size[0] // 3, size[1] // 2 + 40, size[0] // 2, size[1] - 20), fill=(160, 40, 40))
    card.save(tmp_path / "images" / "circles" / "card.png")
    (aside,) = cli("clean", "--json", "--dry-run", "--suspects", 0).data["aside"]
    assert aside["reason"] == "placeholder"
