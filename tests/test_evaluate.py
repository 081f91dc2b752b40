"""evaluate: the numbers, the report, and what it warns of."""

from __future__ import annotations

import json
import os
import re
import shutil
import warnings
from pathlib import Path

import pytest
from PIL import Image

from lookalike.bundle.bundle import check
from lookalike.files import sha256_file, write_json
from lookalike.project.dataset import write_split
from lookalike.project.manifest import Manifest
from lookalike.project.paths import load_run
from lookalike.project.records import Dataset, Example, ImageRecord, InputSpec, TrainedRun
from tests.conftest import Cli
from tests.support import draw, models, runs


def test_accuracy_comes_with_its_interval(cli: Cli, trained: Path):
    accuracy = cli("evaluate", "--json", "--no-heat").data["accuracy"]
    assert accuracy["total"] == 8
    assert accuracy["value"] == accuracy["right"] / 8
    assert 0 <= accuracy["low"] < accuracy["value"] <= accuracy["high"] <= 1


def test_the_confusion_matrix_counts_every_held_back_photo(cli: Cli, trained: Path):
    data = cli("evaluate", "--json", "--no-heat").data
    assert [sum(row) for row in data["confusion"]] == [4, 4]
    assert sum(data["confusion"][i][i] for i in range(2)) == data["accuracy"]["right"]


def test_the_report_shows_photos_only_where_there_is_something_to_see_and_says_what_pictures_mean(
    cli: Cli, trained: Path
):
    rows = cli("evaluate", "--json", "--no-heat").data["top_losses"]
    page = next(trained.glob("runs/*/report/index.html")).read_text()
    shown = page.split("<h2>Worst photos</h2>")[1].split("<h2>")[0]
    seen = [row["file"] for row in rows if row["predicted"] != row["actual"] or row["probability"] < 0.8]
    assert len(seen) < len(rows) and shown.count("<figure>") == len(seen) and all(file in shown for file in seen)
    assert "off the diagonal are mistakes" in page and "the epoch of the bar was kept" in page


def test_top_losses_name_files_worst_first(cli: Cli, trained: Path):
    rows = cli("evaluate", "--json", "--no-heat", "--top", 5).data["top_losses"]
    assert len(rows) == 5
    assert [row["loss"] for row in rows] == sorted((row["loss"] for row in rows), reverse=True)
    assert all((trained / "images" / row["file"]).is_file() for row in rows)


def test_the_newest_training_answers_even_after_an_older_run_was_evaluated(cli: Cli, trained: Path):
    (old,) = (path.parent.name for path in trained.glob("runs/*/run.json"))
    new = cli("train", "--size", 64, "--recipe", "probe", "--json").data["run"]["id"]
    assert cli("evaluate", "--run", old, "--no-heat", "--json").data["run"] == old
    os.utime(trained / "runs" / old / "run.json")
    assert cli("predict", "images/circles/000.jpg", "--json").data["model"]["name"] == new
    assert cli("evaluate", "--no-heat", "--json").data["run"] == new


def test_a_missed_bar_ends_with_5_and_still_shows_the_number(cli: Cli, tmp_path: Path):
    for number, label in enumerate(("these", "those")):  # nothing tells them apart
        (tmp_path / "images" / label).mkdir(parents=True)
        for index in range(30):
            photo = tmp_path / f"images/{label}/{index}.jpg"
            photo.write_bytes(draw.jpeg("circles", 100 * number + index))
    assert cli("train", "--size", 64, "--recipe", "probe").code == 0
    answer = cli("evaluate", "--at-least", 1.0, "--json", "--no-heat")
    assert (answer.code, answer.json["error"]["code"]) == (5, 5)
    assert answer.json["data"]["accuracy"]["value"] < 1


