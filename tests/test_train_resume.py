"""train --resume: which of several stopped trainings goes on, with which settings and photos, and what says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.conftest import Answer, Cli
from tests.support import draw

Stop = Callable[..., Answer]


@pytest.fixture
def stop(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stop:
    """`stop(2, "--seed", 3)` trains on a few drawn photos and presses Ctrl-C in epoch 2."""
    from lookalike.vision.callbacks import KeepBest

    monkeypatch.setattr("lookalike.vision.checkpoint.SHARE", float("inf"))
    monkeypatch.setattr("lookalike.vision.callbacks.FAR_WORSE", float("inf"))
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    validate = KeepBest.after_validate

    def run(epoch: int, *flags: object) -> Answer:
        def interrupted(self: KeepBest) -> None:
            if self.epoch == epoch - 1:
                raise KeyboardInterrupt
            validate(self)

        with monkeypatch.context() as patch:
            patch.setattr(KeepBest, "after_validate", interrupted)
            return cli("train", "--size", 64, "--epochs", 3, *flags)

    return run


def runs(project: Path) -> set[str]:
    """The names of all trainings, finished or not. They tell the second in which one began, and no more."""
    return {folder.name for folder in (project / "runs").iterdir()}


def test_ctrl_c_names_the_command_that_goes_on_with_all_settings(cli: Cli, tmp_path: Path, stop: Stop):
    stopped = stop(3, "--seed", 7, "--valid", 0.4, "--project", tmp_path)
    assert stopped.code == 130
    assert (
        f"stopped; 2 of 3 epochs are kept\n  go on with: lookalike train --resume --project {tmp_path}" in stopped.err
    )
    answer = cli("train", "--resume", "--json")
    settings = answer.data["run"]["settings"]
    assert (settings["seed"], settings["valid"], settings["size"], settings["epochs"]) == (7, 0.4, 64, 3)
    assert "going on after epoch 2" in answer.err
    assert not list(tmp_path.glob("runs/*/training.pt")) and not list(tmp_path.glob("runs/*/started.json"))


def test_several_are_kept_and_the_newest_goes_on_first(cli: Cli, tmp_path: Path, stop: Stop):
    for seed in (1, 2):
        assert stop(2, "--seed", seed).code == 130
    assert "no epoch yet; run the same command" in stop(1, "--seed", 3).err
    seeds = [cli("train", "--resume", "--json").data["run"]["seed"] for _ in range(2)]
    assert seeds == [2, 1]
    assert "no stopped training of images" in cli("train", "--resume", "--recipe", "probe").err


def test_flags_choose_among_them_and_else_are_told_not_to_count(cli: Cli, stop: Stop):
    for seed in (1, 2):
        assert stop(2, "--seed", seed).code == 130
    assert cli("train", "--resume", "--seed", 1, "--json").data["run"]["seed"] == 1
    answer = cli("train", "--resume", "--seed", 5, "--json")
    assert answer.data["run"]["seed"] == 2
    assert "started with seed 2 and goes on so, not with 5" in answer.err


def test_a_new_training_tells_of_the_stopped_one_and_lets_the_oldest_of_many_go(cli: Cli, tmp_path: Path, stop: Stop):
    told, begun = [], []
    for seed in range(5):
        told.append(stop(2, "--seed", seed).err)
        begun += runs(tmp_path) - set(begun)
    assert "was stopped after" not in told[0]
    assert f"{begun[0]} was stopped after 1 of 3 epochs; lookalike train --resume goes on with it" in told[1]
    assert {path.parent.name for path in tmp_path.glob("runs/*/training.pt")} == set(begun[2:])


def test_it_learns_from_the_photos_it_began_with(cli: Cli, tmp_path: Path, stop: Stop):
    assert stop(2).code == 130
    (tmp_path / "images" / "circles" / "new.jpg").write_bytes(draw.jpeg("circles", 99))
    gone = tmp_path / "images" / "stripes" / "000.jpg"
    photo = gone.read_bytes()
    gone.unlink()
    answer = cli("train", "--resume")
    assert answer.code == 3
    assert "1 of the 12 photos" in answer.err and "stripes/000.jpg" in answer.err
    gone.write_bytes(photo)
    answer = cli("train", "--resume", "--json")
    assert "1 photo of today was not there then and is left out" in answer.err
    assert sum(sum(counts.values()) for counts in answer.data["run"]["counts"].values()) == 12


def test_one_that_another_process_works_on_is_left_alone(cli: Cli, tmp_path: Path, stop: Stop):
    assert stop(2).code == 130
    (folder,) = tmp_path.glob("runs/*")
    with FileLock(folder / ".lock"):
        answer = cli("train", "--resume", "--size", 64, "--recipe", "probe")
    assert "no stopped training of images" in answer.err
    assert (folder / "training.pt").is_file()


def test_an_epoch_that_cannot_be_kept_is_told_and_the_training_ends_well(stop: Stop, monkeypatch: pytest.MonkeyPatch):
    def full(*_: Any) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file data/1: file write failed")

    monkeypatch.setattr("torch.save", full)
    answer = stop(99)
    assert answer.code == 0
    assert "epoch 1 can't be kept" in answer.err


def test_a_training_that_was_killed_before_an_epoch_was_kept_begins_again_as_it_began(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    folder = _killed_at_once(tmp_path, "--size", 64, "--epochs", 1, "--seed", 3, "--valid", 0.3)
    begun = (folder / "split.csv").read_bytes()
    (tmp_path / "images" / "circles" / "later.jpg").write_bytes(draw.jpeg("circles", 77))
    answer = cli("train", "--resume", "--json")
    assert answer.code == 0 and "before an epoch was kept; it begins again" in answer.err
    settings = answer.data["run"]["settings"]
    assert (settings["seed"], settings["valid"], settings["size"], settings["epochs"]) == (3, 0.3, 64, 1)
    assert Path(answer.data["folder"]) == folder.relative_to(tmp_path)
    assert (folder / "split.csv").read_bytes() == begun and not (folder / "started.json").exists()


def _killed_at_once(project: Path, *flags: object) -> Path:
    """A training that is killed when its settings and its split are written, and nothing else is; its folder."""
    program = (
        "import os, sys; from lookalike.vision import steps; steps.built = steps.probed = lambda *_: os._exit(9)\n"
    )
    program += "from lookalike.cli import main; main()"
    before = set(project.glob("runs/*"))
    command = [sys.executable, "-c", program, "train", *map(str, flags), "--quiet"]
    assert subprocess.run(command, cwd=project, check=False).returncode == 9
    (folder,) = set(project.glob("runs/*")) - before
    return folder


def test_what_is_told_to_go_on_is_what_goes_on(cli: Cli, tmp_path: Path, stop: Stop):
    assert stop(2, "--seed", 1).code == 130
    time.sleep(1.1)  # names tell the second
    folder = _killed_at_once(tmp_path, "--size", 64, "--epochs", 3, "--seed", 2)
    assert f"{folder.name} was stopped in its first epoch" in stop(1, "--seed", 3).err
    assert stop(1, "--resume").code == 130  # once more before an epoch is kept: it is not forgotten
    again = cli("train", "--resume", "--json")
    assert Path(again.data["folder"]).name == folder.name and again.data["run"]["settings"]["seed"] == 2


def test_one_that_is_refused_when_it_goes_on_is_not_forgotten(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    folder = _killed_at_once(tmp_path, "--size", 64, "--epochs", 1, "--seed", 5)
    photo = next((tmp_path / "images" / "circles").iterdir())
    data = photo.read_bytes()
    photo.unlink()
    assert cli("train", "--resume").code == 3
    photo.write_bytes(data)
    answer = cli("train", "--resume", "--json")
    assert Path(answer.data["folder"]).name == folder.name and answer.data["run"]["settings"]["seed"] == 5


def test_one_that_runs_is_not_told_as_stopped(cli: Cli, tmp_path: Path, stop: Stop):
    assert stop(2).code == 130
    (folder,) = tmp_path.glob("runs/*")
    with FileLock(folder / ".lock"):
        assert "was stopped" not in stop(1).err
    assert f"{folder.name} was stopped after 1 of 3" in stop(1).err


def test_one_chosen_by_its_flags_is_the_next_to_go_on(cli: Cli, tmp_path: Path, stop: Stop):
    for seed in (1, 2):
        assert stop(2, "--seed", seed).code == 130
    assert stop(3, "--resume", "--seed", 1).code == 130
    assert cli("train", "--resume", "--json").data["run"]["settings"]["seed"] == 1


def test_one_on_other_photos_is_no_way_on(cli: Cli, tmp_path: Path, stop: Stop):
    assert stop(2, "--seed", 1).code == 130
    draw.folder(tmp_path / "others", {"circles": 4, "stripes": 4})
    answer = cli("train", "--resume", "--images", "others", "--size", 64, "--epochs", 0, "--json")
    assert answer.code == 0 and "no stopped training of others" in answer.err


@pytest.mark.parametrize("change", [{"size": "large"}, {"nonsense": 1}])
def test_a_training_whose_settings_make_no_sense_is_passed_over(
    cli: Cli, tmp_path: Path, stop: Stop, change: dict[str, object]
):
    assert stop(2).code == 130
    (path,) = tmp_path.glob("runs/*/started.json")
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "settings": {**told["settings"], **change}}))
    assert "no stopped training" in cli("train", "--resume", "--size", 64, "--epochs", 0).err


def test_going_on_needs_no_weights_file_and_minds_no_other_folder(
    cli: Cli, tmp_path: Path, stop: Stop, monkeypatch: pytest.MonkeyPatch
):
    import torch
    import torchvision

    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), tmp_path / "r18.pth")
    assert stop(3, "--arch", "resnet18", "--weights", "r18.pth").code == 130
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "r18.pth").rename(tmp_path / "moved.pth")
    answer = cli("--project", tmp_path, "train", "--resume", "--json")
    assert answer.code == 0 and "going on after epoch 2" in answer.err


def test_a_training_that_was_killed_goes_on_and_leaves_nothing_half_written(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    command = [sys.executable, "-m", "lookalike", "train", "--size", "64", "--epochs", "12", "--quiet"]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ) as process:
        while not list(tmp_path.glob("runs/*/training.pt")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    (folder,) = tmp_path.glob("runs/*")
    (folder / ".training.pt.x1y2.part").write_bytes(b"half of one")
    answer = cli("train", "--resume", "--json")
    assert answer.code == 0
    assert Path(answer.data["folder"]) == folder.relative_to(tmp_path)
    assert answer.data["run"]["history"][-1]["epoch"] == 12 or answer.data["run"]["best_epoch"] == 0
    assert not list(tmp_path.rglob("*.part"))
