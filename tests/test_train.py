"""train: what it learns from, what it leaves behind, and how it refuses."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lookalike.bundle import running
from lookalike.photos import images
from lookalike.project.records import InputSpec
from lookalike.vision import inference, model, packaged
from tests.conftest import Cli
from tests.support import draw


def train(cli: Cli, *flags: object):
    return cli("train", "--size", 64, "--epochs", 1, "--json", *flags)


def split_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "split.csv").open(newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def only_run(root: Path) -> Path:
    (marker,) = root.glob("runs/*/run.json")
    return marker.parent


def test_a_run_keeps_all_that_repeats_it(trained: Path):
    folder = only_run(trained)
    run = json.loads((folder / "run.json").read_text())
    assert run["labels"] == ["circles", "stripes"]
    assert run["arch"] in (packaged.DEFAULT, *packaged.rivals())
    assert run["input"]["size"] == 64
    assert run["counts"]["circles"] == {"train": 16, "valid": 4, "test": 0}
    assert run["versions"]["torch"]
    assert (folder / "weights.safetensors").stat().st_size > 10_000_000
    assert len((folder / "history.csv").read_text().splitlines()) == 3  # heading, probe, one epoch
    assert (folder / "model" / "model.onnx").is_file()


def test_drawn_shapes_are_told_apart(trained: Path):
    run = json.loads((only_run(trained) / "run.json").read_text())
    assert max(row["accuracy"] for row in run["history"]) >= 0.75


def test_the_kept_epoch_has_the_lowest_loss_on_held_back_photos(trained: Path):
    run = json.loads((only_run(trained) / "run.json").read_text())
    losses = {row["epoch"]: row["valid_loss"] for row in run["history"]}
    assert losses[run["best_epoch"]] == min(losses.values())


def test_copies_of_a_photo_stay_on_one_side(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 10, "stripes": 10})
    for index in range(10):
        with Image.open(tmp_path / f"images/circles/{index:03}.jpg") as photo:
            photo.resize((120, 90)).save(tmp_path / f"images/circles/{index:03}-small.jpg", quality=75)
            photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / f"images/circles/{index:03}-mirror.png")
    assert train(cli, "--recipe", "probe").code == 0
    parts: dict[str, set[str]] = {}
    for file, row in split_of(only_run(tmp_path)).items():
        if file.startswith("circles"):
            parts.setdefault(Path(file).stem.split("-")[0], set()).add(row["part"])
    assert len(parts) == 10
    assert all(len(sides) == 1 for sides in parts.values())
    assert {side for sides in parts.values() for side in sides} == {"train", "valid"}


def test_no_photo_changes_sides_when_the_set_grows(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 10, "stripes": 10})
    before = train(cli, "--recipe", "probe").data["folder"]
    draw.folder(tmp_path / "images", {"circles": 25, "stripes": 18})
    after = train(cli, "--recipe", "probe").data["folder"]
    first, second = split_of(tmp_path / before), split_of(tmp_path / after)
    assert len(second) == 43
    assert {file: row["part"] for file, row in first.items()} == {file: second[file]["part"] for file in first}
    assert sum(row["part"] == "valid" for row in second.values()) == 9


def test_a_label_whose_photos_held_back_are_gone_is_divided_anew(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    first = split_of(tmp_path / train(cli, "--recipe", "probe").data["folder"])
    held = [file for file, row in first.items() if row["part"] == "valid" and file.startswith("circles")]
    for file in held:
        (tmp_path / "images" / file).unlink()
    answer = train(cli, "--recipe", "probe")
    assert held and answer.code == 0, answer.out
    second = split_of(tmp_path / answer.data["folder"])
    assert {row["part"] for file, row in second.items() if file.startswith("circles")} == {"train", "valid"}
    assert all(first[file]["part"] == row["part"] for file, row in second.items() if file.startswith("stripes"))


def test_the_same_seed_gives_the_same_network(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 8, "stripes": 8})
    first = Path(train(cli).data["folder"])
    shutil.rmtree(tmp_path / ".cache")
    second = Path(train(cli).data["folder"])
    assert (first / "weights.safetensors").read_bytes() == (second / "weights.safetensors").read_bytes()


def test_folders_called_train_and_val_are_used_as_such(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "set" / "train", {"circles": 6, "stripes": 6})
    draw.folder(tmp_path / "set" / "val", {"circles": 3, "stripes": 3})
    answer = train(cli, "--images", tmp_path / "set", "--recipe", "probe")
    rows = split_of(Path(answer.data["folder"]))
    assert {row["part"] for file, row in rows.items() if file.startswith("train/")} == {"train"}
    assert {row["part"] for file, row in rows.items() if file.startswith("val/")} == {"valid"}


def test_a_photo_that_broke_after_cleaning_is_left_out_with_a_reason(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 8, "stripes": 8})
    (tmp_path / "images/circles/003.jpg").write_bytes(draw.jpeg("circles", 3)[:900])
    answer = train(cli, "--recipe", "probe")
    (skipped,) = answer.data["skipped"]
    assert skipped["file"] == "circles/003.jpg"
    assert "truncated" in skipped["reason"]


def test_pixels_are_read_once_and_the_cache_may_vanish(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 8, "stripes": 8})
    assert "reading photos" in cli("train", "--size", 64, "--recipe", "probe").err
    assert "reading photos" not in cli("train", "--size", 64, "--recipe", "probe").err
    shutil.rmtree(tmp_path / ".cache")
    assert "reading photos: 16/16" in cli("train", "--size", 64, "--recipe", "probe").err


def test_a_network_sees_each_photo_once_and_as_it_will_be_asked_about_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6}, (300, 200))
    monkeypatch.setattr("lookalike.vision.packaged.rivals", tuple)  # else some are shown to several networks
    asked: Counter[bytes] = Counter()
    ask, spec = inference.ask, InputSpec(64)

    def counted(network: nn.Module, spec: InputSpec, pixels: Sequence[np.ndarray]) -> np.ndarray:
        asked.update(photo.tobytes() for photo in pixels)
        return ask(network, spec, pixels)

    monkeypatch.setattr(inference, "ask", counted)
    assert cli("train", "--size", 64, "--epochs", 0).code == 0
    photos = (tmp_path / "images").rglob("*.jpg")
    assert asked == {images.read(path.read_bytes(), spec).tobytes(): 1 for path in photos}


@pytest.mark.parametrize("count", [97, 98, 105])  # of 105 the last batch has one
def test_many_photos_are_answered_by_onnxruntime_as_torch_answers_them(count: int, monkeypatch: pytest.MonkeyPatch):
    opened = []
    whole = running.open_session
    monkeypatch.setattr(running, "open_session", lambda *given, **how: opened.append(1) or whole(*given, **how))
    network, _ = model.build("mobilenet_v3_small", 3, head="classifier")
    monkeypatch.setattr(inference, "MANY", 98 * 64**2)
    spec = InputSpec(64)
    photos = np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
    scores = torch.from_numpy(inference.ask(network, spec, photos))
    assert scores.softmax(1).numpy() == pytest.approx(model.predict(network, spec, photos), abs=1e-4)
    assert len(opened) == (count >= 98)


def test_the_book_recipe_trains_fastai_s_own_head(tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 8, "stripes": 8})
    flags = ["--recipe", "book", "--arch", "resnet18", "--weights", "none", "--batch-size", "8", "--size", "64"]
    # in a process of its own, where no other training has brought what it needs
    command = [sys.executable, "-m", "lookalike", "train", "--epochs", "1", "--json", *flags]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    run = json.loads(ended.stdout)["data"]["run"]
    assert run["head"] == "book"
    assert [row["epoch"] for row in run["history"]] == [1, 2]  # one frozen, one with all of it


def test_weights_out_of_reach_name_two_ways_on(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    answer = train(cli, "--arch", "resnet18")
    assert answer.code == 4
    assert "resnet18" in answer.json["error"]["message"]
    assert "--weights FILE" in answer.json["error"]["hint"]
    assert "--arch efficientnet_lite0" in answer.json["error"]["hint"]


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("--arch", "resnet81"), 2, "resnet18"),
        (("--epochs", "-3", "--size", "5"), 2, "train.size"),
        (("--recipe", "magic"), 2, "book"),
        (("--weights", "nowhere.pth"), 2, "nowhere.pth"),
    ],
)
def test_a_wrong_flag_is_one_line(cli: Cli, tmp_path: Path, flags: tuple[str, ...], code: int, words: str):
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    answer = cli("train", *flags)
    assert answer.code == code
    assert words in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, "there are no photos"),
        ({"circles": 5}, "one label"),
        ({"circles": 5, "Circles ": 5}, "differ only in case or spaces"),
        ({"caf\u00e9": 5, "cafe\u0301": 5}, "differ only in"),
        ({"circles": 5, "stripes": 1}, "each label needs at least 2"),
    ],
)
def test_too_little_to_learn_from_says_what_to_do(cli: Cli, tmp_path: Path, counts: dict[str, int], words: str):
    draw.folder(tmp_path / "images", counts)
    answer = cli("train", "--size", 64)
    assert answer.code == 3
    assert words in answer.err
    assert not list(tmp_path.glob("runs/*"))


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_the_best(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lookalike.vision.finetune.FINE_TUNING_RATE", 1e30)
    draw.folder(tmp_path / "images", {"circles": 12, "stripes": 12})
    answer = cli("train", "--size", 64, "--epochs", 4, "--json")
    assert answer.code == 0
    assert "stopped being a number" in answer.err
    assert answer.data["run"]["best_epoch"] == 0


def test_no_epoch_fits_a_budget_that_is_spent_already(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    data = cli("train", "--size", 64, "--epochs", 50, "--budget", "0.1s", "--json").data
    assert [row["epoch"] for row in data["run"]["history"]] == [0]  # the probe is all there was time for
    assert data["run"]["settings"]["budget"] == pytest.approx(0.1)


@pytest.mark.parametrize(("budget", "size"), [("0.1s", 128), ("1h", 160)])
def test_a_small_budget_takes_a_smaller_size(cli: Cli, tmp_path: Path, budget: str, size: int):
    draw.folder(tmp_path / "images", {"circles": 2, "stripes": 2}, (200, 180))
    answer = cli("train", "--epochs", 1, "--crop", "none", "--budget", budget, "--json")
    assert answer.data["run"]["input"]["size"] == size
    assert ("128 px instead of 160, to fit the time" in answer.err) == (size == 128)


@pytest.mark.parametrize(
    ("arch", "hint"),
    [
        ("resnet19", "did you mean 'resnet18'?"),
        ("ViT_B_16", "did you mean 'vit_b_16'?"),
        ("nonsense", "choose from: efficientnet_lite0, resnet18"),
    ],
)
def test_an_unknown_network_is_answered_with_the_nearest_or_a_few(cli: Cli, tmp_path: Path, arch: str, hint: str):
    draw.folder(tmp_path / "images", {"circles": 2, "stripes": 2})
    answer = cli("train", "--arch", arch)
    assert answer.code == 2
    assert hint in answer.err
    assert len(answer.err) < 1000


def test_a_budget_that_is_no_time_is_one_line(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    answer = cli("train", "--budget", "soon")
    assert answer.code == 2
    assert "train.budget" in answer.err


@pytest.mark.slow
def test_with_enough_photos_a_tenth_is_kept_for_testing_only(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 200, "stripes": 200}, (64, 48))
    few = split_of(Path(cli("train", "--size", 32, "--recipe", "probe", "--json").data["folder"]))
    draw.folder(tmp_path / "images", {"circles": 300, "stripes": 300}, (64, 48))
    many = split_of(Path(cli("train", "--size", 32, "--recipe", "probe", "--json").data["folder"]))
    assert {row["part"] for row in few.values()} == {"train", "valid"}
    tested = {file for file, row in many.items() if row["part"] == "test"}
    assert len(tested) == 60
    assert not tested & few.keys()  # nothing was ever learnt from them, or chosen by them
    assert cli("evaluate", "--json", "--no-heat").data["part"] == "test"


def test_fine_tuning_far_worse_than_the_probe_is_given_up(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lookalike.vision.finetune.FINE_TUNING_RATE", 0.3)
    draw.folder(tmp_path / "images", {"circles": 12, "stripes": 12})
    answer = cli("train", "--size", 64, "--epochs", 5, "--json")
    assert "fine-tuning was given up" in answer.err
    assert [row["epoch"] for row in answer.data["run"]["history"]] == [0, 1, 2]
    assert answer.data["run"]["best_epoch"] == 0


def test_a_package_that_is_a_source_tree_without_a_version_spoils_no_training(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def version(name: str) -> str:
        if name == "timm":
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr("lookalike.train.version", version)
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    versions = train(cli, "--recipe", "probe").data["run"]["versions"]
    assert (versions["timm"], versions["torch"]) == ("unknown", "1")


def test_too_little_room_on_the_disk_is_told_before_photos_are_read(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=20_000_000))
    answer = train(cli)
    assert answer.code == 3
    assert "has room for 20 MB" in answer.json["error"]["message"]
    assert "reading photos" not in answer.err and not list(tmp_path.glob("runs/*"))


def test_a_training_is_refused_no_room_that_it_does_not_need(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=30_000_000))
    assert train(cli, "--recipe", "probe").code == 0
    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert 25_000_000 < written < 30_000_000
