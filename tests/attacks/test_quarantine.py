"""Two folders of photos in one project: what is set aside from one never comes back into the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support import draw

SETS = ("images", "A", "deep/A", "deep-A")


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, Path]:
    """Four sets, each with a broken photo of the same name and other bytes."""
    made = {name: draw.folder(tmp_path / name, {"circles": 6, "stripes": 6}) for name in SETS}
    for name, folder in made.items():
        (folder / "circles" / "bad.jpg").write_text(f"broken, of {name}")
    return made


def test_each_set_gets_its_own_photos_back(cli: Cli, sets: dict[str, Path]) -> None:
    for name in SETS:
        assert cli("clean", "--images", name, "--yes").code == 0
        assert not (sets[name] / "circles" / "bad.jpg").exists()
    for name in SETS:
        assert cli("clean", "--images", name, "--undo", "--json").data["restored"] == ["circles/bad.jpg"]
        assert (sets[name] / "circles" / "bad.jpg").read_text() == f"broken, of {name}"
        assert len(list((sets[name] / "circles").glob("bad*"))) == 1


def test_a_set_is_the_same_however_it_is_named(cli: Cli, sets: dict[str, Path], tmp_path: Path) -> None:
    cli("clean", "--images", "deep/../A", "--yes")
    assert cli("clean", "--images", tmp_path / "A", "--undo", "--json").data["restored"] == ["circles/bad.jpg"]
    cli("clean", "--yes")
    assert cli("clean", "--images", tmp_path / "images", "--undo", "--json").data["restored"] == ["circles/bad.jpg"]


def test_what_was_set_aside_when_all_sets_shared_a_place_comes_back(
    cli: Cli, sets: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("images", "A"):
        cli("clean", "--images", name, "--yes")
    shared, own = tmp_path / "quarantine" / "circles", next(tmp_path.glob("quarantine-A-*/circles/bad.jpg"))
    (shared / "bad.jpg").rename(shared / "bad~2.jpg")  # as room was made then, told by the manifest of A
    own.rename(shared / "bad.jpg")
    line = json.loads((sets["images"] / "manifest.jsonl").read_text().splitlines()[-1])
    with (sets["images"] / "manifest.jsonl").open("a") as file:
        file.write(json.dumps({**line, "file": "circles/bad~2.jpg", "moved_from": "circles/bad.jpg"}) + "\n")
    asked = ("clean", "--images", "A", "--undo", "--json")
    assert cli(*asked, "--dry-run").data["restored"] == ["circles/bad.jpg"]
    assert cli(*asked).data["restored"] == ["circles/bad.jpg"]
    assert (sets["A"] / "circles" / "bad.jpg").read_text() == "broken, of A"
    assert cli("clean", "--undo", "--json").data["restored"] == ["circles/bad~2.jpg"]
    assert (sets["images"] / "circles" / "bad~2.jpg").read_text() == "broken, of images"
