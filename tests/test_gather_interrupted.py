"""gather as a process of its own that is killed, stopped, starved of disk, or not alone."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.faultserver import FaultServer
from tests.support.gathering import lines, photos

pytest_plugins = ("tests.support.gathering",)

HERE = Path(__file__).parents[1]


def start(folder: Path, *flags: object, **more: object) -> subprocess.Popen[bytes]:
    """`lookalike gather` over the list of addresses in `folder`, as another process."""
    command = [sys.executable, "-m", "lookalike", "gather", "cat", "--provider", "urls", "--source", "list.txt"]
    return subprocess.Popen(
        [*command, "--min-per-label", "0", *map(str, flags)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}, **more,
    )  # fmt: skip


def ask_for(folder: Path, server: FaultServer, count: int, seconds: float = 0.05) -> None:
    folder.mkdir(exist_ok=True)
    urls = [server.url(f"/slow/{seconds}/{number}") for number in range(count)]
    (folder / "list.txt").write_text("\n".join(urls))


def wait_for_lines(folder: Path, count: int) -> None:
    path = folder / "images/manifest.jsonl"
    while not path.exists() or len(path.read_bytes().splitlines()) < count:
        time.sleep(0.02)


def wait_for_hits(server: FaultServer, count: int) -> None:
    while sum(server.hits.values()) < count:
        time.sleep(0.01)


def check_whole(folder: Path) -> None:
    """Every file is complete, has its own name, and its line; nothing half is left."""
    for name in photos(folder / "images"):
        content = (folder / "images" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest()[:16] == Path(name).stem[-16:]
    kept = Counter(line["file"] for line in lines(folder / "images") if line["status"] == "ok")
    assert sorted(kept) == photos(folder / "images")
    assert set(kept.values()) == {1}


@pytest.mark.slow
def test_a_run_killed_at_any_moment_loses_nothing_and_fetches_nothing_twice(
    tmp_path: Path, faults: FaultServer
) -> None:
    ask_for(tmp_path / "killed", faults, 200, 0.1)
    randomness = random.Random(7)
    for number in range(30):
        process = start(tmp_path / "killed", "--jobs", 2)
        if number % 5:  # each fifth is killed while it starts, the others once they fetch
            wait_for_hits(faults, sum(faults.hits.values()) + 1)
        time.sleep(randomness.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = len(photos(tmp_path / "killed/images"))
    assert start(tmp_path / "killed").wait(120) == 0
    assert 0 < before < 200
    ask_for(tmp_path / "calm", faults, 200, 0.1)
    assert start(tmp_path / "calm").wait(120) == 0
    assert photos(tmp_path / "killed/images") == photos(tmp_path / "calm/images")
    check_whole(tmp_path / "killed")
    assert not list((tmp_path / "killed").rglob("*.part"))


@pytest.mark.parametrize("ends", [(signal.SIGINT,), (signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)])
def test_ctrl_c_ends_within_two_seconds_and_the_next_run_goes_on(
    tmp_path: Path, faults: FaultServer, ends: tuple[signal.Signals, ...]
) -> None:
    ask_for(tmp_path, faults, 200, 0.1)
    (tmp_path / "list.txt").open("a").write("\n" + faults.url("/silent"))
    process = start(tmp_path, "--jobs", 4)
    wait_for_lines(tmp_path, 8)
    began = time.monotonic()
    for end in ends:
        process.send_signal(end)
        time.sleep(0.05)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - began < 2
    assert b"run the same command to go on" in err
    assert b"Traceback" not in err
    check_whole(tmp_path)


def test_a_full_disk_ends_the_run_cleanly_and_says_how_much_is_missing(tmp_path: Path, faults: FaultServer) -> None:
    ask_for(tmp_path, faults, 30, 0)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # noqa: E731
    process = start(tmp_path, "--count", 30, preexec_fn=limit)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert b"the disk is full" in err
    assert b"still missing: 30 photos" in err
    assert start(tmp_path).wait(60) == 0
    assert len(photos(tmp_path / "images")) == 30
    check_whole(tmp_path)


def test_two_runs_in_one_folder_take_turns(tmp_path: Path, faults: FaultServer) -> None:
    ask_for(tmp_path, faults, 40)
    both = [start(tmp_path, "--jobs", 4) for _ in range(2)]
    ends = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(b"waiting for its end" in err for _, err in ends) == 1
    assert sum(faults.hits.values()) == 40
    check_whole(tmp_path)