def test_a_bar_is_missed_while_a_label_is_unmeasured(cli: Cli, trained: Path):
    held = [row["file"] for row in cli("evaluate", "--json", "--no-heat", "--top", 8).data["top_losses"]]
    for file in held:
        if file.startswith("circles/"):
            (trained / "images" / file).unlink()
    answer = cli("evaluate", "--at-least", 0.0, "--no-heat")
    assert answer.code == 5 and "circles: no photo of it was measured" in answer.err
    assert "of circles only 0 photos measured" in answer.out and "balanced accuracy" in answer.out


def test_a_label_without_photos_left_and_a_new_folder_spoil_no_number(cli: Cli, trained: Path):
    draw.folder(trained / "images", {"squares": 3, "nested/inner": 1})
    for photo in (trained / "images" / "circles").iterdir():
        photo.unlink()
    answer = cli("evaluate", "--no-heat", "--json")
    assert answer.code == 0 and "NaN" not in answer.out
    assert answer.data["accuracy"]["total"] == 4 and answer.data["labels"] == ["circles", "stripes"]
    assert all(0 <= number <= 1 for row in answer.data["per_label"].values() for number in row.values() if number != 4)
    assert "has squares, which this run has not learnt" in answer.err


def test_balanced_accuracy_and_the_scarcest_label_stand_beside_every_accuracy(cli: Cli, tmp_path: Path):
    run = runs.untrained(tmp_path)  # 3 photos of each held back
    models.bundle(run / "model", models.warm_or_cold(liked=-1), input=load_run(run).input)
    (tmp_path / "images/circles/001.jpg").write_bytes(draw.jpeg("stripes", 5))
    split = (run / "split.csv").read_text()
    old = next(line for line in split.splitlines() if line.startswith("circles/001.jpg"))
    new = ",".join([*old.split(",")[:3], sha256_file(tmp_path / "images/circles/001.jpg"), *old.split(",")[4:]])
    (run / "split.csv").write_text(
        split.replace(old, new).replace("stripes/001.jpg,stripes,valid", "stripes/001.jpg,stripes,train")
    )
    answer = cli("evaluate", "--no-heat", "--json")
    found = answer.data["accuracy"]
    assert (found["right"], found["total"]) == (1, 5)
    assert found["balanced"] == pytest.approx(1 / 6) and (found["scarcest"], found["fewest"]) == ("stripes", 2)
    told = "balanced 0.167, stripes on 2 photos"
    assert told in cli("evaluate", "--no-heat").out
    assert told in (run / "report/report.md").read_text() and told in (run / "report/index.html").read_text()
    assert json.loads((run / "model/model.json").read_text())["metrics"]["accuracy"] == found
    assert cli("export", "--name", "m").code == 0
    assert json.loads((tmp_path / "models/m/model.json").read_text())["metrics"]["accuracy"] == found
    card = (tmp_path / "models/m/README.md").read_text()
    assert "Balanced accuracy 16.7%; stripes stands on 2 photos." in card
    assert [row["balanced"] for row in cli("compare", "r1", "r1", "--json").data["accuracy"]] == [found["balanced"]] * 2
    assert "5 photos that neither learnt from, 2 of stripes" in cli("compare", "r1", "r1").out


def test_training_ends_with_it_too(cli: Cli, trained: Path):
    answer = cli("train", "--size", 64, "--recipe", "probe")
    assert re.search(r"95 % interval [\d.]+ to [\d.]+; balanced [\d.]+, circles on 4 photos\)", answer.out)
    assert "warning: of circles only 4 photos measured, too few to tell; balanced accuracy" in answer.out


def test_a_photo_that_changed_since_the_training_does_not_count(cli: Cli, trained: Path):
    first = cli("evaluate", "--json", "--no-heat").data["top_losses"][0]["file"]
    (trained / "images" / first).write_bytes(draw.jpeg("circles", 999))
    data = cli("evaluate", "--json", "--no-heat").data
    assert data["accuracy"]["total"] == 7
    assert data["unreadable"][0]["reason"] == "changed since the training"


