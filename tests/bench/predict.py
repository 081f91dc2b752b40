"""predict, serve and the page: how long an answer takes, beside fastai's own ways, in one list of processes.

300 photos are drawn, or 1,000 taken from the folder that BENCH_PHOTOS names. The network is
efficientnet_lite0 at 224 px with random weights: the time does not depend on what it has learnt. Each pair is timed
alternately.
BENCH_QUICK makes everything small.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from lookalike.bundle import bundle
from lookalike.export import runtime
from lookalike.photos.decode import Pool
from tests.bench import QUICK
from tests.support import browser, draw, runs, servers

GIVEN = os.environ.get("BENCH_PHOTOS")
PHOTOS = 40 if QUICK else 1000 if GIVEN else 300
ASKED = 20 if QUICK else 200 if GIVEN else 50
ONE = """
from fastai.vision.all import *
l = load_learner(sys.argv[1])
with l.no_bar(): print(l.predict(sys.argv[2])[0])
"""
MANY = """
import sys, time; from fastai.vision.all import *
l = load_learner(sys.argv[1]); files = get_image_files(sys.argv[2]); started = time.perf_counter()
with l.no_bar(): l.get_preds(dl=l.dls.test_dl(files))
print(time.perf_counter() - started)
"""


def main() -> None:
    """Run every part and print what it measures, a line each."""
    with tempfile.TemporaryDirectory() as name:
        project, photos = prepare(Path(name))
        for part in (one_photo, many_photos, requests, page):
            for what, figure in part(project, photos):
                print(f"{what:<58}{figure}", flush=True)


def prepare(root: Path) -> tuple[Path, Path]:
    """A project with an exported model, and a folder of photos."""
    project, photos = root / "project", root / "photos"
    runs.untrained(project, arch="efficientnet_lite0", size=224)
    targets = [] if _faults(runtime.files) else ["--to", "web"]
    lookalike("export", "--project", project, "--name", "m", "--format", "learner", *targets)
    photos.mkdir()
    files = sorted(Path(GIVEN).rglob("*.jpg")) if GIVEN else []
    if not files:
        print("drawn photos; BENCH_PHOTOS=FOLDER names a folder of real ones", flush=True)
    contents = [path.read_bytes() for path in files] or [draw.jpeg("circles", n, (500, 375)) for n in range(100)]
    for number, content in zip(range(PHOTOS), itertools.cycle(contents), strict=False):
        (photos / f"{number:04}.jpg").write_bytes(content)
    return project, photos


def one_photo(project: Path, photos: Path) -> Iterable[tuple[str, str]]:
    """Whole processes, from start to the printed answer."""
    photo, learner = photos / "0000.jpg", project / "models" / "m" / "learner.pkl"
    ours, theirs = [], []
    for _ in range(1 if QUICK else 3):
        ours.append(timed(lambda: lookalike("predict", photo, "--project", project, "--model", "m")))
        theirs.append(timed(lambda: python(ONE, learner, photo)))
    a, b = statistics.median(ours), statistics.median(theirs)
    yield "one photo, whole process: lookalike predict", f"{a:.2f} s"
    yield "one photo, whole process: fastai load_learner + predict", f"{b:.2f} s"
    yield "  ratio", f"{a / b:.3f}"


def many_photos(project: Path, photos: Path) -> Iterable[tuple[str, str]]:
    """Many photos from disk: our whole process; fastai's batches alone, without its start; the bare parts."""
    learner = project / "models" / "m" / "learner.pkl"
    ours, theirs, bare = [], [], []
    for _ in range(2):
        command = ("predict", photos, "--csv", "--quiet", "--project", project, "--model", "m")
        ours.append(timed(lambda: lookalike(*command)))  # noqa: B023 - called at once
        theirs.append(float(python(MANY, learner, photos).split()[-1]))
        bare.append(alone(project / "models" / "m", photos))
    a, b, (decode, forward) = min(ours), min(theirs), min(bare, key=sum)
    yield f"{PHOTOS} photos: lookalike predict, whole process", f"{a:.1f} s"
    yield f"{PHOTOS} photos: fastai test_dl + get_preds alone", f"{b:.1f} s"
    yield "  ratio", f"{a / b:.3f}"
    yield f"{PHOTOS} photos: decoding alone + forward alone", f"{decode:.1f} + {forward:.1f} s"
    yield "  ratio", f"{a / (decode + forward):.2f}"


def alone(folder: Path, photos: Path) -> tuple[float, float]:
    """Seconds to decode every photo with all cores, and then to run the network on the pixels with all cores."""
    model = bundle.load(folder)
    files = sorted(photos.iterdir())
    with Pool() as pool:
        items = [(path.name, path, model.reader) for path in files]
        started = time.perf_counter()
        pixels = [answer for _, answer in pool.map("lookalike.bundle.bundle:read_named", items)]
        decoded = time.perf_counter()
    ready = time.perf_counter()
    for start in range(0, len(pixels), 16):
        model.probabilities(np.stack(pixels[start : start + 16]))
    return decoded - started, time.perf_counter() - ready


def requests(project: Path, photos: Path) -> Iterable[tuple[str, str]]:
    """Answers of a running server, with one client and with sixteen."""
    contents = [path.read_bytes() for path in sorted(photos.iterdir())[:50]]
    with servers.serving(project / "models" / "m") as server:
        server.ask(contents[0])
        for clients in (1, 16):
            with ThreadPoolExecutor(clients) as pool:
                seconds = list(pool.map(lambda n: timed(lambda: server.ask(contents[n % 50])), range(ASKED)))
            p50, p99 = np.percentile(seconds, [50, 99]) * 1000
            yield f"serve, {clients} clients: p50 and p99", f"{p50:.0f} ms, {p99:.0f} ms"


def page(project: Path, photos: Path) -> Iterable[tuple[str, str]]:
    """From opening the static page in a fresh browser to the first answer."""
    if not (project / "apps" / "m-web").is_dir() or not browser.CHROMIUM:
        yield "page", "not measured: no chromium or no npm here"
        return
    with browser.browser() as chromium, browser.hosted(project / "apps") as host:
        started = time.perf_counter()
        opened = browser.opened(chromium, f"{host}/m-web/")
        ready = time.perf_counter()
        browser.ask(opened, photos / "0000.jpg")
        yield "page: model ready, first answer", f"{ready - started:.1f} s, {time.perf_counter() - started:.1f} s"
        seconds = [timed(lambda p=p: browser.ask(opened, p)) for p in sorted(photos.iterdir())[:20]]  # type: ignore[misc]
        yield "page: later answers, click to shown", f"{statistics.median(seconds) * 1000:.0f} ms"


def lookalike(*arguments: object) -> str:
    """Run the command as a process of its own."""
    command = [sys.executable, "-m", "lookalike", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def python(program: str, *arguments: object) -> str:
    """Run a program as a process of its own."""
    command = [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def timed(act: Callable[[], object]) -> float:
    """Seconds that `act` takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _faults(act: Callable[[], object]) -> bool:
    try:
        act()
    except Exception:
        return True
    return False


if __name__ == "__main__":
    main()
