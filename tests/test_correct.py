"""`lookalike correct`: photos that a person moved from one sorted folder to another, or names with --as."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lookalike.project.manifest import Manifest
from tests.conftest import Cli
from tests.support import draw, models


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A project with a model of warm and cold photos, and a folder of photos to sort, one of which is misleading."""
    draw.folder(tmp_path / "images", {"circles": 3, "stripes": 3})
    models.bundle(tmp_path / "models" / "toy")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for number, kind in enumerate(("circles", "circles", "stripes")):
        (inbox / f"{number}.jpg").write_bytes(draw.jpeg(kind, 50 + number))
    return inbox


def sort(cli: Cli) -> list[str]:
    for place in ("images", "images/circles", "images/new"):
        refused = cli("predict", "inbox", "--sort-into", place)
        assert refused.code == 2 and "lookalike correct FOLDER" in refused.err
    answer = cli("predict", "inbox", "--sort-into", "sorted")
    assert answer.code == 0 and "`lookalike correct sorted` keeps it to learn from" in answer.err
    return sorted(path.relative_to("sorted").as_posix() for path in Path("sorted").glob("*/*.jpg"))


def kept() -> dict[str, str]:
    """The photos that came with a correction, and their labels."""
    files = Manifest(Path("images")).fold().files
    return {file: record.label for file, record in files.items() if record.provider == "correction"}


def test_a_photo_that_was_moved_to_another_sorted_folder_is_a_correction(cli: Cli, photos: Path) -> None:
    assert sort(cli) == ["circles/0.jpg", "circles/1.jpg", "stripes/2.jpg"]
    assert cli("correct", "sorted", "--json").data["kept"] == [], "nothing was moved, whatever the model would say now"
    shutil.move("sorted/circles/1.jpg", "sorted/stripes/renamed.jpg")
    (Path("sorted") / "stripes" / "by-hand.jpg").write_bytes(draw.jpeg("circles", 70))
    found = cli("correct", "sorted", "--json").data
    assert [(row["photo"], row["label"]) for row in found["kept"]] == [("sorted/stripes/renamed.jpg", "stripes")]
    assert list(kept().values()) == ["stripes"] and (Path("images") / next(iter(kept()))).is_file()
    assert cli("correct", "sorted", "--json").data["already"] == 1 and len(kept()) == 1
    assert "circles/1.jpg" not in sort(cli), "a photo that a person has moved stays where it is"
    assert cli("correct", "sorted", "--undo", "--json").data["undone"] == 1 and not kept()


def test_a_folder_that_is_no_label_and_one_that_was_never_sorted_are_told(cli: Cli, photos: Path) -> None:
    sort(cli)
    (Path("sorted") / "bears").mkdir()
    shutil.move("sorted/circles/1.jpg", "sorted/bears/1.jpg")
    answer = cli("correct", "sorted")
    assert answer.code == 3 and "there is no label 'bears'" in answer.out + answer.err and not kept()
    assert "circles, stripes, neither" in answer.err
    assert cli("correct", "inbox").code == 2 and cli("correct").code == 2 and cli("correct", "nowhere").code == 2


def test_a_photo_is_named_with_as(cli: Cli, photos: Path) -> None:
    assert cli("correct", "inbox/0.jpg").code == 2
    assert cli("correct", "inbox/0.jpg", "inbox/1.jpg", "--as", "stripes").code == 0
    assert cli("correct", "inbox/2.jpg", "--as", "neither").code == 0
    assert list(kept().values()) == ["stripes", "stripes"] and len(list(Path("others").iterdir())) == 1
    assert cli("correct", *photos.iterdir(), "--undo", "--json").data["undone"] == 3
    assert not kept() and not list(Path("others").iterdir())
    (photos / "page.jpg").write_bytes(b"<html>")
    answer = cli("correct", "inbox/page.jpg", "inbox/0.jpg", "--as", "circles", "--json")
    assert answer.code == 0 and answer.data["refused"][0]["photo"] == "inbox/page.jpg" and len(answer.data["kept"]) == 1


def test_a_torn_record_of_what_was_sorted_costs_only_its_line(cli: Cli, photos: Path) -> None:
    sort(cli)
    record = Path("sorted/.sorted.jsonl")
    record.write_bytes(record.read_bytes()[:-20] + b"\n[1]\n\xff")
    shutil.move("sorted/circles/0.jpg", "sorted/stripes/0.jpg")
    assert [row["label"] for row in cli("correct", "sorted", "--json").data["kept"]] == ["stripes"]
