"""Labels that are words of ours, and labels that are numbers."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support import draw, models


def photos(root: Path, labels: tuple[str, ...], each: int = 8) -> Path:
    """Label folders with drawn photos, circles and stripes in turn."""
    for number, label in enumerate(labels):
        (root / label).mkdir(parents=True)
        for index in range(each):
            data = draw.jpeg(("circles", "stripes")[number % 2], 100 * number + index)
            (root / label / f"{index}.jpg").write_bytes(data)
    return root


@pytest.mark.parametrize("label", ["neither", "Neither"])
def test_no_label_can_be_called_what_a_photo_of_none_is_answered_with(cli: Cli, tmp_path: Path, label: str) -> None:
    photos(tmp_path / "images", ("ants", label))
    answer = cli("train", "--size", 64, "--recipe", "probe")
    assert (
        answer.code == 3
        and "no label can be called that" in answer.err
        and f"rename the folder '{label}'" in answer.err
    )
    asked = cli("gather", "ants", label, "--provider", "folder", "--source", tmp_path / "images")
    assert asked.code == 2 and "no label can be called that" in asked.err


def test_a_model_with_such_a_label_is_refused(cli: Cli, tmp_path: Path) -> None:
    models.bundle(tmp_path / "models" / "m", labels=("circles", "neither"))
    (tmp_path / "c.jpg").write_bytes(draw.jpeg("circles", 1))
    answer = cli("predict", "c.jpg")
    assert answer.code == 3 and "no label can be called that" in answer.err


WORDS = ("none", "test", "train", "unknown", "unsure", "valid")


def test_other_words_of_ours_are_labels_like_any_other(cli: Cli, tmp_path: Path) -> None:
    photos(tmp_path / "images", (*WORDS, "plane"))
    data = cli("train", "--size", 64, "--recipe", "probe", "--json").data
    assert data["run"]["labels"] == sorted((*WORDS, "plane"))
    assert {label: sum(counts.values()) for label, counts in data["run"]["counts"].items()} == dict.fromkeys(
        (*WORDS, "plane"), 8
    )
    assert list(cli("evaluate", "--no-heat", "--json").data["per_label"]) == sorted((*WORDS, "plane"))
    said = cli("predict", "images", "--csv", "--threshold", 0, "--sort-into", "sorted").out
    rows = list(csv.DictReader(io.StringIO(said)))
    assert len(rows) == 56 and {row["label"] for row in rows} <= {*WORDS, "plane"}
    assert all(float(row[f"p:{row['label']}"]) == float(row["probability"]) for row in rows)
    assert {path.name for path in (tmp_path / "sorted").glob("[!.]*")} == {row["label"] for row in rows}


def test_labels_that_are_numbers_come_in_the_order_of_numbers(cli: Cli, tmp_path: Path) -> None:
    labels = tuple(str(number) for number in range(11))
    photos(tmp_path / "images", (*labels, "9a"), each=3)
    run = cli("train", "--size", 64, "--recipe", "probe", "--json").data
    assert run["run"]["labels"] == [*labels, "9a"]
    assert json.loads((Path(run["model"]) / "model.json").read_text())["labels"] == [*labels, "9a"]
    (header, *_) = cli("predict", "images/9/0.jpg", "--csv").out.splitlines()
    assert header == ",".join(["file", "label", "probability", *(f"p:{label}" for label in (*labels, "9a")), "reason"])


def test_labels_in_any_letters_are_answered_where_the_system_has_others(tmp_path: Path) -> None:
    models.bundle(tmp_path / "models" / "m", labels=("猫", "犬"))
    (tmp_path / "photo.jpg").write_bytes(draw.jpeg("circles", 1))
    command = [sys.executable, "-m", "lookalike", "predict", "photo.jpg", "--csv"]
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    told = subprocess.run(command, cwd=tmp_path, env=plain, capture_output=True, check=True).stdout.decode()
    (row,) = csv.DictReader(io.StringIO(told))
    assert row["label"].encode().decode("unicode_escape") in ("猫", "犬")
