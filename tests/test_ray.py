"""predict --engine ray, where Ray is installed: the rows of this machine alone, on a cluster that may lose workers."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support import draw, models

RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not RAY, reason="Ray is not installed")
HERE = Path(__file__).parent.parent


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A project with a model, and a list of photos, odd ones and none."""
    models.bundle(tmp_path / "models" / "toy")
    (tmp_path / "photos").mkdir()
    for number in range(8):
        content = draw.jpeg("stripes" if number % 2 else "circles", number)
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(content)
    (tmp_path / "photos" / "cut.jpg").write_bytes(draw.jpeg("circles", 4)[:2000])
    (tmp_path / "photos" / "none.jpg").write_bytes(b"")
    names = [f"photos/{number % 8}.jpg" for number in range(30)]
    (tmp_path / "list.txt").write_text("\n".join([*names, "photos/cut.jpg", "photos/none.jpg", "gone.jpg"]))
    return tmp_path


def rows(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for part in sorted(out.glob("part-*.jsonl")) for line in part.read_text().splitlines()]


def predict(here: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: Ray takes hold of much of the process that it is started in."""
    command = [sys.executable, "-m", "lookalike", "predict", *arguments]
    surroundings = {**os.environ, "PYTHONPATH": str(HERE), **environment}
    return subprocess.run(command, check=False, cwd=here, env=surroundings, capture_output=True, text=True, timeout=120)


@needs_ray
def test_a_cluster_gives_the_rows_of_this_machine_alone_though_a_worker_dies(cli: Cli, here: Path) -> None:
    """The worker that begins the third part is killed, as the first of its kind."""
    (here / "sitecustomize.py").write_text(
        "import os, signal\nfrom pathlib import Path\nfrom lookalike.predict.engines import base\n"
        "answer = base.PartWorker.answer\n"
        "def dies(self, part, lines):\n"
        "    try:\n        Path('died').touch(exist_ok=False) if part == 2 else None\n"
        "    except FileExistsError:\n        return answer(self, part, lines)\n"
        "    os.kill(os.getpid(), signal.SIGKILL) if part == 2 else None\n    return answer(self, part, lines)\n"
        "base.PartWorker.answer = dies\n"
    )
    path = f"{here}{os.pathsep}{HERE}"
    done = predict(here, "list.txt", "--engine", "ray", "--part-size", "5", "--json", PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert (here / "died").exists(), "no worker was killed"
    assert json.loads(done.stdout)["data"]["parts"] == {"all": 7, "before": 0, "finished": 7}
    assert "Ray" not in done.stderr and "ray" not in done.stderr
    assert cli("predict", "list.txt", "--out", "alone", "--part-size", 5).code == 0
    assert rows(here / "predictions") == rows(here / "alone")


@needs_ray
def test_a_cluster_that_is_not_there_is_told_at_once(here: Path) -> None:
    done = predict(here, "list.txt", "--engine", "ray", RAY_ADDRESS="127.0.0.1:9")
    assert done.returncode == 4 and "no Ray cluster answers at RAY_ADDRESS 127.0.0.1:9" in done.stderr
    done = predict(here, "list.txt", "--engine", "ray", RAY_ADDRESS="ray://127.0.0.1:10001")
    assert done.returncode == 2 and "on one of its nodes" in done.stderr


def test_without_ray_the_line_that_installs_it_is_told_and_nothing_is_begun(
    cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ray", "ray.data"):
        monkeypatch.setitem(sys.modules, name, None)
    answer = cli("predict", "list.txt", "--engine", "ray")
    assert answer.code == 6 and 'run: pip install "lookalike[ray]"' in answer.err
    assert not (here / "predictions").exists()
