"""train in several processes: one answer, one run, the same weights everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lookalike.vision import distributed
from tests.support import draw

REPOSITORY = Path(__file__).parent.parent


def torchrun(tmp_path: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Two processes on this machine's processor."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    launcher += ["--log-dir", str(tmp_path / "log")]
    command = [*launcher, "-m", "tests.support.torchrun", str(tmp_path)]
    command += ["train", "--project", str(tmp_path), "--device", "cpu"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [*command, "--size", "64", "--json", *flags],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    root = tmp_path_factory.mktemp("two")
    draw.folder(root / "images", {"circles": 20, "stripes": 20})
    return root, torchrun(root, "--epochs", "2")


def test_two_processes_end_with_one_network(two: tuple[Path, subprocess.CompletedProcess[str]]):
    root, ended = two
    assert ended.returncode == 0, ended.stderr
    run = json.loads(ended.stdout)["data"]["run"]  # one document: the second process prints nothing
    assert run["best_epoch"] >= 1, "the weights that are compared below must be trained ones"
    assert (root / "0").read_text() == (root / "1").read_text()
    assert len(list(root.glob("runs/*/run.json"))) == 1


def test_two_processes_share_the_photos_of_an_epoch(two: tuple[Path, subprocess.CompletedProcess[str]]):
    _, ended = two
    assert "training: 8/8" in ended.stderr, "2 epochs of 32 photos: 16 for each process, in batches of 4"
    assert ended.stderr.count("epoch 2: ") == 1


def test_training_says_nothing_that_users_can_do_nothing_about(two: tuple[Path, subprocess.CompletedProcess[str]]):
    assert "Warning" not in two[1].stderr


def test_two_processes_train_a_network_with_parameters_that_are_not_used(tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 20, "stripes": 20})
    ended = torchrun(tmp_path, "--arch", "mobilenetv3_small_050", "--weights", "none", "--epochs", "2")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "0").read_text() == (tmp_path / "1").read_text()


def test_two_processes_end_where_the_probe_is_kept(tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 12, "stripes": 12})
    ended = torchrun(tmp_path, "--epochs", "0")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["data"]["run"]["best_epoch"] == 0
    assert (tmp_path / "0").read_text() == (tmp_path / "1").read_text()


def test_the_book_trains_in_one_process(tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 3, "stripes": 3})
    ended = torchrun(tmp_path, "--recipe", "book")
    assert ended.returncode == 1  # torchrun's own, whatever its processes ended with
    assert "one process" in ended.stdout
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize(
    ("said", "threads"),
    [
        ({"OMP_NUM_THREADS": "1"}, 1),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "all"}, 8),
        ({}, 8),
        ({"LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}, 4),
        ({"LOCAL_WORLD_SIZE": "20"}, 1),
    ],
)
def test_a_training_takes_the_cores_it_is_given(said: dict[str, str], threads: int, monkeypatch: pytest.MonkeyPatch):
    for name in ("OMP_NUM_THREADS", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("os.cpu_count", lambda: 8)

    assert distributed.threads() == threads
