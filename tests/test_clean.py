"""Cleaning through the command line: what goes, why, and that all of it comes back."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lookalike.clean import aside
from tests import draw
from tests.conftest import Cli


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A set of two labels with six good photos each."""
    return draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})


def _tree(root: Path) -> dict[str, str]:
    """The content of every photo, by path."""
    ours = (".", "manifest", "report")
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith(ours))
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _reasons(data: dict[str, Any]) -> dict[str, str]:
    return {item["file"]: item["reason"] for item in data["aside"]}


def _spoil(photos: Path) -> None:
    """One fault of each kind, in the folder of the circles."""
    folder = photos / "circles"
    good = (folder / "000.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(good[: len(good) // 2])
    end = len(good) * 3 // 4
    (folder / "damaged.jpg").write_bytes(good[:end] + b"\xff\xd9" + good[end + 2 :])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "page.jpg").write_bytes(b"<!doctype html><title>Not found</title>")
    (folder / "drawing.jpg").write_bytes(b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "phone.jpg").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 64)
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
    "circles/phone.jpg": "not-an-image",
    "circles/plain.png": "one-colour",
    "circles/tiny.jpg": "too-small",
}


def test_a_clean_set_stays_as_it_is_and_is_adopted(cli: Cli, photos: Path) -> None:
    before = _tree(photos)
    data = cli("clean", "--json").data
    assert (data["aside"], data["adopted"], data["after"]) == ([], 12, {"circles": 6, "stripes": 6})
    assert _tree(photos) == before
    assert len((photos / "manifest.jsonl").read_text().splitlines()) == 12


def test_each_fault_is_set_aside_under_its_reason(cli: Cli, photos: Path, tmp_path: Path) -> None:
    _spoil(photos)
    assert _reasons(cli("clean", "--json").data) == FAULTS
    assert sorted(_tree(tmp_path / "quarantine")) == sorted(FAULTS)
    lines = [json.loads(line) for line in (photos / "manifest.jsonl").read_text().splitlines()]
    assert {line["file"]: line["reason"] for line in lines if line["status"] == "quarantined"} == FAULTS


def test_a_refusal_names_the_real_format(cli: Cli, photos: Path) -> None:
    _spoil(photos)
    details = {item["file"]: item.get("detail", "") for item in cli("clean", "--json").data["aside"]}
    assert "HTML" in details["circles/page.jpg"]
    assert "SVG" in details["circles/drawing.jpg"]
    assert "HEIC" in details["circles/phone.jpg"]


def test_undo_restores_every_byte_and_empties_the_quarantine(cli: Cli, photos: Path, tmp_path: Path) -> None:
    _spoil(photos)
    before = _tree(photos)
    cli("clean", "--yes")
    assert _tree(photos) != before
    assert len(cli("clean", "--undo", "--json").data["restored"]) == len(FAULTS)
    assert _tree(photos) == before
    assert _tree(tmp_path / "quarantine") == {}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("blured,too-dark", "did you mean 'blurred'?"),
        ("qqqq", "choose from: animated, blurred"),
        ("too-drak,no-fase", "'too-drak': did you mean 'too-dark'?; 'no-fase': did you mean 'no-face'?"),
    ],
)
def test_a_misspelt_fault_is_refused_with_the_nearest_name(cli: Cli, photos: Path, names: str, words: str) -> None:
    answer = cli("clean", "--aside", names)
    assert answer.code == 2
    assert words in answer.err


def test_a_dry_run_shows_a_table_and_writes_nothing(cli: Cli, photos: Path, tmp_path: Path) -> None:
    _spoil(photos)
    before = _tree(photos)
    answer = cli("clean", "--dry-run")
    assert "truncated" in answer.out
    assert "circles/cut.jpg" in answer.out
    assert _tree(photos) == before
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


def test_losing_more_than_half_needs_a_yes(cli: Cli, photos: Path) -> None:
    before = _tree(photos)
    answer = cli("clean", "--min-size", 500)
    assert answer.code == 3
    assert "12 of 12" in answer.err
    assert "--yes" in answer.err
    assert _tree(photos) == before
    assert cli("clean", "--min-size", 500, "--yes").code == 0
    assert _tree(photos) == {}


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
    _spoil(photos)
    before = _tree(photos)
    cli("clean", "--yes")
    (photos / "manifest.jsonl").unlink()
    cli("clean", "--undo")
    assert _tree(photos) == before


