"""train: what it keeps in runs/<id>/train.log while it works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lookalike.report import SILENT, Logged
from tests.conftest import Cli
from tests.support import draw


def lines(project: Path) -> list[str]:
    """The lines of the one log, without their times."""
    (log,) = project.glob("runs/*/train.log")
    timed = [re.fullmatch(r"\d\d:\d\d:\d\d (.+)", line) for line in log.read_text().splitlines()]
    return [found[1] for found in timed if found]


def test_the_log_tells_of_steps_epochs_losses_and_the_end(trained: Path) -> None:
    told = lines(trained)
    assert told[0] == "efficientnet_lite0, 64 px, 32 photos to learn from"
    assert re.match(r"accuracy \d\.\d+ on photos held back, after \d+ s", told[-1])
    assert any(re.fullmatch(r"training: 1/\d+, epoch 1/1, loss \d+\.\d+, \d+ s left", line) for line in told)
    assert any(re.fullmatch(r"training: (\d+)/\1, epoch 1/1, loss \d+\.\d+", line) for line in told)
    assert any(re.match(r"epoch 1: loss \d+\.\d+, accuracy", line) for line in told)


def test_a_training_cut_off_leaves_its_log_and_no_run(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lookalike.vision.callbacks import KeepBest

    def stopped(self: KeepBest) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(KeepBest, "after_validate", stopped)
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    assert cli("train", "--size", 64, "--epochs", 1).code == 130
    assert lines(tmp_path)[-1] == "stopped: KeyboardInterrupt"
    for command in (("evaluate",), ("predict", "images/circles/000.jpg"), ("export",)):
        assert cli(*command).code == 3
    monkeypatch.undo()


def test_a_training_that_is_refused_leaves_no_folder(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    (tmp_path / "wrong.pth").write_bytes(b"no weights")
    assert cli("train", "--size", 64, "--weights", "wrong.pth").code == 2
    assert not list(tmp_path.glob("runs/*"))


def test_each_line_is_in_the_file_before_the_next_word(tmp_path: Path) -> None:
    log = Logged(SILENT, tmp_path / "train.log")
    log.EVERY_SECONDS = 0
    with log.task("training", 4) as task:
        for step in range(4):
            task.advance(1, f"loss {step}")
            assert (tmp_path / "train.log").read_text().count("\n") == step + 1
    log.warn("hot")
    assert (tmp_path / "train.log").read_text().endswith(" warning: hot\n")
    (tmp_path / "train.log").unlink()
    tmp_path.rmdir()
    log.note("nowhere to write to is no reason to stop")
