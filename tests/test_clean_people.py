"""Cleaning a set of persons: photos of somebody else, faces that tell nothing, no face, one person under two labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support import draw, portraits

pytestmark = portraits.needs_networks


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Ann and Bea, and among them Cas twice, Ann in Bea's folder, a face of a few pixels, and nobody."""
    images = portraits.people_folder(tmp_path / "images", {"ann": 10, "bea": 10})
    for number in (1, 2):
        portraits.scene(600 + number, "cas").save(images / "ann" / f"cas{number}.jpg", quality=92)
    portraits.scene(610, "ann").save(images / "bea" / "swapped.jpg", quality=92)
    portraits.scene(611, "cas", "bea").save(images / "bea" / "group.jpg", quality=92)
    far = draw.photo("circles", 612, (640, 480))
    far.paste(portraits.scene(612, "bea").resize((36, 44)), (300, 200))
    far.save(images / "bea" / "far.png")
    draw.photo("stripes", 613, (400, 300)).save(images / "ann" / "nobody.png")
    return tmp_path


EXPECTED = {
    "ann/cas1.jpg": "another-person", "ann/cas2.jpg": "another-person", "bea/swapped.jpg": "another-person",
    "bea/far.png": "unclear-face", "ann/nobody.png": "no-face",
}  # fmt: skip


def test_photos_of_other_people_are_shown_and_ranked_but_not_moved(cli: Cli, mixed: Path) -> None:
    answer = cli("clean", "--json")
    data = answer.data
    assert {row["file"]: row["reason"] for row in data["notes"] if row["reason"] != "alike"} == EXPECTED
    assert not data["aside"] and "same person" not in answer.err
    details = {row["file"]: row["detail"] for row in data["notes"]}
    assert details["bea/swapped.jpg"].startswith("similarity ") and details["bea/swapped.jpg"].endswith(" to ann")
    assert "pixels wide" in details["bea/far.png"]
    ranked = [row["file"] for row in data["suspects"]]
    others = {"ann/cas1.jpg", "ann/cas2.jpg", "bea/swapped.jpg"}
    assert set(ranked[:4]) == {*others, "bea/far.png"} and "ann/nobody.png" not in ranked
    assert [row["score"] > 0.5 for row in data["suspects"][:6]] == [True] * 4 + [False] * 2
    (swapped,) = [row for row in data["suspects"] if row["file"] == "bea/swapped.jpg"]
    assert (swapped["predicted"], swapped["why"]) == ("ann", "looks like ann")
    assert {row["predicted"] for row in data["suspects"][:4]} == {"ann", ""}  # Cas is like nobody, and a speck neither
    assert data["purity"] == {"ann": pytest.approx(10 / 13, abs=1e-3), "bea": pytest.approx(11 / 13, abs=1e-3)}


def test_they_are_moved_where_that_is_asked_for(cli: Cli, mixed: Path) -> None:
    data = cli("clean", "--yes", "--json", "--aside", "another-person,no-face").data
    moved = {file for file, reason in EXPECTED.items() if reason != "unclear-face"}
    assert {row["file"] for row in data["aside"]} == moved
    assert not {row["file"] for row in data["suspects"]} & moved
    assert all((mixed / "quarantine" / file).is_file() for file in moved)


def test_one_person_under_two_labels_is_a_warning_with_names(cli: Cli, tmp_path: Path) -> None:
    images = portraits.people_folder(tmp_path / "images", {"ann": 8, "bea": 8})
    (images / "anna").mkdir()
    for number in range(8):
        portraits.scene(700 + number, "ann").save(images / "anna" / f"{number}.jpg", quality=92)
    answer = cli("clean", "--suspects", "0", "--aside", "no-face")
    assert answer.code == 0 and "'ann' and 'anna' show the same person" in answer.err
    assert "'bea'" not in answer.err


def test_sets_of_no_persons_are_judged_as_before(cli: Cli, tmp_path: Path) -> None:
    for number in range(18):
        label = ("one", "other")[number % 2]
        (tmp_path / "images" / label).mkdir(parents=True, exist_ok=True)
        names = ("ann", "bea", "cas")[number // 2 % 3]
        portraits.scene(number, names).save(tmp_path / "images" / label / f"{number}.jpg")
    data = cli("clean", "--json").data
    assert not {row["reason"] for row in data["notes"]} & {"another-person", "unclear-face"}


def test_a_few_photos_of_each_are_enough_to_see_somebody_else_among_them(cli: Cli, tmp_path: Path) -> None:
    images = portraits.people_folder(tmp_path / "images", {"ann": 4, "bea": 1})
    portraits.scene(620, "cas").save(images / "ann" / "cas.jpg", quality=92)
    data = cli("clean", "--json").data
    assert [(row["file"], row["reason"]) for row in data["notes"]] == [("ann/cas.jpg", "another-person")]
    assert [row["file"] for row in data["suspects"] if row["score"] > 0.5] == ["ann/cas.jpg"]
