"""Cleaning through the command line: what goes, why, and that all of it comes back."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lookalike import console
from tests.conftest import Cli
from tests.support import draw
from tests.support.cleaning import FAULTS, spoil, tree


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A set of two labels with six good photos each."""
    return draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})


def _reasons(data: dict[str, Any]) -> dict[str, str]:
    return {item["file"]: item["reason"] for item in data["aside"]}


def test_a_clean_set_stays_as_it_is_and_is_adopted(cli: Cli, photos: Path) -> None:
    before = tree(photos)
    data = cli("clean", "--json").data
    assert (data["aside"], data["adopted"], data["after"]) == ([], 12, {"circles": 6, "stripes": 6})
    assert tree(photos) == before
    assert len((photos / "manifest.jsonl").read_text().splitlines()) == 12


def test_each_fault_is_set_aside_under_its_reason(cli: Cli, photos: Path, tmp_path: Path) -> None:
    spoil(photos)
    assert _reasons(cli("clean", "--yes", "--json").data) == FAULTS
    assert sorted(tree(tmp_path / "quarantine")) == sorted(FAULTS)
    lines = [json.loads(line) for line in (photos / "manifest.jsonl").read_text().splitlines()]
    assert {line["file"]: line["reason"] for line in lines if line["status"] == "quarantined"} == FAULTS


def test_a_refusal_names_the_real_format(cli: Cli, photos: Path) -> None:
    spoil(photos)
    details = {item["file"]: item.get("detail", "") for item in cli("clean", "--json").data["aside"]}
    assert "HTML" in details["circles/page.jpg"]
    assert "SVG" in details["circles/drawing.jpg"]


def test_undo_restores_every_byte_and_empties_the_quarantine(cli: Cli, photos: Path, tmp_path: Path) -> None:
    spoil(photos)
    before = tree(photos)
    cli("clean", "--yes")
    assert tree(photos) != before
    assert len(cli("clean", "--undo", "--json").data["restored"]) == len(FAULTS)
    assert tree(photos) == before
    assert tree(tmp_path / "quarantine") == {}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("blured,too-dark", "did you mean 'blurred'?"),
        ("qqqq", "choose from: animated, another-person"),
        ("too-drak,no-fase", "'too-drak': did you mean 'too-dark'?; 'no-fase': did you mean 'no-face'?"),
    ],
)
def test_a_misspelt_fault_is_refused_with_the_nearest_name(cli: Cli, photos: Path, names: str, words: str) -> None:
    answer = cli("clean", "--aside", names)
    assert answer.code == 2
    assert words in answer.err


def test_a_dry_run_shows_a_table_and_writes_nothing(cli: Cli, photos: Path, tmp_path: Path) -> None:
    spoil(photos)
    before = tree(photos)
    answer = cli("clean", "--dry-run")
    assert "truncated" in answer.out
    assert "circles/cut.jpg" in answer.out
    assert tree(photos) == before
    assert not (photos / "manifest.jsonl").exists()
    assert not (tmp_path / "quarantine").exists()


def test_of_equal_files_one_stays(cli: Cli, photos: Path) -> None:
    shutil.copy(photos / "circles" / "001.jpg", photos / "circles" / "again.jpg")
    data = cli("clean", "--json").data
    assert _reasons(data) == {"circles/again.jpg": "duplicate"}
    assert data["aside"][0]["other"] == "circles/001.jpg"


def test_the_same_photo_under_two_labels_goes_from_both(cli: Cli, photos: Path) -> None:
    shutil.copy(photos / "circles" / "001.jpg", photos / "stripes" / "same.jpg")
    data = cli("clean", "--json").data
    assert _reasons(data) == {"circles/001.jpg": "two-labels", "stripes/same.jpg": "two-labels"}
    assert {item["other"] for item in data["aside"]} == {"circles/001.jpg", "stripes/same.jpg"}


def test_min_size_decides_what_is_too_small(cli: Cli, photos: Path) -> None:
    assert _reasons(cli("clean", "--dry-run", "--json").data) == {}
    data = cli("clean", "--dry-run", "--json", "--min-size", 121).data
    assert set(_reasons(data).values()) == {"too-small"}


