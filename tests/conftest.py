"""What every test starts from: the command line as a function, drawn photos, servers on this machine only."""

from __future__ import annotations

import json
import shutil
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from lookalike.cli import main
from tests.support import draw

settings.register_profile("whatever the machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("torture", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("whatever the machine")  # no test depends on the clock
# A shell lets what it starts in the background ignore Ctrl-C, and nohup a closed terminal; so would the commands that
# tests start and stop.
signal.signal(signal.SIGINT, signal.default_int_handler)
for stop in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(stop, signal.SIG_DFL)


@dataclass(frozen=True)
class Answer:
    """What a command did: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def data(self) -> Any:
        return self.json["data"]


Cli = Callable[..., Answer]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """`cli("train", "--json")` runs a command in an empty folder and returns code, out and err."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return run


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches another machine: connections go to 127.0.0.0/8, ::1 or a socket file, or fail."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if host and not (str(host).startswith("127.") or host in ("::1", "localhost")):
            raise OSError(f"tests may not connect to {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with 2 x 20 drawn photos, trained and evaluated: made once, never written to by tests."""
    root = tmp_path_factory.mktemp("trained")
    draw.folder(root / "images", {"circles": 20, "stripes": 20})
    assert main(["train", "--project", str(root), "--size", "64", "--epochs", "1", "--quiet"]) == 0
    assert main(["evaluate", "--project", str(root), "--quiet"]) == 0
    return root


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path) -> Path:
    """A copy of it for one test, as the current folder of `cli`."""
    shutil.copytree(trained_once, tmp_path, dirs_exist_ok=True)
    return tmp_path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line when the pages could not be looked at."""
    from tests.support.browser import MISSING

    if MISSING:
        terminalreporter.write_line(f"tests of the pages in a browser were skipped: {MISSING}")
