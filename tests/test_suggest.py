"""`lookalike suggest`: photos to label next stand for the others, copies count once, doubt is told."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Cli
from tests.support import draw, models, portraits


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A model of warm and cold photos, and a folder with warm ones, cold ones, one between them, and copies."""
    draw.folder(tmp_path / "images", {"circles": 2, "stripes": 2})
    models.bundle(tmp_path / "models" / "toy")
    folder = tmp_path / "inbox"
    folder.mkdir()
    colours = {"warm": (220, 40, 40), "warmer": (250, 60, 30), "cold": (40, 60, 220), "between": (120, 90, 122)}
    for name, colour in colours.items():
        Image.fromarray(np.full((80, 80, 3), colour, np.uint8)).save(folder / f"{name}.png")
    shutil.copy(folder / "between.png", folder / "copy.png")
    shutil.copy(tmp_path / "images/circles/000.jpg", folder / "known.jpg")
    (folder / "page.jpg").write_bytes(b"<html>")
    return folder


def test_what_is_between_labels_comes_first_and_a_copy_of_it_never(cli: Cli, inbox: Path) -> None:
    found = cli("suggest", "inbox", "--count", "4", "--json").data
    names = [Path(row["file"]).stem for row in found["photos"]]
    assert names[0] in ("between", "copy") and not {"between", "copy"} <= set(names) and "cold" in names
    first = found["photos"][0]
    assert first["why"].startswith("between ") and "circles" in first["why"] and "stripes" in first["why"]
    assert first["stands_for"] >= 2 and first["doubt"] > 0.3
    shown = cli("suggest", "inbox", "--count", "1")
    assert "1 photo of 6" in shown.out and "next: move each into images/LABEL/" in shown.out


def test_photos_that_are_labelled_already_are_passed_over(cli: Cli, inbox: Path) -> None:
    assert cli("clean").code == 0  # the manifest knows all photos of the set now
    found = cli("suggest", "inbox", "--json").data
    assert found["looked_at"] == 5 and found["skipped"] == 2


def test_the_choice_is_a_table_for_programs(cli: Cli, inbox: Path) -> None:
    rows = list(csv.DictReader(cli("suggest", "inbox", "--count", "2", "--csv").out.splitlines()))
    assert len(rows) == 2 and rows[0]["file"].startswith("inbox/") and rows[0]["why"]


def test_there_must_be_something_to_choose_from(cli: Cli, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert cli("suggest", "empty").code == 3 and cli("suggest", "nowhere").code == 2
    shutil.rmtree(tmp_path / "models")
    assert cli("suggest", "inbox").code == 3


@portraits.needs_networks
def test_of_people_faces_near_the_limit_of_being_known_come_first(cli: Cli, tmp_path: Path) -> None:
    portraits.people_folder(tmp_path / "images", {"ann": 2, "bea": 2})
    assert cli("train", "--quiet").code == 0
    folder = tmp_path / "inbox"
    folder.mkdir()
    draw.photo("circles", 1).save(folder / "nobody.jpg")
    for name, people in {"stranger": ("cas",), "known": ("ann",)}.items():
        portraits.scene(77, *people).save(folder / f"{name}.jpg")
    found = cli("suggest", "inbox", "--json").data
    assert {Path(row["file"]).stem for row in found["photos"]} == {"stranger", "known"} and found["skipped"] == 1