def test_what_takes_over_a_tenth_of_a_label_is_shown_and_moved_only_with_a_yes(cli: Cli, photos: Path) -> None:
    for number in range(2):
        draw.photo("circles", 90 + number, (50, 200)).save(photos / "circles" / f"small{number}.png")
    draw.photo("stripes", 92, (50, 200)).save(photos / "stripes" / "small.png")
    answer = cli("clean", "--json", "--suspects", 0)
    assert answer.code == 0
    assert _reasons(answer.data) == {"stripes/small.png": "too-small"}
    assert [item["file"] for item in answer.data["held"]] == ["circles/small0.png", "circles/small1.png"]
    assert answer.data["questions"] == ["2 of 8 photos of 'circles' would be set aside"]
    assert (photos / "circles" / "small0.png").exists() and not (photos / "stripes" / "small.png").exists()
    shown = cli("clean", "--suspects", 0).out
    assert "circles/small1.png" in shown and "lookalike clean --yes" in shown
    assert len(_reasons(cli("clean", "--dry-run", "--json", "--suspects", 0).data)) == 2
    assert len(_reasons(cli("clean", "--yes", "--json", "--suspects", 0).data)) == 2
    assert not (photos / "circles" / "small0.png").exists()


def test_a_large_group_of_copies_is_asked_about(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = draw.folder(tmp_path / "images", {"circles": 70, "stripes": 4})
    for number in range(5):
        with Image.open(photos / "circles" / "007.jpg") as image:
            image.save(photos / "circles" / f"again{number}.jpg", quality=60 + 5 * number)
    data = cli("clean", "--json", "--suspects", 0).data
    assert (data["aside"], len(data["held"]), len(data["questions"])) == ([], 5, 1)
    questions = []
    monkeypatch.setattr(console.Console, "confirm", lambda _, question: questions.append(question) or True)
    assert len(cli("clean", "--json", "--suspects", 0).data["aside"]) == 5
    assert "6 photos look like copies of circles/" in questions[0]


def test_a_label_folder_divided_into_train_and_val_is_cleaned_as_it_is(cli: Cli, tmp_path: Path) -> None:
    train = draw.folder(tmp_path / "images" / "train", {"circles": 4, "stripes": 4})
    val = draw.folder(tmp_path / "images" / "val", {"circles": 0, "stripes": 1})
    (val / "circles" / "bad.jpg").write_bytes(b"<html>")
    shutil.copy(train / "circles" / "002.jpg", val / "circles" / "leak.jpg")
    data = cli("clean", "--json").data
    assert data["before"] == {"circles": 6, "stripes": 5}
    assert _reasons(data)["val/circles/bad.jpg"] == "not-an-image"
    assert _reasons(data)["train/circles/002.jpg"] == "duplicate"
    assert (tmp_path / "quarantine" / "val" / "circles" / "bad.jpg").is_file()


def test_a_name_taken_in_the_quarantine_loses_neither_photo(cli: Cli, photos: Path, tmp_path: Path) -> None:
    bad = photos / "circles" / "x.jpg"
    bad.write_bytes(b"first")
    cli("clean")
    bad.write_bytes(b"second")
    cli("clean")
    assert sorted(p.read_bytes() for p in (tmp_path / "quarantine" / "circles").iterdir()) == [b"first", b"second"]
    cli("clean", "--undo")
    assert sorted(p.read_bytes() for p in (photos / "circles").glob("x*")) == [b"first", b"second"]


def test_a_name_taken_in_the_set_loses_neither_photo(cli: Cli, photos: Path) -> None:
    bad = photos / "circles" / "x.jpg"
    bad.write_bytes(b"first")
    cli("clean")
    bad.write_bytes(draw.jpeg("circles", 77))
    data = cli("clean", "--undo", "--json").data
    assert data["renamed"] == {"circles/x.jpg": "circles/x~2.jpg"}
    assert (photos / "circles" / "x~2.jpg").read_bytes() == b"first"


def test_undo_finds_photos_that_the_manifest_has_forgotten(cli: Cli, photos: Path) -> None:
    spoil(photos)
    before = tree(photos)
    cli("clean", "--yes")
    (photos / "manifest.jsonl").unlink()
    cli("clean", "--undo")
    assert tree(photos) == before


def test_strange_names_are_kept_and_shown_escaped(cli: Cli, photos: Path, tmp_path: Path) -> None:
    names = ["-dash.jpg", "new\nline.jpg", "emoji 🐝.jpg", "quote'\".jpg", "n" * 250 + ".jpg", "\x1b[31mred.jpg"]
    for name in names:
        (photos / "circles" / name).write_bytes(b"<html>")
    before = tree(photos)
    answer = cli("clean", "--yes")
    assert "\x1b" not in cli("clean", "--dry-run").out + answer.out
    assert sorted(p.name for p in (tmp_path / "quarantine" / "circles").iterdir()) == sorted(names)
    cli("clean", "--undo")
    assert tree(photos) == before


def test_links_pipes_and_folders_are_passed_over(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"outside")
    (photos / "circles" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (photos / "circles" / "loop").symlink_to(photos)
    os.mkfifo(photos / "circles" / "pipe.jpg")
    (photos / "circles" / "folder.jpg").mkdir()
    data = cli("clean", "--json").data
    assert data["aside"] == []
    assert {item["file"]: item["reason"] for item in data["skipped"]} == {
        "circles/link.jpg": "link", "circles/loop": "link", "circles/pipe.jpg": "special-file",
        "circles/folder.jpg": "folder",
    }  # fmt: skip
    assert (tmp_path / "secret.jpg").read_bytes() == b"outside"


def test_a_picture_repeated_as_stand_in_goes_completely(cli: Cli, photos: Path) -> None:
    card = Image.new("RGB", (120, 120), "white")
    card.paste("grey", (40, 50, 80, 70))
    for number in range(3):
        card.save(photos / "circles" / f"card{number}.png")
    assert set(_reasons(cli("clean", "--yes", "--json").data).values()) == {"placeholder"}


def test_a_picture_repeated_among_flat_pictures_is_a_duplicate_and_no_stand_in(cli: Cli, tmp_path: Path) -> None:
    for number in range(12):
        icon = Image.new("RGB", (96, 96), "white")
        pen = ImageDraw.Draw(icon)
        for place in range(3):
            pen.rectangle((10 + 8 * place, 7 * number, 80, 9 + 7 * number), fill=(20 * number, 80 * place, 90))
        (tmp_path / "images" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        icon.save(tmp_path / "images" / "ab"[number % 2] / f"{number}.png")
    for name in ("again.png", "once more.png"):
        shutil.copy(tmp_path / "images" / "a" / "0.png", tmp_path / "images" / "a" / name)
    reasons = _reasons(cli("clean", "--json", "--suspects", 0).data)
    assert reasons == {"a/again.png": "duplicate", "a/once more.png": "duplicate"}


def test_a_grey_subject_that_fills_little_of_a_black_photo_is_no_stand_in(cli: Cli, photos: Path) -> None:
    texture = np.random.default_rng(1).integers(30, 210, (40, 40), dtype=np.uint8)
    scan = Image.new("L", (128, 128), 2)
    scan.paste(Image.fromarray(texture).resize((60, 60), Image.Resampling.BICUBIC), (30, 40))
    scan.save(photos / "circles" / "scan.png")
    assert cli("clean", "--json", "--suspects", 0).data["aside"] == []


@pytest.mark.parametrize("marker", ["dqt", "dht", "sof", "sos"])
def test_filler_between_the_headers_of_a_jpeg_is_no_damage_but_lost_pixels_behind_it_are(
    cli: Cli, photos: Path, marker: str
) -> None:
    before = {"dqt": b"\xff\xdb", "dht": b"\xff\xc4", "sof": b"\xff\xc0", "sos": b"\xff\xda"}[marker]
    data = draw.jpeg("circles", 55).replace(before, b"\0" * 5 + before, 1)
    (photos / "circles" / "filled.jpg").write_bytes(data)
    end = len(data) * 3 // 4
    (photos / "circles" / "lost.jpg").write_bytes(data[:end] + b"\xff\xd9" + data[end + 2 :])
    assert _reasons(cli("clean", "--json", "--suspects", 0).data) == {"circles/lost.jpg": "damaged"}


def test_a_white_drawing_on_a_transparent_ground_stays(cli: Cli, photos: Path) -> None:
    draw.white_logo().save(photos / "circles" / "logo.png")
    assert cli("clean", "--json", "--suspects", 0).data["aside"] == []


def test_a_second_run_decodes_nothing_again(cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("clean")
    monkeypatch.setattr("lookalike.clean.scan.Pool", None)
    assert cli("clean").code == 0


def test_a_folder_that_cannot_be_written_is_one_clear_line(cli: Cli, photos: Path) -> None:
    (photos / ".manifest.lock").mkdir()
    answer = cli("clean")
    assert answer.code == 3
    assert "--dry-run" in answer.err
    assert cli("clean", "--dry-run").code == 0


def test_a_name_that_is_no_text_is_handled_like_any_other(cli: Cli, photos: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    (photos / "circles" / name).write_bytes(b"<html>")
    before = tree(photos)
    assert cli("clean", "--json").data["aside"][0]["reason"] == "not-an-image"
    assert [path.name for path in (tmp_path / "quarantine" / "circles").iterdir()] == [name]
    assert cli("clean", "--undo").code == 0
    assert tree(photos) == before


def test_an_empty_folder_says_what_to_type(cli: Cli, tmp_path: Path) -> None:
    answer = cli("clean")
    assert answer.code == 3
    assert "lookalike gather" in answer.err


def test_a_second_run_judges_every_photo_as_the_first_did(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "images", {"circles": 12, "stripes": 12})
    first, second = (cli("clean", "--dry-run", "--json").data["suspects"] for _ in range(2))
    assert first and first == second
