"""L: commands killed with -9 at a moment drawn by lot, run again, and compared with what they do undisturbed.

A command changes its project step by step: files appear, grow, move. It is killed right after one of these steps, or a
few milliseconds later, so that the kills fall where something is being done, on a slow machine too. Right after a kill
every photo must be in one place, whole; after the next run all must be as after an undisturbed one.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike.bundle import bundle
from lookalike.project.manifest import Manifest
from lookalike.project.records import ImageRecord
from tests.support import draw, models, runs
from tests.support.cleaning import spoil
from tests.support.faultserver import FaultServer

Seen = dict[str, Any]
LONGEST = 300.0


@dataclass(frozen=True)
class Trial:
    """A command to kill: how often, what it starts from, what it types (and again, where that is something else), and
    what must be the same after it."""

    name: str
    kills: int
    begin: Callable[[Path], object]
    command: str
    outcome: Callable[[Path], Seen]
    again: str = ""
    work: Callable[[Path, subprocess.Popen[str]], None] = lambda folder, process: None


def score(folder: Path) -> tuple[str, bool]:
    """A hundred kills over all commands that write."""
    with FaultServer() as server:
        os.environ["LOOKALIKE_ALLOW_HOSTS"] = server.place
        trials = _trials(server)
        total, lost = sum(trial.kills for trial in trials), 0
        for trial in trials:
            faults = list(_tried(trial, folder / trial.name))
            print(
                f"  {trial.name}: {len(faults)} of {trial.kills} kills cost something",
                *faults,
                sep="\n    ",
                flush=True,
            )
            lost += len(faults)
    return f"L {lost} lost in {total} kills", not lost


def _trials(server: FaultServer) -> list[Trial]:
    train = "train --size 32 --epochs 2 --crop none"
    return [
        Trial("gather", 20, lambda folder: _listed(folder, server), GATHER, _gathered),
        Trial("clean", 20, _spoilt, "clean --yes --suspects 0", _cleaned),
        Trial("review", 12, _spoilt, "clean --review --port 0 --suspects 0", _decided, work=_decide),
        Trial("train", 12, _drawn, train, _trained, again=f"{train} --resume"),
        Trial("evaluate", 12, _run, "evaluate --no-heat", _evaluated),
        Trial("export", 12, _run, "export --name m", _exported),
        Trial("predict", 12, _modelled, "predict images --sort-into sorted --model m", _sorted),
    ]


def _tried(trial: Trial, folder: Path) -> Iterator[str]:
    """Each kill that cost something, in words."""
    begun = folder / "begun"
    begun.mkdir(parents=True)
    trial.begin(begun)
    calm = folder / "calm"
    shutil.copytree(begun, calm, symlinks=True)
    steps = _steps(trial, calm)
    right = trial.outcome(calm)
    chance = random.Random(trial.name)
    moments = [(chance.randrange(steps + 1), chance.uniform(0, 0.02)) for _ in range(trial.kills)]
    with ThreadPoolExecutor(2) as both:
        for told in both.map(lambda number: _one(trial, folder, number, *moments[number], right), range(trial.kills)):
            if told:
                yield told


def _one(trial: Trial, folder: Path, number: int, step: int, later: float, right: Seen) -> str:
    """Kill once, run again, compare; what is wrong then, or ""."""
    project = folder / f"killed{number}"
    shutil.copytree(folder / "begun", project, symlinks=True)
    before = _photos(project)
    process = _start(trial.command, project)
    worker = threading.Thread(target=trial.work, args=(project, process), daemon=True)
    worker.start()
    _wait_for(project, process, step)
    time.sleep(later)
    process.kill()
    process.communicate()
    worker.join(10)
    told = f"kill {number} after step {step}: "
    if lost := before - _photos(project):
        return f"{told}{len(lost)} photos lost"
    again = _start(trial.again or trial.command, project)
    trial.work(project, again)
    _, err = again.communicate(timeout=LONGEST)
    if again.returncode != 0 or "Traceback" in err:
        return f"{told}the next run ended with {again.returncode}: {err[-300:]}"
    if left := [path.name for path in project.rglob("*") if path.name.endswith((".part", ".old"))]:
        return f"{told}left {left}"
    found = trial.outcome(project)
    shutil.rmtree(project)
    wrong = [key for key in {**found, **right} if found.get(key) != right.get(key)]
    return f"{told}otherwise than undisturbed: {[(k, found.get(k), right.get(k)) for k in wrong[:3]]}" if wrong else ""


def _start(command: str, project: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "lookalike", *command.split()],
        cwd=project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _state(project: Path) -> frozenset[tuple[str, int, int]]:
    """What can be seen of a project from outside: names, sizes and times of its files."""
    found = set()
    for folder, _, files in os.walk(project):
        for name in files:
            try:
                status = os.lstat(f"{folder}/{name}")
            except OSError:
                continue
            found.add((f"{folder}/{name}", status.st_size, status.st_mtime_ns))
    return frozenset(found)


def _steps(trial: Trial, project: Path) -> int:
    """Run undisturbed; how many times the project changed."""
    process = _start(trial.command, project)
    worker = threading.Thread(target=trial.work, args=(project, process), daemon=True)
    worker.start()
    steps = _wait_for(project, process, sys.maxsize)
    _, err = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, err
    return steps


def _wait_for(project: Path, process: subprocess.Popen[str], step: int) -> int:
    """Wait until the project has changed so many times or the process has ended; how many times it has."""
    seen, steps = _state(project), 0
    while steps < step and process.poll() is None:
        time.sleep(0.002)
        if (now := _state(project)) != seen:
            seen, steps = now, steps + 1
    return steps


def _contents(*folders: Path) -> dict[str, str]:
    """The sha256 of every file that is not bookkeeping, by path."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith((".", "manifest", "report", "ATTRIBUTION")):
                found[f"{folder.name}/{path.relative_to(folder)}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _photos(project: Path) -> set[str]:
    """What bytes there are among the photos and what was set aside."""
    return set(_contents(project / "images", project / "quarantine").values())


def _folded(project: Path) -> Seen:
    """The last word about every photo and address, without times and places in a search."""

    def word(record: ImageRecord) -> tuple[str, ...]:
        return record.label, record.status, record.reason, record.sha256, record.image_url

    state = Manifest(project / "images").fold()
    failed = {record.image_url: word(record) for record in state.attempts if record.status == "failed"}
    return {**{file: word(record) for file, record in state.files.items()}, **failed}


def _drawn(folder: Path) -> None:
    draw.folder(folder / "images", {"circles": 8, "stripes": 8})


def _spoilt(folder: Path) -> None:
    draw.folder(folder / "images", {"circles": 30, "stripes": 30})
    spoil(folder / "images")
    for number in range(10):
        (folder / "images" / "stripes" / f"bad{number}.jpg").write_bytes(b"<html>" + bytes([number]) * (number + 1))


def _modelled(folder: Path) -> None:
    draw.folder(folder / "images", {"circles": 40, "stripes": 40})
    models.bundle(folder / "models" / "m")


def _run(folder: Path) -> None:
    run = runs.untrained(folder, certain=True)
    models.bundle(run / "model")


GATHER = "gather --provider urls --source list.jsonl --min-per-label 0 --jobs 4"


def _listed(folder: Path, server: FaultServer) -> None:
    paths = [f"/slow/0.02/{number}" for number in range(60)] + [f"/status/404/{number}" for number in range(5)]
    rows = [{"url": server.url(path), "label": ("circles", "dots")[n % 2]} for n, path in enumerate(paths)]
    (folder / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "images").mkdir()


def _gathered(project: Path) -> Seen:
    return {**_contents(project / "images"), **{f"{key} in the manifest": v for key, v in _folded(project).items()}}


def _cleaned(project: Path) -> Seen:
    told = {f"{key} in the manifest": word[:4] for key, word in _folded(project).items()}
    return {**_contents(project / "images", project / "quarantine"), **told}


DECISIONS = [
    *({"file": f"circles/{n:03}.jpg", "action": "aside", "label": ""} for n in range(1, 8)),
    *({"file": f"stripes/{n:03}.jpg", "action": "label", "label": "circles"} for n in range(8, 14)),
    *({"file": f"stripes/{n:03}.jpg", "action": "keep", "label": ""} for n in range(14, 18)),
]


def _decide(project: Path, process: subprocess.Popen[str]) -> None:
    """Take every decision on the page, those that stand already too, then press Ctrl-C."""
    assert process.stderr
    found = next((m for line in process.stderr if (m := re.search(r"(http://\S+)/\?token=(\S+)", line))), None)
    if not found:
        return
    head = {"x-lookalike-token": found[2], "content-type": "application/json"}
    try:
        for wish in DECISIONS:
            body = json.dumps({"wishes": [{**wish, "sha256": ""}]}).encode()
            urllib.request.urlopen(urllib.request.Request(f"{found[1]}/api/decide", body, head), timeout=60).close()
    except (OSError, ValueError):  # it was killed, or a decision stands already
        pass
    if process.poll() is None:
        process.send_signal(2)


def _decided(project: Path) -> Seen:
    return _contents(project / "images", project / "quarantine")


def _trained(project: Path) -> Seen:
    done = sorted(path.parent for path in project.glob("runs/*/run.json"))
    assert done, "no run"
    kept = ("weights.safetensors", "split.csv")
    last = {name: hashlib.sha256((done[-1] / name).read_bytes()).hexdigest() for name in kept}
    return {**last, "model": str(bundle.check(done[-1] / "model").labels), **_contents(project / "images")}


def _evaluated(project: Path) -> Seen:
    found = json.loads((project / "runs/r1/evaluation.json").read_text())
    told = {key: found.get(key) for key in ("accuracy", "confusion", "per_label", "min_similarity", "threshold")}
    whole = "</html>" in (project / "runs/r1/report/index.html").read_text()
    return {**told, "page": whole, "model": str(bundle.check(project / "runs/r1/model").labels)}


def _exported(project: Path) -> Seen:
    folder = project / "models/m"
    names = sorted(path.name for path in folder.iterdir())
    return {"names": names, "labels": str(bundle.check(folder).labels), "onnx": _contents(folder).get("m/model.onnx")}


def _sorted(project: Path) -> Seen:
    return _contents(project / "sorted", project / "images")
