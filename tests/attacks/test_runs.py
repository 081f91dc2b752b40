"""Runs, models and stores come with projects of others: whatever is in them is explained or looked at again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lookalike.project import dataset
from lookalike.project.paths import load_run
from tests.conftest import Cli
from tests.support import draw, models, runs

Change = Callable[[Path], object]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": ["../x", "b"]}, "split.csv does not belong to run.json"),
        ({"input": {"size": 10**9}}, "input: size: not from 8 to 2048"),
        ({"input": {"size": 64, "resize": "melt"}}, "input: resize: not one of"), ({"id": ["x"]}, "id: not text"),
        ({"labels": []}, "labels: fewer than two"), ({"history": [{"epoch": 1}, {}]}, "history: without valid_loss"),
    ],
)  # fmt: skip
def test_a_run_that_makes_no_sense_is_explained(
    cli: Cli, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    run = runs.untrained(tmp_path) / "run.json"
    run.write_text(json.dumps({**json.loads(run.read_text()), **change}))
    answer = cli("export")
    assert answer.code == 3 and words in answer.err


def test_a_run_whose_model_tells_other_labels_apart_is_explained(cli: Cli, tmp_path: Path) -> None:
    models.bundle(runs.untrained(tmp_path) / "model", labels=("x", "circles", "stripes"))
    for command in (("evaluate",), ("compare", "r1", "r1")):
        answer = cli(*command)
        assert answer.code == 3 and "does not belong to run.json" in answer.err


def test_a_run_is_called_what_its_folder_is_called(cli: Cli, tmp_path: Path) -> None:
    folder = runs.untrained(tmp_path)
    models.bundle(folder / "model", input=load_run(folder).input)
    run = folder / "run.json"
    run.write_text(json.dumps({**json.loads(run.read_text()), "id": "../../victim"}))
    assert cli("compare", "r1", "r1", "--json").data["runs"] == ["r1", "r1"]


@pytest.mark.parametrize("kept", ["[1]", '{"files": [{}]}'])
def test_a_model_that_is_replaced_may_be_no_model(cli: Cli, tmp_path: Path, kept: str) -> None:
    runs.untrained(tmp_path)
    (tmp_path / "models" / "m").mkdir(parents=True)
    (tmp_path / "models" / "m" / "model.json").write_text(kept)
    (tmp_path / "models" / "m" / "notes").write_text("mine")
    answer = cli("export", "--name", "m")
    assert answer.code == 0, answer.err
    assert (tmp_path / "models" / "m" / "notes").read_text() == "mine"


def rows(name: str, value: Any) -> Change:
    """Put a value into a column of the store of photos, in every row."""

    def change(cache: Path) -> None:
        (store,) = cache.glob("photos-*.sqlite")
        with sqlite3.connect(store) as opened:
            opened.execute(f"UPDATE {name} = ?", (value,))
        opened.close()

    return change


@pytest.mark.parametrize(
    "change",
    [
        *(rows("photos SET facts", text) for text in ("[1]", "x", "7", '{"reason": 5, "detail": []}', b"\xff", None)),
        rows("photos SET facts", '{"reason": "too-small", "details": ""}'), rows("views SET grey", b"short"),
        rows("views SET grey", 7), rows("views SET small", 10**12),
    ],
)  # fmt: skip
def test_what_clean_kept_and_is_damaged_is_looked_at_again(cli: Cli, tmp_path: Path, change: Change) -> None:
    draw.folder(tmp_path / "images", {"circles": 3, "stripes": 3})
    before = cli("clean", "--dry-run", "--suspects", 0, "--json").data
    change(tmp_path / ".cache")
    again = cli("clean", "--dry-run", "--suspects", 0, "--json")
    assert again.code == 0, again.err
    assert {**again.data, "run": ""} == {**before, "run": ""}


OTHER_TABLES = {
    "other columns": ("CREATE TABLE views (sha256 TEXT PRIMARY KEY, odd INT)",),
    "a view that never ends": (
        "CREATE VIEW photos AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
        "SELECT 'a' AS path, x AS size, x AS changed, '' AS facts FROM n",
    ),
    "a trigger": (
        "CREATE TABLE features (sha256 TEXT PRIMARY KEY, features BLOB) WITHOUT ROWID",
        "CREATE TRIGGER t AFTER INSERT ON features BEGIN DELETE FROM features; END",
    ),
}


@pytest.mark.parametrize("tables", OTHER_TABLES)
@pytest.mark.parametrize("name", ["photos-*.sqlite", "people.sqlite"])
def test_a_store_with_other_tables_is_begun_anew(cli: Cli, tmp_path: Path, tables: str, name: str) -> None:
    draw.folder(tmp_path / "images", {"circles": 3, "stripes": 3})
    before = cli("clean", "--dry-run", "--suspects", 0, "--json").data
    store = next((tmp_path / ".cache").glob(name), tmp_path / ".cache" / name)
    store.unlink(missing_ok=True)
    with sqlite3.connect(store) as opened:
        for statement in OTHER_TABLES[tables]:
            opened.execute(statement)
    opened.close()
    again = cli("clean", "--dry-run", "--suspects", 0, "--json")
    assert again.code == 0, again.err
    assert {**again.data, "run": ""} == {**before, "run": ""}
    if "*" in name:
        with sqlite3.connect(store) as opened:
            kinds = {kind for (kind,) in opened.execute("SELECT type FROM sqlite_master")}
            assert kinds == {"table"} and opened.execute("SELECT count(*) FROM photos").fetchone()[0] >= 6
        opened.close()


def test_a_store_that_is_damaged_inside_is_named_with_the_way_on(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "images", {"circles": 3, "stripes": 3})
    assert cli("clean", "--dry-run", "--suspects", 0).code == 0
    (store,) = (tmp_path / ".cache").glob("photos-*.sqlite")
    with sqlite3.connect(store) as opened:
        size = opened.execute("PRAGMA page_size").fetchone()[0]
    opened.close()
    data = store.read_bytes()
    store.write_bytes(data[:size] + b"\xff" * (len(data) - size))
    answer = cli("clean", "--dry-run", "--suspects", 0)
    assert answer.code == 3 and ".cache/ keeps is damaged\n  remove it" in answer.err


@pytest.mark.parametrize("place", [[-5, 10, -10], ["a", None, 3], [0, 0.5, 1], [], [0, 10**9, 10**9]])
def test_kept_pixels_whose_place_makes_no_sense_are_read_again(tmp_path: Path, place: list[Any]) -> None:
    from lookalike.photos.cache import PixelCache, exact
    from lookalike.project.paths import Project
    from lookalike.project.records import InputSpec
    from lookalike.report import SILENT

    (photo,) = (draw.folder(tmp_path / "images", {"circles": 1}) / "circles").iterdir()
    cache, reading = PixelCache(Project(tmp_path)), exact(InputSpec(64))
    ((first,), _) = cache.get([(photo, "of it")], reading, report=SILENT)
    (index,) = (tmp_path / ".cache").rglob("*.index")
    index.write_text(json.dumps(["of it", *place]) + "\n7\n[]\n")
    ((again,), faults) = cache.get([(photo, "of it")], reading, report=SILENT)
    assert first is not None and again is not None and (first == again).all() and not faults


def test_a_run_made_on_the_last_day_there_is_leaves_room_for_what_is_made_next(cli: Cli, tmp_path: Path) -> None:
    run = runs.untrained(tmp_path) / "run.json"
    run.write_text(json.dumps({**json.loads(run.read_text()), "created": "9999-12-31T23:59:59.999999+00:00"}))
    answer = cli("export")
    assert answer.code == 0, answer.err


def test_a_split_of_an_earlier_run_that_cannot_be_read_is_told_and_the_training_goes_on(
    cli: Cli, tmp_path: Path
) -> None:
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    right = f"file,label,part,sha256,group,seed,valid\ncircles/000.jpg,circles,train,{'0' * 64},,42,0.2\n"
    spoilt = {
        "part": right.replace("train", "exam"), "way out": right.replace("circles/", "../"),
        "semicolons": right.replace(",", ";"), "bytes": "\0\x01\x02", "cell": right + "x" * 200_000,
        "torn": right + "circles/001.jpg,cir",
    }  # fmt: skip
    for name, text in {**spoilt, "right": right}.items():
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text("{}")
        (tmp_path / "runs" / name / "split.csv").write_text(text)
    answer = cli("train", "--size", 32, "--recipe", "probe")
    told = [line for line in answer.err.splitlines() if "may change sides" in line]
    assert answer.code == 0 and sorted(name for name in spoilt for line in told if f"/{name}/" in line) == sorted(
        spoilt
    )
    assert len(told) == len(spoilt)


def test_similarities_whose_last_row_is_torn_are_none(tmp_path: Path) -> None:
    whole = "file,label,similarity\na/1.jpg,a,0.5\n"
    for text, right in ((whole, [("a", 0.5)]), (whole + "a/2.jpg,a", []), (whole + "a/2.jpg,a,much\n", [])):
        (tmp_path / dataset.SIMILARITIES).write_text(text)
        assert dataset.read_similarities(tmp_path) == right


def test_a_run_can_be_asked_by_its_name_or_its_folder(cli: Cli, tmp_path: Path) -> None:
    models.bundle(runs.untrained(tmp_path) / "model")
    models.bundle(tmp_path / "models" / "newer", created="2999-01-01T00:00:00.000+00:00")
    for name in ("r1", "runs/r1", tmp_path / "runs" / "r1", "runs/r1/model"):
        answer = cli("predict", "images", "--model", name, "--json")
        assert answer.code == 0 and answer.data["model"]["name"] != "newer", answer.err


def test_an_evaluation_with_limits_for_no_label_is_explained(cli: Cli, trained: Path) -> None:
    (path,) = trained.glob("runs/*/evaluation.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "min_similarity": []}))
    answer = cli("export")
    assert answer.code == 3 and "min_similarity: an empty list" in answer.err
