"""The places that a command speaks to: closed, full, without letters of ours; each command as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import draw, models

PHOTO = "images/circles/000.jpg"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four drawn photos and a small model."""
    root = tmp_path_factory.mktemp("outputs")
    draw.folder(root / "images", {"circles": 2, "stripes": 2})
    models.bundle(root / "models" / "m")
    return root


def shell(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `lookalike` is the command."""
    line = line.replace("lookalike", f"{sys.executable} -m lookalike")
    return subprocess.run(
        ["sh", "-c", line],
        check=False,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(("place", "reason"), [(">/dev/full", "no space left on device"), (">&-", "it is closed")])
@pytest.mark.parametrize("command", ["providers", "providers --json", f"predict {PHOTO} --csv", f"predict {PHOTO}"])
def test_an_output_that_cannot_be_written_is_told(project: Path, command: str, place: str, reason: str):
    done = shell(project, f"lookalike {command} {place}")
    assert done.returncode == 3
    assert f"error: the output cannot be written: {reason}\n" in done.stderr
    assert "Traceback" not in done.stderr and "fault of lookalike" not in done.stderr


def test_help_that_cannot_be_written_is_told(project: Path):
    done = shell(project, "lookalike --help >/dev/full")
    assert (done.returncode, "no space left" in done.stderr) == (3, True)


@pytest.mark.parametrize("place", ["2>&-", "2>/dev/full", "<&-", "<&- 2>&-"])
def test_without_a_place_for_remarks_the_work_is_done_all_the_same(project: Path, place: str):
    done = shell(project, f"lookalike predict images --csv {place}")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 5


def test_no_file_gets_what_was_meant_for_a_closed_output(project: Path, tmp_path: Path):
    done = shell(tmp_path, f"lookalike gather --provider folder --source {project}/images --min-per-label 1 <&- 2>&-")
    assert done.returncode == 0
    lines = (tmp_path / "images" / "manifest.jsonl").read_text().splitlines()
    assert {json.loads(line)["status"] for line in lines} == {"ok"}


@pytest.mark.parametrize("flag", ["--json", "--jsonl"])
def test_json_stays_json_where_letters_cannot_be_written(project: Path, tmp_path: Path, flag: str):
    photo = tmp_path / "eine große Biene 🐝.jpg"
    photo.write_bytes((project / PHOTO).read_bytes())
    done = shell(project, f"lookalike predict '{photo}' {flag} --quiet", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    found = document["data"]["predictions"][0] if flag == "--json" else document
    assert found["file"] == str(photo)


@pytest.mark.parametrize(
    "odd",
    [{"HOME": "/nonexistent"}, {"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["no home", "C", "POSIX"],
)
def test_neither_home_nor_locale_matters(project: Path, odd: dict[str, str]):
    usual = shell(project, "lookalike predict images --csv")
    done = shell(project, "lookalike predict images --csv", **odd)
    assert (done.returncode, done.stdout, done.stderr) == (0, usual.stdout, usual.stderr)


def test_sixty_four_open_files_are_enough(project: Path):
    done = shell(project, "ulimit -n 64; lookalike predict images --csv && lookalike clean --dry-run")
    assert done.returncode == 0


def test_what_runs_the_network_tells_its_maker_nothing(project: Path, tmp_path: Path):
    done = shell(project, f"lookalike predict {PHOTO}", HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 0
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []
