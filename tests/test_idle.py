"""Whatever is left alone for longer than any of its limits does its work afterwards as before, and blames no photo."""

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

from lookalike.errors import OutOfMemory, UnusablePhoto
from lookalike.photos import decode
from lookalike.photos.decode import Pool
from tests.conftest import Cli
from tests.support import draw, models
from tests.support.faultserver import FaultServer
from tests.support.gathering import fetch, reasons
from tests.support.servers import serving

pytest_plugins = ("tests.support.gathering",)

CIRCLES = draw.jpeg("circles", 4)
DECODERS = ("decoder-died", "too-slow", "stopped", "no-access", "unsupported")


def pids(pool: Pool) -> list[int]:
    return [child._process.pid for child in pool._children if child._process]


def test_a_decoder_that_waits_longer_than_its_limit_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "GRACE", -19.5)
    with Pool(1, seconds=20) as pool:
        assert pool.call("operator:neg", 2) == -2
        before = pids(pool)
        time.sleep(1.2)
        assert (pool.call("operator:neg", 3), pids(pool)) == (-3, before)


def test_a_decoder_that_outlives_its_parent_ends_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "GRACE", -19.5)  # a parent that is gone kills nobody
    with Pool(1, seconds=20) as pool:
        answer = pool.call("time:sleep", 60)
    assert (answer.reason, answer.detail) == (
        "decoder-died",
        f"the decoder ended with signal {signal.SIGALRM:d}, twice",
    )


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_decoder_that_ended_while_it_waited_costs_nothing(
    signal_number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "STARTING", 2)
    with Pool(2, seconds=2) as pool:  # one of the two may not be ready yet
        pool.call("operator:neg", 1)
        for pid in pids(pool):
            os.kill(pid, signal_number)
        time.sleep(0.2)
        answers = pool.map("operator:neg", range(6))
        assert [answer for _, answer in answers] == [0, -1, -2, -3, -4, -5]


PAUSED = """
from lookalike.photos import decode
decode.GRACE, decode.WATCHED = {}, 0.1
with decode.Pool(1, seconds=1) as pool:
    pool.call("operator:neg", 1)
    print("ready", flush=True)
    print(pool.call("time:sleep", {}, again=False))
"""


@pytest.mark.parametrize(("stop", "grace", "work"), [(os.killpg, 0.1, 0.6), (os.kill, 9, 2.5)])
def test_time_in_which_the_command_was_stopped_counts_for_nobody(
    stop: Callable[[int, int], None], grace: float, work: float
) -> None:
    program = [sys.executable, "-c", PAUSED.format(grace, work)]
    command = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, process_group=0)
    assert command.stdout and command.stdout.readline() == "ready\n"
    time.sleep(0.2)
    stop(command.pid, signal.SIGSTOP)
    time.sleep(2)
    stop(command.pid, signal.SIGCONT)
    assert command.communicate(timeout=30) == ("None\n", None)


@pytest.mark.parametrize("what", ["die", "hang", "grow"])
def test_an_item_is_blamed_only_when_a_fresh_decoder_fails_on_it_too(what: str, tmp_path: Path) -> None:
    with Pool(1, seconds=1) as pool:
        assert pool.call("tests.support.misbehave:fails_once", (what, tmp_path / "seen")) == "good"


def test_an_item_that_needs_too_much_memory_is_too_large() -> None:
    with Pool(1) as pool:
        answer = pool.call("tests.test_clean_decode:hungry", 3)
    assert isinstance(answer, OutOfMemory) and answer.reason == "too-large"


def test_a_server_answers_after_its_decoders_have_ended(tmp_path: Path) -> None:
    with serving(models.bundle(tmp_path / "toy"), "--jobs", "2") as server:
        assert server.ask(CIRCLES).status_code == 200
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        assert len(children) == 3  # two that decode and one for the model
        for pid in children:
            os.kill(int(pid), signal.SIGKILL)
        assert [server.ask(CIRCLES).status_code for _ in range(4)] == [200] * 4


@pytest.mark.parametrize("reason", DECODERS)
def test_what_a_decoder_could_not_do_is_gathered_by_the_next_run(
    cli: Cli, faults: FaultServer, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Pool, "call", lambda *_: UnusablePhoto(reason))
        fetch(cli, faults.url("/photo/circles/1"))
    answer = fetch(cli, faults.url("/photo/circles/1"))
    assert (answer.data["saved"], reasons()) == (1, {reason: 1, "ok": 1})


