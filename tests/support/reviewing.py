"""A running review page, and projects to look at."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lookalike.files import sha256_file, write_json
from lookalike.project.records import Evaluation, Rate
from tests.support import draw


@dataclass
class Server:
    """A running `clean --review` of a project."""

    process: subprocess.Popen[str]
    url: str
    token: str

    def ask(self, path: str, body: Any = None, **headers: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data)
        known = {"x-lookalike-token": self.token, "content-type": "application/json"} | headers
        for name, value in known.items():
            request.add_header(name.replace("_", "-"), value)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read()) if "json" in answer.headers["content-type"] else answer.read()

    def photos(self) -> dict[str, Any]:
        return {photo["file"]: photo for photo in self.ask("/api/photos")["photos"]}

    def decide(self, action: str, *files: str, label: str = "", sha256: str = "") -> Any:
        wishes = [{"file": file, "action": action, "label": label, "sha256": sha256} for file in files]
        return self.ask("/api/decide", {"wishes": wishes})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    return tmp_path


@pytest.fixture
def serve(project: Path) -> Iterator[Callable[[], Server]]:
    """Starts review servers of the project; all of them are ended with the test."""
    running = []

    def start(*flags: str) -> Server:
        asked = flags or ("--suspects", "0")
        command = [sys.executable, "-m", "lookalike", "clean", "--review", "--port", "0", *asked]
        process = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        running.append(process)
        assert process.stderr
        for line in process.stderr:
            if found := re.search(r"(http://\S+)/\?token=(\S+)", line):
                return Server(process, found[1], found[2])
        raise AssertionError("the server did not start")

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def evaluated(project: Path) -> Path:
    """The project with a run whose evaluation got three photos wrong, one of which has changed since."""
    folder = project / "runs" / "r1"
    rows = [("stripes/004.jpg", "circles", 2.5), ("circles/001.jpg", "stripes", 1.5), ("circles/002.jpg", "stripes", 1)]
    mistakes = [
        {"file": file, "predicted": said, "actual": file.split("/")[0], "probability": 0.9, "loss": loss,
         "sha256": sha256_file(project / "images" / file)}
        for file, said, loss in rows
    ]  # fmt: skip
    (project / "images/circles/002.jpg").write_bytes(draw.jpeg("circles", 77))
    rate = Rate(0.7, 0.5, 0.9, 7, 10)
    found = Evaluation("r1", "valid", rate, ("circles", "stripes"), {}, ((3, 2), (1, 4)), mistakes=tuple(mistakes))
    write_json(folder / "evaluation.json", found.to_json())
    write_json(folder / "run.json", {})
    return project
