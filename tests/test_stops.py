"""Every way to stop a command is told as Ctrl-C is: one line, the same code, no process left over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lookalike.errors import STOPS
from tests.support import draw, models, servers

COMMAND = [sys.executable, "-m", "lookalike"]
NAMES = [stop.name for stop in STOPS]


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A command that leads a group of its own, as one typed into a terminal does."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True,
        bufsize=1,
    )  # fmt: skip


def check_gone(group: int) -> None:
    """No process of the group is there any more; those that end get a moment."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("a process is left over")


@pytest.mark.parametrize("stop", NAMES)
@pytest.mark.parametrize(
    ("command", "begun"), [(("train", "--crop", "none"), "loading torch"), (("clean", "--yes"), "400")]
)
def test_a_stop_while_photos_are_read_is_told(tmp_path: Path, command: tuple[str, ...], begun: str, stop: str) -> None:
    draw.large_photos(tmp_path / "images")
    with started(tmp_path, *command) as process:
        assert process.stderr
        while begun not in process.stderr.readline():
            assert process.poll() is None
        os.killpg(process.pid, signal.Signals[stop])
        told = process.stderr.read()
    assert process.returncode == 130
    assert "stopped" in told and "run the same command to go on" in told and "Traceback" not in told
    check_gone(process.pid)


def stopped_while_it_answers(folder: Path, stop: Callable[[int], None]) -> tuple[int, list[str], str]:
    """How a `predict` ends that is stopped after its first answer: exit code, lines of answers, and what it told."""
    models.bundle(folder / "models" / "toy")
    draw.folder(folder / "photos", {"circles": 1})
    with started(folder, "predict", "-", "--jsonl") as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write("photos/circles/000.jpg\n" * 100)
        process.stdin.flush()
        first = process.stdout.readline()
        stop(process.pid)
        rest, told = process.stdout.read(), process.stderr.read()
    check_gone(process.pid)
    return process.returncode, [first, *rest.splitlines()], told


@pytest.mark.parametrize("stop", NAMES)
def test_a_stop_keeps_the_answers_so_far(tmp_path: Path, stop: str) -> None:
    code, lines, told = stopped_while_it_answers(tmp_path, lambda group: os.killpg(group, signal.Signals[stop]))
    rows = [json.loads(line) for line in lines]
    assert {row["label"] for row in rows} == {"circles"}
    assert code == 130 and "stopped" in told and "Traceback" not in told


@pytest.mark.parametrize("stop", NAMES)
def test_a_stop_ends_the_server_with_a_count(tmp_path: Path, stop: str) -> None:
    with servers.serving(models.bundle(tmp_path / "toy"), "--json") as server:
        server.ask(draw.jpeg("circles", 4))
        server.process.send_signal(signal.Signals[stop])
        out, err = server.process.communicate(timeout=30)
    assert server.process.returncode == 0 and json.loads(out)["data"]["answered"] == 1 and "Traceback" not in err


@pytest.mark.parametrize("stop", NAMES)
def test_a_stop_before_anything_is_begun_is_told(stop: str) -> None:
    program = f"""if True:
        import os, signal, sys
        class Slow:
            def find_spec(self, name, *rest):
                if name == "lookalike.cli":
                    os.kill(os.getpid(), signal.{stop})
        sys.meta_path.insert(0, Slow())
        from lookalike.__main__ import script
        script()"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 130 and "run the same command again" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminals that hang up")
def test_what_nohup_protects_goes_on_when_the_terminal_is_closed() -> None:
    program = """if True:
        import os, signal, sys
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        sys.argv = ["lookalike", "--version"]
        from lookalike import __main__, cli
        inner = cli.main
        cli.main = lambda: (os.kill(os.getpid(), signal.SIGHUP), inner())[1]
        __main__.script()"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith("lookalike ")


def test_a_second_stop_that_follows_at_once_as_from_timeout_changes_nothing(tmp_path: Path) -> None:
    def ask_twice(group: int) -> None:  # as `timeout` does: the command, and then its whole group
        os.kill(group, signal.SIGTERM)
        os.killpg(group, signal.SIGTERM)

    code, _, told = stopped_while_it_answers(tmp_path, ask_twice)
    assert code == 130 and "stopped" in told and "Traceback" not in told
