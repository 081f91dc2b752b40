"""train, stopped: by Ctrl-C, or as by a kill, and taken up again."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import draw
from tests.conftest import Cli


def test_ctrl_c_ends_it_while_photos_are_still_read(tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 1, "stripes": 1}, (3000, 2000))
    for label in ("circles", "stripes"):
        photo = (tmp_path / "images" / label / "000.jpg").read_bytes()
        for number in range(1, 200):
            (tmp_path / "images" / label / f"{number:03}.jpg").write_bytes(photo + bytes([number]))
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

    from lookalike.vision.callbacks import Best

    kept = Best.after_validate

    def stopped_in_the_third(self: Best) -> None:
        if self.epoch == 2:
            raise KeyboardInterrupt
        kept(self)

    with monkeypatch.context() as patch:
        patch.setattr(Best, "after_validate", stopped_in_the_third)
        assert cli(*flags).code == 130
    answer = cli(*flags, "--resume")
    assert f"going on after epoch {kept_epoch}" in answer.err
    again = Path(answer.data["folder"])
    assert (again / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    assert not (tmp_path / ".cache" / "training.pt").exists()


def test_resume_with_nothing_to_go_on_from_starts_anew(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "training.pt").write_bytes(b"not a training")
    answer = cli("train", "--size", 64, "--epochs", 1, "--resume", "--json")
    assert answer.code == 0
    assert len(answer.data["run"]["history"]) == 2