def test_what_a_setting_refused_is_gathered_when_the_setting_allows_it(
    cli: Cli, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.bodies["robots.txt"] = b"User-agent: *\nDisallow: /photo\n"
    urls = [faults.url(path) for path in ("/sized/90/300", "/robots/1?X-Robots-Tag=noai", "/photo/circles/5")]
    fetch(cli, *urls, flags=("--robots",))
    assert set(reasons()) == {"too-small", "opt-out", "robots"}
    assert fetch(cli, *urls, flags=("--robots",)).data["labels"][0]["known"] == 3
    answer = fetch(cli, *urls, flags=("--min-size", 90, "--no-opt-out", "--no-robots"))
    assert answer.data["saved"] == 3
    monkeypatch.delenv("LOOKALIKE_ALLOW_HOSTS")
    fetch(cli, faults.url("/photo/circles/6"))
    monkeypatch.setenv("LOOKALIKE_ALLOW_HOSTS", faults.place)
    assert fetch(cli, faults.url("/photo/circles/6")).data["saved"] == 1


def test_a_site_whose_rules_cannot_be_read_is_asked_again_by_the_next_run(cli: Cli, faults: FaultServer) -> None:
    faults.cut.set()
    fetch(cli, faults.url("/photo/circles/1"), flags=("--robots",))
    faults.cut.clear()
    assert set(reasons()) == {"robots-unknown"}
    assert fetch(cli, faults.url("/photo/circles/1"), flags=("--robots",)).data["saved"] == 1


@pytest.mark.parametrize("reason", ["decoder-died", "too-slow", "no-access"])
def test_clean_moves_no_photo_because_a_decoder_failed(
    cli: Cli, tmp_path: Path, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    call = Pool.call

    def failing(self: Pool, function: str, item: Any) -> Any:
        bad = function.endswith(":measure") and Path(item).name == "002.jpg"
        return UnusablePhoto(reason) if bad else call(self, function, item)

    with monkeypatch.context() as patch:
        patch.setattr(Pool, "call", failing)
        data = cli("clean", "--yes", "--json").data
    assert data["aside"] == []
    assert [(note["file"], note["reason"]) for note in data["notes"] if note["reason"] == reason] == [
        ("circles/002.jpg", reason), ("stripes/002.jpg", reason),
    ]  # fmt: skip
    assert not [note for note in cli("clean", "--yes", "--json").data["notes"] if note["reason"] == reason]


WATCHING = """
import sys
from lookalike.cli import main
from lookalike.errors import UnusablePhoto
from lookalike.photos.decode import Pool
from lookalike.predict import watch
watch.AGAIN_SECONDS, call, calls = 0.5, Pool.call, []
def failing(self, function, item, **how):
    first = function.endswith(":read_named") and (calls.append(1) or len(calls) < 3)
    return UnusablePhoto("too-slow") if first else call(self, function, item, **how)
Pool.call = failing
sys.exit(main(["predict", "--watch", "drop", "--jsonl"]))
"""


def test_a_watched_photo_that_a_decoder_failed_on_is_looked_at_again(tmp_path: Path) -> None:
    models.bundle(tmp_path / "models" / "toy")
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "one.jpg").write_bytes(CIRCLES)
    with subprocess.Popen([sys.executable, "-c", WATCHING], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        rows = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    assert [row.get("reason") or row["label"] for row in rows] == ["too-slow", "too-slow", "circles"]


def test_a_watched_folder_that_is_away_for_a_while_brings_nothing_twice(tmp_path: Path) -> None:
    models.bundle(tmp_path / "models" / "toy")
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "one.jpg").write_bytes(CIRCLES)
    command = [sys.executable, "-m", "lookalike", "predict", "--watch", "drop", "--jsonl"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        drop.rename(tmp_path / "away")
        time.sleep(1.5)
        (tmp_path / "away" / "two.jpg").write_bytes(CIRCLES)
        (tmp_path / "away").rename(drop)
        second = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=30)[0]
    assert (Path(second["file"]).name, rest) == ("two.jpg", "")
