"""300 photos from a TLS server: our downloader, img2dataset, icrawler and fastai's, each with 32 connections.

Each runs as a process of its own, in turn, over the same addresses; the whole round is repeated and the best of each
is shown. "Photos" is the time from the first request to the last answer as the server sees it, to be compared with
the bound: the least time in which 32 connections can sit through these waits. "In all" includes the start of the
process. Memory is the largest sum over the process and its children. The alternatives live in an environment of their
own, .cache/bench-gather, because they pin old versions of what we use; where they can't be fetched, fastai's and ours
are measured. BENCH_QUICK makes everything small, and leaves them out.
"""

from __future__ import annotations

import heapq
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.bench import QUICK
from tests.bench.photo_server import HOSTS, wait

COUNT = 30 if QUICK else 300
AT_ONCE = 32
ROUNDS = 1 if QUICK else 2
HERE = Path(__file__).parents[2]
OTHERS = HERE / ".cache" / "bench-gather"
PACKAGES = ("img2dataset>=1.47,<2", "icrawler>=0.6.10,<0.7")

FASTAI = f"""
from pathlib import Path
from fastai.vision.utils import download_images
download_images(Path("out"), urls=Path("list.txt").read_text().split(), max_pics=9999, n_workers={AT_ONCE})
"""
ICRAWLER = f"""
from icrawler.builtin import UrlListCrawler
UrlListCrawler(downloader_threads={AT_ONCE}, storage=dict(root_dir="out"), log_level=50).crawl("list.txt")
"""


@dataclass(frozen=True)
class Measure:
    """Seconds in all and between first request and last answer, processor seconds, megabytes, photos kept."""

    all: float
    photos: float
    cpu: float
    memory: float
    kept: int


def commands() -> dict[str, list[str]]:
    """How each downloader is run, in a folder with list.txt; photos go to out/ or images/."""
    ours = [sys.executable, "-m", "lookalike", "gather", "x", "--provider", "urls", "--source", "list.txt", "--quiet"]
    python = str(OTHERS / "bin" / "python")
    files = ["--output_folder", "out", "--output_format", "files", "--resize_mode", "no", "--processes_count", "1"]
    threads = ["--thread_count", str(AT_ONCE), "--url_list", "list.txt", "--timeout", "30"]
    others = {
        "img2dataset": [python, "-m", "img2dataset.main", *files, *threads],
        "icrawler": [python, "-c", ICRAWLER],
    }
    return {
        "lookalike": [*ours, "--jobs", str(AT_ONCE)],
        **(others if (OTHERS / "complete").exists() else {}),
        "fastai": [sys.executable, "-c", FASTAI],
    }


def bound() -> float:
    """The least time for all waits with so many connections, taken in their order."""
    free = [0.0] * AT_ONCE
    for number in range(COUNT):
        heapq.heapreplace(free, free[0] + wait(number))
    return max(free)


def run(command: list[str], folder: Path, port: int, bundle: Path) -> Measure:
    """One downloader over all photos."""
    folder.mkdir()
    urls = [f"https://{HOSTS[number % len(HOSTS)]}:{port}/{number}.jpg" for number in range(COUNT)]
    (folder / "list.txt").write_text("\n".join(urls) + "\n")
    allowed = ",".join(f"{host}:{port}" for host in HOSTS)
    settings = {
        "REQUESTS_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
        "LOOKALIKE_ALLOW_HOSTS": allowed,
        "PYTHONPATH": HERE,
    }
    environment = os.environ | {name: str(value) for name, value in settings.items()}
    start, before = time.monotonic(), os.times()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    memory = Memory(process.pid)
    process.wait()
    seconds, after = time.monotonic() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    kept = len(list(folder.rglob("*.jpg")))
    return Measure(seconds, span(port, bundle)["seconds"], cpu, memory.stop(), kept)


def span(port: int, bundle: Path) -> dict[str, float]:
    import ssl

    context = ssl.create_default_context(cafile=str(bundle))
    with urllib.request.urlopen(f"https://127.0.0.1:{port}/span", context=context) as answer:
        return dict(json.load(answer))


class Memory:
    """Watches the memory of a process and all it starts, five times a second."""

    def __init__(self, pid: int) -> None:
        self.pid, self.peak, self.ended = pid, 0.0, threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def _watch(self) -> None:
        while not self.ended.wait(0.2):
            self.peak = max(self.peak, sum(_megabytes(pid) for pid in _family(self.pid)))

    def stop(self) -> float:
        """The largest sum seen, in megabytes."""
        self.ended.set()
        self.thread.join()
        return self.peak


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(relative for child in children for relative in _family(int(child)))]


def _megabytes(pid: int) -> float:
    """Its share of memory: pages used by several processes are divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def prepare() -> None:
    """Make the environment of the alternatives once, if they can be fetched."""
    if (OTHERS / "complete").exists() or QUICK:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", OTHERS], check=True)
    install = [OTHERS / "bin" / "python", "-m", "pip", "install", "--quiet", *PACKAGES]
    if subprocess.run(install, check=False, stderr=subprocess.DEVNULL).returncode:
        print(f"{' and '.join(PACKAGES)} could not be installed and are left out")
    else:
        (OTHERS / "complete").touch()


def main() -> None:
    """Print the table."""
    prepare()
    measures: dict[str, list[Measure]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.photo_server", place, str(COUNT)],
            cwd=HERE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            for number in range(ROUNDS):
                for name, command in commands().items():
                    measure = run(command, folder / f"{name}{number}", port, folder / "authority.pem")
                    measures.setdefault(name, []).append(measure)
                    shutil.rmtree(folder / f"{name}{number}")
        finally:
            server.terminate()
            server.wait()
    least = bound()
    print(f"gather: {COUNT} photos of 150 KB over TLS, {AT_ONCE} at once; the waits alone take {least:.2f} s")
    print(f"{'':12} {'photos s':>9} {'x bound':>8} {'in all s':>9} {'cpu s':>6} {'MB':>5} {'kept':>5}")
    for name, found in measures.items():
        best = min(found, key=lambda measure: measure.photos)
        print(
            f"{name:12} {best.photos:9.2f} {best.photos / least:8.2f} {min(m.all for m in found):9.2f}"
            f" {best.cpu:6.1f} {max(m.memory for m in found):5.0f} {best.kept:5}"
        )


if __name__ == "__main__":
    main()
