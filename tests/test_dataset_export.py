"""`export --to dataset`: photos that may be handed on, with labels, licences, sources and sides, to be read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from lookalike.project.licences import may_be_shared
from lookalike.project.manifest import Manifest
from lookalike.project.records import ImageRecord
from tests.conftest import Cli
from tests.support import draw, runs
from tests.support.gathering import lines

PAGE = "https://example.org/page"


def photo(file: str, seed: int, **told: Any) -> None:
    """A photo in images/, and what the manifest tells of it, if anything."""
    path = Path("images", file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(draw.jpeg("circles", seed, (80, 80)))
    if told:
        label = path.parent.name
        Manifest(Path("images")).append([ImageRecord(label, told.pop("status", "ok"), file, **told)])


def table(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of every table in a data set, by the photo's place."""
    rows = {}
    for path in folder.rglob("metadata.jsonl"):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            rows[(path.parent / row["file_name"]).relative_to(folder).as_posix()] = row
    return rows


@pytest.fixture
def mixed(tmp_path: Path, cli: Cli) -> Path:
    """Photos of every kind of licence; returns where the data set will be."""
    url = "https://example.org/photo/"
    photo("ant/own.jpg", 1)
    photo(
        "ant/by.jpg",
        2,
        license="CC BY-SA 4.0",
        image_url=url + "2",
        page_url=PAGE,
        creator="=Ann\u202e",
        title="An ant",
    )
    photo("bee/nc.jpg", 3, license="CC BY-NC 2.0", license_url="https://creativecommons.org/licenses/by-nc/2.0/")
    photo("bee/rights.jpg", 4, license="All rights reserved", image_url=url + "4")
    photo("bee/unknown.jpg", 5, image_url=url + "5", provider="bing")
    photo("bee/aside.jpg", 6, license="CC0", status="quarantined", reason="blurred")
    photo("bee/mine.jpg", 7, image_url="folder:abc/mine.jpg", provider="folder")
    return tmp_path / "apps" / f"{tmp_path.name}-dataset"


def test_what_may_not_be_handed_on_stays_and_is_told_with_the_reason(cli: Cli, mixed: Path) -> None:
    answer = cli("export", "--to", "dataset", "--json")
    assert answer.code == 0, answer.err
    assert set(table(mixed)) == {"ant/own.jpg", "ant/by.jpg", "bee/nc.jpg", "bee/mine.jpg"}
    assert {path.name for path in mixed.rglob("*.jpg")} == {"own.jpg", "by.jpg", "nc.jpg", "mine.jpg"}
    told = [line for line in answer.data["told"]["dataset"] if line.startswith("left out: bee/")]
    assert told == [
        "left out: bee/aside.jpg: set aside: blurred",
        "left out: bee/rights.jpg: its licence is not known to allow it: All rights reserved",
        "left out: bee/unknown.jpg: from the web, without a licence",
    ]
    assert (mixed / "ant/by.jpg").read_bytes() == Path("images/ant/by.jpg").read_bytes()
    assert "some photos are for non-commercial use only" in answer.data["told"]["dataset"]
    assert answer.data["model"] is None and not Path("models").exists()


def test_what_is_written_is_gathered_again_with_the_same_labels_licences_and_sources(cli: Cli, mixed: Path) -> None:
    assert cli("export", "--to", "dataset").code == 0
    again = ("gather", "--provider", "folder", "--source", mixed, "--project", "copy", "--min-per-label", 0, "--json")
    assert cli(*again).data["saved"] == 4
    words = ("label", "license", "license_url", "creator", "title")
    before = {Path(line["file"]).name: line for line in lines()}
    after = {Path(line["file"]).name: line for line in lines("copy/images")}
    for name in ("by.jpg", "nc.jpg"):
        assert [after[name].get(word) for word in words if word != "title" or name == "by.jpg"] == [
            before[name].get(word) for word in words if word != "title" or name == "by.jpg"
        ]
    assert after["by.jpg"]["page_url"] == PAGE and after["own.jpg"]["label"] == "ant"
    assert cli("export", "--to", "dataset", "--project", "copy").code == 0
    assert table(Path("copy/apps/copy-dataset")).keys() == table(mixed).keys()


