"""clean that dies on the way: each photo is in one place, whole, and the next run goes on."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lookalike.decisions import aside
from tests.conftest import Cli
from tests.support import draw
from tests.support.cleaning import FAULTS, spoil, tree


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A set of two labels with six good photos each."""
    return draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_around_a_move_leaves_each_file_in_one_place(
    cli: Cli, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    spoil(photos)
    before = tree(photos)
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
    inside, outside = tree(photos), tree(tmp_path / "quarantine")
    assert inside.keys().isdisjoint(outside)
    assert inside | outside == before
    monkeypatch.chdir(tmp_path)
    assert cli("clean", "--yes").code == 0
    assert sorted(tree(tmp_path / "quarantine")) == sorted(FAULTS)
    cli("clean", "--undo")
    assert tree(photos) == before


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
    before = tree(photos)
    command = [sys.executable, "-m", "lookalike", "clean", "--suspects", "0", "--quiet"]
    for number in range(30):
        flags = ["--yes"] if number % 2 == 0 else ["--undo"]
        process = subprocess.Popen([*command, *flags], cwd=tmp_path, stderr=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.25 + 0.02 * (number % 15))
        process.kill()
        process.wait()
        inside, outside = tree(photos), tree(tmp_path / "quarantine")
        assert inside.keys().isdisjoint(outside)
        assert inside | outside == before
    subprocess.run([*command, "--undo"], cwd=tmp_path, check=True)
    assert tree(photos) == before
