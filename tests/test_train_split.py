"""A split keeps copies of one photo on one side, also when nobody has cleaned the set; few others are tied to them."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import defaultdict
from pathlib import Path

import pytest
from PIL import Image

from lookalike.photos.copies import links
from tests.conftest import Cli
from tests.support import crowds, draw, portraits
from tests.test_clean_copies import CHANGES

SIZE = (320, 240)
Pairs = set[frozenset[str]]


def _plant(folder: Path) -> Pairs:
    """Give each photo a copy cropped by 15 %: the pairs, by their bytes."""
    pairs = set()
    for path in sorted(folder.rglob("*.jpg")):
        copy = path.with_name(f"{path.stem}-copy.jpg")
        with Image.open(path) as image:
            width, height = image.size
            part = image.crop((width // 10, height // 20, width * 19 // 20, height * 9 // 10))
            part.save(copy, quality=80)
        pairs.add(frozenset(hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, copy)))
    return pairs


def _rows(project: Path) -> list[dict[str, str]]:
    (split,) = project.glob("runs/*/split.csv")
    with split.open(newline="") as file:
        return list(csv.DictReader(file))


def _groups(project: Path) -> Pairs:
    """The groups of a split, by bytes; each is on one side, and there are some on both."""
    groups, parts = defaultdict(set), defaultdict(set)
    for row in _rows(project):
        groups[row["group"]].add(row["sha256"])
        parts[row["group"]].add(row["part"])
    assert set(map(frozenset, parts.values())) == {frozenset({"train"}), frozenset({"valid"})}
    return set(map(frozenset, groups.values()))


def test_cropped_copies_of_gathered_photos_stay_on_one_side_without_clean(cli: Cli, tmp_path: Path) -> None:
    pairs = _plant(crowds.folder(tmp_path / "web", "scene", 14, 2))
    assert cli("gather", "--provider", "folder", "--source", "web").code == 0
    assert cli("train", "--size", 64, "--recipe", "probe").code == 0
    assert _groups(tmp_path) == pairs


@portraits.needs_networks
def test_cropped_copies_of_photos_of_people_do_so_too(cli: Cli, tmp_path: Path) -> None:
    pairs = _plant(portraits.people_folder(tmp_path / "images", {"ann": 6, "bea": 6}))
    assert cli("train", "--recipe", "people").code == 0
    assert len(_groups(tmp_path) & pairs) >= 10


def test_a_copy_that_came_after_clean_joins_the_group_that_clean_has_told(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "images", {"circles": 5, "stripes": 5}, SIZE)
    with Image.open(tmp_path / "images/circles/003.jpg") as image:
        CHANGES["half"](image).save(tmp_path / "images/circles/half.jpg")
        assert cli("clean", "--keep-copies", "--suspects", 0).code == 0
        CHANGES["cropped"](image).save(tmp_path / "images/circles/later.jpg")
    lines = map(json.loads, (tmp_path / "images/manifest.jsonl").read_text().splitlines())
    (told,) = {line["group"] for line in lines if line.get("group")}
    assert cli("train", "--size", 64, "--recipe", "probe").code == 0
    joined = {row["file"] for row in _rows(tmp_path) if row["group"] == told}
    assert joined == {"circles/003.jpg", "circles/half.jpg", "circles/later.jpg"}


@pytest.mark.parametrize("kind", ["copy", "alike"])
def test_no_photo_is_tied_to_another_over_a_third(kind: str) -> None:
    chain = {frozenset((number, number + 1)): kind for number in range(9)}
    groups = links.together(10, chain)
    assert max(map(len, groups)) == 3
    assert len({number for group in groups for number in group}) == sum(map(len, groups))


def test_a_crowd_in_which_all_look_alike_is_no_group_but_its_copies_are() -> None:
    crowd = {frozenset((one, other)): "alike" for one in range(12) for other in range(one)}
    assert links.together(12, crowd) == []
    assert links.together(12, {**crowd, frozenset((3, 8)): "copy"}) == [[3, 8]]


def test_copies_of_one_photo_stay_together_when_each_of_them_has_a_scene_of_its_own() -> None:
    scenes = {frozenset(pair): "alike" for pair in [(0, 1), (0, 2), (3, 4), (3, 5)]}
    groups = links.together(6, {**scenes, frozenset((2, 5)): "copy"})
    assert sorted(map(sorted, groups)) in ([[0, 1, 2, 5], [3, 4]], [[0, 1], [2, 3, 4, 5]])
