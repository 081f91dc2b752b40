"""Commands as a cron job runs them: no terminal, no home, little of everything, and a clock that is put back."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lookalike.project.paths import Project
from tests.conftest import Cli
from tests.support import draw, models, runs
from tests.support.searchserver import SearchServer

pytest_plugins = ("tests.support.gathering",)


GATHER = "lookalike gather --provider folder --source source --min-per-label 1"
SORT = "lookalike predict images --sort-into sorted"
DROPPED = "-dac_override,-dac_read_search,-fowner,-chown"  # what lets root write where it may not


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Photos to gather, photos that are there, one of them empty, and a model."""
    for label, seed in (("circles", 50), ("circles", 51), ("stripes", 52), ("stripes", 53)):
        (tmp_path / "source" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / label / f"{seed}.jpg").write_bytes(draw.jpeg(label, seed))
    (draw.folder(tmp_path / "images", {"circles": 3, "stripes": 3}) / "circles" / "empty.jpg").touch()
    models.bundle(tmp_path / "models" / "m")
    return tmp_path


def shell(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `lookalike` is the command, with no terminal and next to no environment."""
    line = line.replace("lookalike", f"{sys.executable} -m lookalike")
    known = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    known["PYTHONDONTWRITEBYTECODE"] = "1"  # Python itself leaves half of a file where the disk is full
    return subprocess.run(
        ["sh", "-c", line],
        check=False,
        cwd=folder,
        env=known | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def partial(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".part") or path.name.startswith(".probe-")]


@pytest.mark.parametrize(
    ("place", "environment"),
    [
        ("<&- 2>&-", {"LC_ALL": "tr_TR.UTF-8", "HOME": "/proc"}),
        ("ulimit -n 32;", {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Nowhere/At_All"}),
    ],
    ids=["no input, no place for remarks, a home that can't be written to", "no home, 32 open files"],
)  # fmt: skip
def test_a_job_with_next_to_nothing_does_its_work(project: Path, place: str, environment: dict[str, str]) -> None:
    before, after = (place, "") if place.endswith(";") else ("", place)
    done = shell(project, f"{before} ({GATHER} && lookalike clean --yes && {SORT} --quiet) {after}", **environment)
    assert done.returncode == 0, done.stderr
    assert len(list((project / "images").glob("*/*.jpg"))) == 10
    assert (project / "quarantine" / "circles" / "empty.jpg").is_file()
    assert len(list((project / "sorted").glob("*/*.jpg"))) == 10 and not partial(project)


COMMANDS = {"gather": GATHER, "clean": "lookalike clean --yes", "predict": SORT, "config": "lookalike config"}


@pytest.mark.parametrize("name", COMMANDS)
def test_where_the_disk_is_full_one_line_says_so_and_the_next_run_goes_on(project: Path, name: str) -> None:
    done = shell(project, f"ulimit -f 1; {COMMANDS[name]}")
    assert done.returncode == 3 and "Traceback" not in done.stderr and not partial(project)
    assert re.search(r"error: .*(the disk is full|file too large|input/output error)", done.stderr, re.IGNORECASE)
    assert name in ("predict", "config") or shell(project, COMMANDS[name]).returncode == 0


def test_a_compiled_file_that_a_full_disk_cut_off_is_named(project: Path, tmp_path: Path) -> None:
    cache = tmp_path / "compiled"
    here = {"PYTHONPYCACHEPREFIX": str(cache), "PYTHONDONTWRITEBYTECODE": ""}
    assert shell(project, "lookalike config", **here).returncode == 0
    for module in ("config", "cli"):
        (compiled,) = cache.rglob(f"lookalike/{module}.*.pyc")
        whole = compiled.read_bytes()
        compiled.write_bytes(whole[:100])
        done = shell(project, "lookalike config --project elsewhere", **here)
        assert done.returncode == 3 and f"error: {compiled} is cut off" in done.stderr
        compiled.write_bytes(whole)


@pytest.mark.parametrize("name", COMMANDS)
def test_another_users_files_are_told_and_stay_as_they_are(project: Path, name: str) -> None:
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("only root can give files to somebody else")
    project.chmod(0o755)
    for path in (project, *project.rglob("*")):
        os.chown(path, 65534, 65534)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    done = shell(project, f"setpriv --bounding-set {DROPPED} {COMMANDS[name]}")
    assert done.returncode == 3 and "ermission denied" in done.stderr and len(done.stderr.splitlines()) <= 4
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_a_photo_that_may_not_be_read_stays_and_is_told(project: Path) -> None:
    (project / "images/circles/001.jpg").chmod(0)
    as_a_user = f"setpriv --bounding-set {DROPPED}" if os.geteuid() == 0 else ""
    data = json.loads(shell(project, f"{as_a_user} lookalike clean --yes --json").stdout)["data"]
    assert [photo["file"] for photo in data["aside"]] == ["circles/empty.jpg"]
    assert [(passed["file"], passed["reason"]) for passed in data["skipped"]] == [("circles/001.jpg", "no-access")]
    assert (project / "images/circles/001.jpg").is_file()


def test_too_few_open_files_are_told_with_the_way_on(project: Path) -> None:
    done = shell(project, f"ulimit -n 10; {SORT}")
    assert done.returncode == 3 and "Too many open files" in done.stderr and "ulimit -n 1024" in done.stderr


@pytest.mark.parametrize("name", ["clean", "predict"])
def test_two_at_once_end_as_one_would(project: Path, name: str) -> None:
    done = shell(project, f"{COMMANDS[name]} & {COMMANDS[name]}; code=$?; wait $!; echo $code $?")
    codes = done.stdout.split()[-2:]
    assert set(codes) <= {"0", "3"} and "0" in codes and "Traceback" not in done.stderr
    assert "3" not in codes or "another lookalike command is working" in done.stderr, done.stderr
    assert shell(project, COMMANDS[name]).returncode == 0 and not partial(project)
    assert len([path for path in project.rglob("empty.jpg") if path.parts[-3] != "sorted"]) == 1


def made(path: Path) -> datetime:
    return datetime.fromisoformat(json.loads(path.read_text())["created"])


def put_forward(run: Path) -> None:
    """Have a run made in a year's time."""
    future = (datetime.now(UTC) + timedelta(days=400)).isoformat(timespec="milliseconds")
    (run / "run.json").write_text(json.dumps({**json.loads((run / "run.json").read_text()), "created": future}))


WITHOUT = """
import os, signal, sys
sys.modules |= dict.fromkeys(("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog"))
for place, names in (
    (os, "fork forkpty register_at_fork killpg getpgid setsid getuid geteuid mkfifo pread statvfs sched_getaffinity "
         "getloadavg nice chown O_NONBLOCK"),
    (signal, "setitimer getitimer alarm ITIMER_REAL SIGALRM SIGHUP SIGUSR1 SIGUSR2 SIGQUIT "
             "pthread_sigmask siginterrupt"),
):
    for name in names.split():
        delattr(place, name)
"""


def test_nothing_is_needed_that_windows_lacks(project: Path, tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(WITHOUT)
    found = os.pathsep.join(
        [str(tmp_path / "without"), os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[1])]
    )
    done = shell(project, f"{GATHER} && lookalike clean --yes && {SORT}", PYTHONPATH=found)
    assert done.returncode == 0, done.stderr
    assert (project / "quarantine" / "circles" / "empty.jpg").is_file()
    assert len(list((project / "sorted").glob("*/*.jpg"))) == 10 and not partial(project)


WRITER = """
import sys
from pathlib import Path
from lookalike.files import replacing
with replacing(Path("sorted/circles/x.jpg")) as part:
    part.write_bytes(b"half")
    print(part.name, flush=True)
    sys.stdin.readline()
"""


def test_what_a_killed_process_was_writing_goes_and_what_is_being_written_stays(project: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": project}
    dead, live = (subprocess.Popen([sys.executable, "-c", WRITER], **pipes) for _ in range(2))
    names = [writer.stdout.readline().strip() for writer in (dead, live)]
    dead.kill()
    dead.wait()
    assert sorted(path.name for path in partial(project)) == sorted(names)
    assert shell(project, SORT).returncode == 0
    assert [path.name for path in partial(project)] == names[1:]
    live.communicate("\n")
    assert not partial(project) and (project / "sorted/circles/x.jpg").read_bytes() == b"half"


@pytest.mark.parametrize("place", ["models/m/model.json", "runs/r/run.json", "runs/r/evaluation.json"])
def test_what_is_made_after_the_clock_was_put_back_is_newer(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text('{"created": "2999-01-01T00:00:00.500+00:00"}')
    assert Project(tmp_path).stamp() == "2999-01-01T00:00:00.501+00:00"


@pytest.mark.torture
def test_what_is_trained_and_exported_after_the_clock_was_put_back_is_newer(cli: Cli, tmp_path: Path) -> None:
    put_forward(run := runs.untrained(tmp_path))
    assert cli("export", "--name", "m").code == 0
    new = Path(cli("train", "--size", 32, "--recipe", "probe", "--json").data["folder"])
    assert cli("evaluate", "--no-heat", "--json").data["run"] == new.name
    assert cli("predict", "images/circles/000.jpg", "--json").data["model"]["name"] == new.name
    files = (run / "run.json", tmp_path / "models/m/model.json", new / "run.json", new / "evaluation.json")
    times = [made(path) for path in files]
    assert times == sorted(times) and len(set(times)) == 4


def test_what_a_search_answered_in_the_future_is_asked_again(cli: Cli, search: SearchServer, tmp_path: Path) -> None:
    search.photos("cat", 30)
    cli("gather", "cat", "--provider", "bing", "--count", 10)
    (kept,) = (tmp_path / ".cache").rglob("*bing*.json")
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "at": time.time() + 10**8}))
    assert cli("gather", "cat", "--provider", "bing", "--count", 20, "--json").data["calls"] == {"bing": 1}
