"""train, stopped: by Ctrl-C, or as by a kill, and taken up again."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli
from tests.support import draw


def test_ctrl_c_ends_it_while_photos_are_still_read(tmp_path: Path):
    draw.large_photos(tmp_path / "images")
    command = [sys.executable, "-m", "lookalike", "train", "--crop", "none"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert "loading torch" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped" in told and "Traceback" not in told
    assert "reading photos: 400/400" not in told


@pytest.mark.parametrize(
    ("length", "share", "kept_epoch"),
    [(("--epochs", 3), math.inf, 2), (("--budget", "1h"), math.inf, 2), (("--epochs", 3), 0, 1)],
)
def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: tuple[object, ...], share: float, kept_epoch: int
):
    monkeypatch.setattr("lookalike.vision.checkpoint.SHARE", share)
    monkeypatch.setattr("lookalike.vision.plan.MOST_EPOCHS", 3)
    monkeypatch.setattr("lookalike.vision.callbacks.FAR_WORSE", float("inf"))
    draw.folder(tmp_path / "images", {"circles": 12, "stripes": 12})
    flags = ("train", "--size", 64, *length, "--json")
    whole = Path(cli(*flags).data["folder"])

    from lookalike.vision.callbacks import KeepBest

    kept = KeepBest.after_validate

    def stopped_in_the_third(self: KeepBest) -> None:
        if self.epoch == 2:
            raise KeyboardInterrupt
        kept(self)

    with monkeypatch.context() as patch:
        patch.setattr(KeepBest, "after_validate", stopped_in_the_third)
        assert cli(*flags).code == 130
    answer = cli("train", "--resume", "--json")
    assert f"going on after epoch {kept_epoch}" in answer.err
    again = Path(answer.data["folder"])
    assert (again / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()


def test_moments_lie_in_memory_as_the_weights_do_when_it_is_another_version(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import torch

    from lookalike.vision import checkpoint
    from lookalike.vision.callbacks import KeepBest

    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    flags = ("train", "--size", 64, "--epochs", 2, "--json")
    alike: list[bool] = []
    restore = checkpoint.restore

    def watched(learner: Any, *rest: Any) -> None:
        restore(learner, *rest)
        for parameter, state in learner.opt.opt.state.items():
            alike.append(parameter.stride() == state["exp_avg"].stride())

    def stopped(self: KeepBest) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "restore", watched)
    with monkeypatch.context() as patch:
        patch.setattr("lookalike.vision.callbacks.Steps.after_fit", stopped, raising=False)
        assert cli(*flags).code == 130
    for module in ("plan", "callbacks"):
        monkeypatch.setattr(f"lookalike.vision.{module}.memory_format", lambda _: torch.contiguous_format)
    assert cli(*flags, "--resume").code == 0
    assert alike and all(alike)


@pytest.mark.parametrize("kept", [None, b"not a training"])
def test_resume_with_nothing_to_go_on_from_starts_anew(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bytes | None
):
    from lookalike.vision.callbacks import KeepBest

    def stopped(self: KeepBest) -> None:
        raise KeyboardInterrupt

    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    if kept:
        with monkeypatch.context() as patch:
            patch.setattr(KeepBest, "after_validate", stopped)
            assert cli("train", "--size", 64, "--epochs", 1).code == 130
        (folder,) = tmp_path.glob("runs/*")
        (folder / "training.pt").write_bytes(kept)
    answer = cli("train", "--size", 64, "--epochs", 1, "--resume", "--json")
    assert answer.code == 0
    assert "starts" in answer.err
    assert len(answer.data["run"]["history"]) == 2