def test_strange_names_are_kept_and_shown_escaped(cli: Cli, photos: Path, tmp_path: Path) -> None:
    names = ["-dash.jpg", "new\nline.jpg", "emoji 🐝.jpg", "quote'\".jpg", "n" * 250 + ".jpg", "\x1b[31mred.jpg"]
    for name in names:
        (photos / "circles" / name).write_bytes(b"<html>")
    before = _tree(photos)
    answer = cli("clean", "--yes")
    assert "\x1b" not in cli("clean", "--dry-run").out + answer.out
    assert sorted(p.name for p in (tmp_path / "quarantine" / "circles").iterdir()) == sorted(names)
    cli("clean", "--undo")
    assert _tree(photos) == before


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
    }  # fmt: skip
    assert (tmp_path / "secret.jpg").read_bytes() == b"outside"


def test_a_picture_repeated_as_stand_in_goes_completely(cli: Cli, photos: Path) -> None:
    card = Image.new("RGB", (120, 120), "white")
    card.paste("grey", (40, 50, 80, 70))
    for number in range(3):
        card.save(photos / "circles" / f"card{number}.png")
    assert set(_reasons(cli("clean", "--json").data).values()) == {"placeholder"}


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
    before = _tree(photos)
    assert cli("clean", "--json").data["aside"][0]["reason"] == "not-an-image"
    assert [path.name for path in (tmp_path / "quarantine" / "circles").iterdir()] == [name]
    assert cli("clean", "--undo").code == 0
    assert _tree(photos) == before


def test_an_empty_folder_says_what_to_type(cli: Cli, tmp_path: Path) -> None:
    answer = cli("clean")
    assert answer.code == 3
    assert "lookalike gather" in answer.err


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_around_a_move_leaves_each_file_in_one_place(
    cli: Cli, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    _spoil(photos)
    before = _tree(photos)
    move, done = aside.move, []

    def killed(source: Path, target: Path) -> None:
        done.append(source)
        if len(done) == 3 and when == "before":
            raise KeyboardInterrupt
        move(source, target)
        if len(done) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(aside, "move", killed)
    assert cli("clean", "--yes").code == 130
    monkeypatch.undo()
    inside, outside = _tree(photos), _tree(tmp_path / "quarantine")
    assert inside.keys().isdisjoint(outside)
    assert inside | outside == before
    monkeypatch.chdir(tmp_path)
    assert cli("clean", "--yes").code == 0
    assert sorted(_tree(tmp_path / "quarantine")) == sorted(FAULTS)
    cli("clean", "--undo")
    assert _tree(photos) == before


def test_a_copy_cut_off_between_two_file_systems_ends_in_one_place(cli: Cli, photos: Path, tmp_path: Path) -> None:
    bad = photos / "circles" / "x.jpg"
    bad.write_bytes(b"<html>")
    cli("clean")
    shutil.copy(tmp_path / "quarantine" / "circles" / "x.jpg", bad)
    cli("clean")
    assert [p.name for p in (tmp_path / "quarantine" / "circles").iterdir()] == ["x.jpg"]
    assert not bad.exists()


def test_moving_between_file_systems_copies_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"bytes")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "a":
            raise OSError(18, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    aside.move(tmp_path / "a", tmp_path / "other" / "a")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["a"]
    assert (tmp_path / "other" / "a").read_bytes() == b"bytes"


@pytest.mark.slow
def test_after_thirty_kills_no_photo_is_lost_doubled_or_halved(photos: Path, tmp_path: Path) -> None:
    for number in range(150):
        (photos / "circles" / f"bad{number}.jpg").write_bytes(b"<html>" + bytes([number]) * number)
    before = _tree(photos)
    command = [sys.executable, "-m", "lookalike", "clean", "--suspects", "0", "--quiet"]
    for number in range(30):
        flags = ["--yes"] if number % 2 == 0 else ["--undo"]
        process = subprocess.Popen([*command, *flags], cwd=tmp_path, stderr=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.25 + 0.02 * (number % 15))
        process.kill()
        process.wait()
        inside, outside = _tree(photos), _tree(tmp_path / "quarantine")
        assert inside.keys().isdisjoint(outside)
        assert inside | outside == before
    subprocess.run([*command, "--undo"], cwd=tmp_path, check=True)
    assert _tree(photos) == before