def test_the_report_needs_no_other_file_and_no_network(cli: Cli, trained: Path):
    page = Path(cli("evaluate", "--json").data["report"])
    text = page.read_text()
    assert "right, and very likely between" in text
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert (page.parent / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert "| circles |" in (page.parent / "report.md").read_text()


def test_the_report_tells_where_the_photos_came_from(cli: Cli, trained: Path):
    names = [f"{label}/{number:03}.jpg" for label in ("circles", "stripes") for number in range(20)]
    Manifest(trained / "images").append(
        ImageRecord(name.split("/")[0], "ok", name, provider="openverse", license="by-sa 4.0" if index < 25 else "")
        for index, name in enumerate(names[:30])
    )
    data = cli("evaluate", "--json", "--no-heat").data
    assert data["findings"]["provenance"] == {
        "sources": {"openverse": 30, "not in the manifest": 10},
        "licences": {"by-sa 4.0": 25, "not told": 15},
    }
    text = Path(data["report"]).read_text()
    assert "30 openverse, 10 not in the manifest" in text
    assert "25 by-sa 4.0, 15 not told" in text
    assert "epochs 1" in text


def test_evaluating_calibrates_the_model_that_predict_uses(cli: Cli, trained: Path):
    data = cli("evaluate", "--json", "--no-heat").data
    (folder,) = trained.glob("runs/*/model")
    assert check(folder).temperature == pytest.approx(data["temperature"])


def test_copies_of_learnt_photos_among_the_measured_are_counted(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "set" / "train", {"circles": 8, "stripes": 8})
    draw.folder(tmp_path / "set" / "val", {"circles": 4, "stripes": 4})
    (tmp_path / "set/val/circles/copy.jpg").write_bytes((tmp_path / "set/train/circles/007.jpg").read_bytes())
    for name in ("circles", "stripes"):  # drawn with the same seeds as train, so all of them leak
        assert (tmp_path / f"set/val/{name}/000.jpg").read_bytes() == (
            tmp_path / f"set/train/{name}/000.jpg"
        ).read_bytes()
    assert cli("train", "--images", tmp_path / "set", "--size", 64, "--recipe", "probe").code == 0
    answer = cli("evaluate", "--json", "--no-heat")
    assert answer.data["findings"]["leak"]["copies"] == 9
    assert answer.data["findings"]["leak"]["without_copies"]["total"] == 0


def test_a_frame_around_one_label_is_called_a_shortcut(cli: Cli, tmp_path: Path):
    from PIL import ImageOps

    for label, colour in (("circles", "white"), ("stripes", "black")):
        (tmp_path / "images" / label).mkdir(parents=True)
        for index in range(30):
            framed = ImageOps.expand(draw.photo("circles", index if label == "circles" else 500 + index), 20, colour)
            framed.save(tmp_path / f"images/{label}/{index:03}.jpg")
    assert cli("train", "--size", 64, "--recipe", "probe").code == 0
    assert "border alone tells the labels apart" in cli("evaluate", "--no-heat").out


def test_drawn_photos_have_no_shortcut_by_size(cli: Cli, trained: Path):
    scores = json.loads(next(trained.glob("runs/*/evaluation.json")).read_text())["findings"]["shortcuts"]
    assert scores["size"] < 0.8
    assert scores["chance"] == 0.5


def test_without_a_run_it_says_what_to_type(cli: Cli):
    answer = cli("evaluate")
    assert answer.code == 3
    assert "lookalike train" in answer.err


def test_a_vanished_photo_is_reported_and_the_others_count(cli: Cli, trained: Path):
    first = cli("evaluate", "--json", "--no-heat").data["top_losses"][0]["file"]
    (trained / "images" / first).unlink()
    data = cli("evaluate", "--json", "--no-heat").data
    assert data["accuracy"]["total"] == 7
    assert data["unreadable"][0]["reason"] == "missing"


def test_a_damaged_run_is_one_line(cli: Cli, trained: Path):
    next(trained.glob("runs/*/split.csv")).write_text("nonsense\n1\n")
    answer = cli("evaluate")
    assert answer.code == 3
    assert "split.csv" in answer.err


def test_a_project_may_move(cli: Cli, trained: Path, tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("moved") / "project"
    shutil.copytree(trained, home)
    shutil.rmtree(trained / "images")
    answer = cli("evaluate", "--json", "--no-heat", "--project", home)
    assert answer.code == 0, answer.out
    assert answer.data["accuracy"]["total"] == 8


def test_cross_validation_measures_every_photo_once(cli: Cli, trained: Path):
    waiting = trained / ".cache" / "training.pt"
    waiting.write_bytes(b"a training that was stopped")
    data = cli("evaluate", "--json", "--no-heat", "--folds", 2).data["findings"]["folds"]
    assert waiting.read_bytes() == b"a training that was stopped"
    assert data["total"] == 40
    assert len(data["each"]) == 2
    assert data["low"] < data["value"] <= data["high"]


def test_more_folds_than_photos_is_refused(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 8, "stripes": 8})
    assert cli("train", "--size", 64, "--recipe", "probe").code == 0
    answer = cli("evaluate", "--no-heat", "--folds", 12)
    assert answer.code == 3
    assert "fewer --folds" in answer.err


def run_on(project: Path, labels: tuple[str, ...]) -> Path:
    """A run on these labels with two photos each, whose model takes nearly all of them for the first or last one."""
    draw.folder(project / "images", dict.fromkeys(labels, 2), (64, 64))
    names = [f"{label}/{index:03}.jpg" for label in labels for index in range(2)]
    examples = tuple(
        Example(
            name, name[:-8], sha256_file(project / "images" / name), name, "valid" if "001" in name[-8:] else "train"
        )
        for name in names
    )
    folder = project / "runs" / "r1"
    models.bundle(folder / "model", labels=labels)
    write_split(folder / "split.csv", Dataset("images", labels, examples, ""), seed=42, valid=0.5)
    run = TrainedRun("r1", "2026-01-01", labels, "a", "probe", InputSpec(64), "linear", {}, "f" * 16, 42, "images")
    write_json(folder / "run.json", run.to_json())
    return folder


def test_of_three_hundred_labels_the_pairs_confused_most_are_shown_and_the_rest_by_the_page(cli: Cli, tmp_path: Path):
    folder = run_on(tmp_path, tuple(f"label {number:03}" for number in range(300)))
    out = cli("evaluate", "--no-heat").out
    assert len(out.splitlines()) < 120 and max(map(len, out.splitlines())) < 300
    assert "most confused, 20 of " in out and "the 20 of 300 with the lowest recall" in out
    page, text = folder / "report/index.html", (folder / "report/report.md").read_text()
    assert page.stat().st_size < 2_000_000 and (folder / "report/confusion.png").stat().st_size < 500_000
    assert "<summary>251 to 300 of 300</summary>" in page.read_text() and "| label 299 |" in text
    assert "most confused, 100 of " in text and not re.search(r"(\| [^|\n]* ){50}", text)


def test_labels_in_any_letters_and_of_any_length_are_drawn_without_a_librarys_word(cli: Cli, tmp_path: Path):
    folder = run_on(tmp_path, ("猫", "क", "$x$", "y" * 200))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        assert cli("evaluate", "--no-heat").code == 0
    assert not [each for each in told if "plots" in each.filename]
    width, height = Image.open(folder / "report/confusion.png").size
    assert 0.8 < width / height < 1.6


def test_of_few_labels_every_count_is_shown(cli: Cli, trained: Path):
    answer = cli("evaluate", "--no-heat")
    assert "actual (rows) taken for (columns)" in answer.out and "most confused" not in answer.out