def test_a_photo_that_may_no_longer_be_handed_on_goes_when_it_is_written_again(cli: Cli, mixed: Path) -> None:
    assert cli("export", "--to", "dataset").code == 0
    (mixed / "notes.txt").write_text("mine")
    for name in ("own", "by"):
        Path(f"images/ant/{name}.jpg").unlink()
    assert cli("export", "--to", "dataset").code == 0
    assert not (mixed / "ant").exists() and (mixed / "notes.txt").read_text() == "mine"


def test_sides_are_those_of_the_run_and_what_came_later_is_learnt_from(cli: Cli, tmp_path: Path) -> None:
    run = runs.untrained(tmp_path)
    (tmp_path / "images/circles/late.jpg").write_bytes(draw.jpeg("circles", 900))
    answer = cli("export", "--to", "dataset", "--name", "shapes", "--json")
    folder = tmp_path / "apps/shapes-dataset"
    rows = [line.split(",") for line in (run / "split.csv").read_text().splitlines()[1:]]
    expected = {f"{part}/{file}" for file, _, part, *_ in rows} | {"train/circles/late.jpg"}
    assert set(table(folder)) == expected and len(expected) == 13
    assert "1 photo came after the run: in train" in answer.data["told"]["dataset"]
    assert {path.parent.name for path in folder.rglob("metadata.jsonl")} == {"train", "valid"}
    check(folder)


def test_the_card_and_the_description_name_what_is_there(cli: Cli, mixed: Path) -> None:
    assert cli("export", "--to", "dataset").code == 0
    _, head, words = (mixed / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head)["license"] == "other" and yaml.safe_load(head)["task_categories"] == [
        "image-classification"
    ]
    assert "CC BY-SA 4.0: 1 photo" in words and "not known to allow it: 3 photos" in words
    described = json.loads((mixed / "croissant.json").read_text())
    assert described["conformsTo"] == "http://mlcommons.org/croissant/1.0" and "CC BY-NC 2.0" in described["license"]
    columns = [field["source"]["extract"]["column"] for field in described["recordSet"][0]["field"]]
    assert columns == list(table(mixed)["ant/by.jpg"])
    assert described["distribution"][0]["includes"] == "metadata.jsonl"
    check(mixed)


def check(folder: Path) -> None:
    """Have the format's own program validate and read the description, where it is installed."""
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(str(folder / "croissant.json"))
    assert not dataset.metadata.issues.errors and not dataset.metadata.issues.warnings
    told = {record["photos/file_name"].decode() for record in dataset.records("photos")}
    assert told == {row["file_name"] for row in table(folder).values()}


def test_nothing_that_may_be_handed_on_ends_with_what_to_do(cli: Cli, tmp_path: Path) -> None:
    photo("ant/1.jpg", 1, image_url="https://example.org/1")
    answer = cli("export", "--to", "dataset")
    assert answer.code == 3 and "from the web, without a licence" in answer.err and "--license cc" in answer.err
    assert not (tmp_path / "apps").exists() or not [*(tmp_path / "apps").glob("[!.]*")]


@pytest.mark.parametrize(
    ("license", "url", "allowed"),
    [
        ("CC BY-NC-ND 4.0", "", True), ("CC0", "", True), ("Public domain", "", True), ("GFDL 1.2 or later", "", True),
        ("FAL", "", True), ("MIT License", "", True), ("Apache-2.0", "", True), ("All rights reserved", "", False),
        ("", "", False), ("", "https://creativecommons.org/licenses/by/2.0/", True), ("fair use", "", False),
        ("not CC BY", "", False), ("", "https://example.org/creativecommons.org/licenses/by/", False),
        ("editorial use only", "https://creativecommons.org/licenses/by/2.0/", False),
    ],
)  # fmt: skip
def test_a_licence_allows_handing_on_only_when_it_says_so(license: str, url: str, allowed: bool) -> None:
    assert may_be_shared(license, url) == allowed
