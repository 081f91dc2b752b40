"""clean --undo: of one run, of one photo, and what later decisions make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support import draw


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A set of two labels with six good photos each."""
    return draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})


def _tree(root: Path) -> dict[str, bytes]:
    """The bytes of every photo, by path."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.jpg")}


def test_a_dry_undo_only_counts(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (photos / "circles" / "empty.jpg").write_bytes(b"")
    cli("clean")
    assert cli("clean", "--undo", "--dry-run", "--json").data["restored"] == ["circles/empty.jpg"]
    assert (tmp_path / "quarantine" / "circles" / "empty.jpg").is_file()


def test_one_run_or_one_file_can_be_undone(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (photos / "circles" / "empty.jpg").write_bytes(b"")
    first = cli("clean", "--json").data["run"]
    (photos / "stripes" / "page.jpg").write_bytes(b"<html>")
    cli("clean")
    assert cli("clean", "--undo-run", "last", "--json").data["restored"] == ["stripes/page.jpg"]
    cli("clean")
    assert cli("clean", "--undo-file", "stripes/page.jpg", "--json").data["restored"] == ["stripes/page.jpg"]
    assert cli("clean", "--undo-run", first, "--json").data["restored"] == ["circles/empty.jpg"]


def test_a_decision_about_a_photo_not_seen_before_outlives_the_next_clean(cli: Cli, photos: Path) -> None:
    draw.photo("circles", 5, (30, 30)).save(photos / "circles" / "small.png")
    Path("marks.csv").write_text("file,decision\ncircles/small.png,keep\n")
    cli("clean", "--apply", "marks.csv")
    assert [cli("clean", "--json").data["aside"] for _ in range(3)] == [[], [], []]


def test_undoing_a_run_moves_labels_back_and_nothing_that_was_decided_since(
    cli: Cli, photos: Path, tmp_path: Path
) -> None:
    before = _tree(photos)
    rows = ["circles/000.jpg,label: stripes", "circles/001.jpg,label: stripes", "circles/002.jpg,aside"]
    Path("marks.csv").write_text("\n".join(["file,decision", *rows, ""]))
    run = cli("clean", "--apply", "marks.csv", "--json").data["run"]
    assert sorted(_tree(photos)) != sorted(before)
    moved = {"stripes/000~2.jpg": "circles/000.jpg", "stripes/001~2.jpg": "circles/001.jpg"}
    assert cli("clean", "--undo-run", "last", "--dry-run", "--json").data["moved_back"] == moved
    Path("later.csv").write_text("file,decision\nstripes/001~2.jpg,open\n")
    cli("clean", "--apply", "later.csv")
    cli("clean", "--suspects", 0)  # writes more about the same photos
    answer = cli("clean", "--undo-run", run)
    assert "1 photo brought back\n1 photo moved back to the former label" in answer.out
    assert cli("clean", "--undo-run", "last", "--json").data["moved_back"] == {}
    before["stripes/001~2.jpg"] = before.pop("circles/001.jpg")  # a later word stands
    assert _tree(photos) == before
