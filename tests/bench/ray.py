"""predict --engine ray: two nodes beside one, deaths at random moments, and the memory of the process that commands.

20,000 links lead to 400 photos in an S3-compatible store on this machine (moto's server). Each node is a Ray node with
one processor, held to one core of its own; the server and the command share them, so what two nodes could do at most is
worked out from the seconds of a processor that each has used. The network is efficientnet_lite0 with random weights.
Needs the packages ray[data], s3fs and moto[server]. BENCH_LINKS sets the number of links; BENCH_QUICK makes all small.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from tests.bench import QUICK
from tests.support import draw, models, runs

LINKS = int(os.environ.get("BENCH_LINKS") or (200 if QUICK else 20_000))
PHOTOS = 20 if QUICK else 400
DEATHS = 1 if QUICK else 3
PARTS = (4, 40) if QUICK else (10, 1000)
OBJECTS = 200_000_000
TICK = os.sysconf("SC_CLK_TCK")
SERVER = "from moto.server import ThreadedMotoServer as S; s = S('127.0.0.1', 0, verbose=False); s.start(); "
SERVER += "print(s.get_host_and_port()[1], flush=True); import signal; signal.pause()"


def main() -> None:
    """Run every part and print what it measures."""
    if missing := [name for name in ("ray", "s3fs", "moto") if not find_spec(name)]:
        print(f"not measured: {', '.join(missing)} not installed (pip install -e '.[bench]')")
        return
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    with tempfile.TemporaryDirectory(prefix="rb", dir="/tmp") as name, ExitStack() as stack:
        root = Path(name)
        server = stack.enter_context(store(root))
        real, toy = root / "real", root / "toy"
        runs.untrained(real, arch="efficientnet_lite0", size=224)
        lookalike("export", "--project", real, "--name", "m")
        models.bundle(toy / "models" / "m")
        told("links, photos", f"{LINKS:,}, {PHOTOS}")
        two_nodes(root, real, server)
        deaths(root, toy)
        memory(root, toy)


@contextmanager
def store(root: Path) -> Iterator[subprocess.Popen[str]]:
    """An S3-compatible server with the photos in it, and `links.txt` that leads to them over and over."""
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=pipe, stderr=nowhere, text=True) as server:
        assert server.stdout
        address = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        os.environ |= {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
        os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
        import s3fs

        system = s3fs.S3FileSystem()
        system.mkdir("photos")
        for number in range(PHOTOS):
            content = draw.jpeg("stripes" if number % 2 else "circles", number, (500, 375))
            content = content[: len(content) // 2] if number % 50 == 7 else content
            system.pipe_file(f"photos/{number:03}.jpg", content)
        numbers = itertools.islice(itertools.cycle(range(PHOTOS)), LINKS)
        (root / "links.txt").write_text("".join(f"s3://photos/{number:03}.jpg\n" for number in numbers))
        try:
            yield server
        finally:
            server.terminate()


@contextmanager
def cluster(nodes: int) -> Iterator[str]:
    """Ray nodes with one processor each, every one held with all its processes to a core of its own."""
    from ray.cluster_utils import Cluster

    cores = sorted(os.sched_getaffinity(0))
    started = Cluster()
    try:
        for number in range(nodes):
            os.sched_setaffinity(0, {cores[number % len(cores)]})
            started.add_node(
                num_cpus=1, object_store_memory=OBJECTS, **({} if number else {"include_dashboard": False})
            )
        os.sched_setaffinity(0, cores)
        yield started.address
    finally:
        os.sched_setaffinity(0, cores)
        started.shutdown()


def two_nodes(root: Path, project: Path, server: subprocess.Popen[str]) -> None:
    """Photos a second of one node and of two, from the first finished part to the last, and what cores would allow."""
    size = max(32, LINKS // 200)
    rates: list[float] = []
    costs: list[dict[str, float]] = []
    for nodes in (1, 2):
        out = root / f"nodes-{nodes}"
        with cluster(nodes) as address:
            process = begun(root, project, out, size, RAY_ADDRESS=address)
            seconds, photos, cost = watched(out, size, process, server.pid)
            finished(process)
        rates.append(photos / seconds)
        costs.append({who: 1000 * spent / photos for who, spent in cost.items()})
        each = ", ".join(f"{who} {milliseconds:.1f}" for who, milliseconds in costs[-1].items())
        told(f"{nodes} node{'s' * (nodes > 1)} of one processor", f"{rates[-1]:.1f} photos/s")
        told("  milliseconds of a core, a photo", each)
    cores = len(os.sched_getaffinity(0))
    told("two nodes by twice one", f"{rates[1] / rates[0] / 2:.2f}")
    told(f"  most that {cores} cores allow", f"{min(1.0, cores / 2 * costs[0]['nodes'] / sum(costs[0].values())):.2f}")
    alone, started = root / "alone", time.perf_counter()
    finished(begun(root, project, alone, size, engine="local"))
    told("this machine without Ray, whole process", f"{LINKS / (time.perf_counter() - started):.1f} photos/s")
    told("  rows of all three equal", str(rows(root / "nodes-1") == rows(root / "nodes-2") == rows(alone)))


def deaths(root: Path, project: Path) -> None:
    """A worker and the command killed at random moments, and gone on with: each photo once, as this machine says it."""
    chance, out, size = random.Random(1), root / "deaths", max(5, LINKS // 400)
    parts = -(-LINKS // size)
    for number in range(2 * DEATHS):
        process = begun(root, project, out, size)
        goal = count(out) + chance.randint(1, max(1, parts // (3 * DEATHS)))
        while count(out) < min(goal, parts) and process.poll() is None:
            time.sleep(0.02)
        if number % 2:
            killed_worker(process.pid)
            while count(out) < min(goal + 2, parts) and process.poll() is None:
                time.sleep(0.02)
        process.kill()
        process.communicate()
    finished(begun(root, project, out, size))
    finished(begun(root, project, root / "whole", size, engine="local"))
    found = rows(out)
    told("workers and commands killed", f"{DEATHS} and {2 * DEATHS}")
    told("  photos with one row each", f"{len({row['row'] for row in found}):,} of {LINKS:,}, {len(found):,} rows")
    told("  rows equal to this machine's alone", str(found == rows(root / "whole")))


def memory(root: Path, project: Path) -> None:
    """The most memory of its own that the command had, with few parts and with many, of equal size."""
    photo = root / "photo.jpg"
    photo.write_bytes(draw.jpeg("circles", 1))
    for parts in PARTS:
        (root / "few.txt").write_text(f"{photo}\n" * (parts * 5))
        process = begun(root, project, root / f"parts-{parts}", 5, names="few.txt")
        most = 0
        while process.poll() is None:
            most = max(most, own_memory(process.pid))
            time.sleep(0.1)
        finished(process)
        told(f"memory of the command at {parts:,} parts", f"{most / 1e6:.0f} MB")


def begun(
    root: Path, project: Path, out: Path, size: int, *, names: str = "links.txt", engine: str = "ray", **more: str
) -> subprocess.Popen[str]:
    """The command, started."""
    command = [sys.executable, "-m", "lookalike", "predict", names, "--project", project, "--out", out]
    flags = ["--part-size", str(size), "--engine", engine]
    environment = {**os.environ, **more}
    return subprocess.Popen(
        [*map(str, command), *flags], cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> None:
    """Wait for the command; it must have done its work."""
    _, err = process.communicate()
    assert process.returncode == 0, err


def watched(out: Path, size: int, process: subprocess.Popen[str], server: int) -> tuple[float, int, dict[str, float]]:
    """Seconds between the first and the last finished part, the photos answered between them, and the seconds of a
    processor that the nodes, the store and the command spent on these."""

    def spent() -> dict[str, float]:
        beside = {"store": used(server), "command": used(process.pid)}
        return {"nodes": sum(map(used, descendants(os.getpid()))) - sum(beside.values()), **beside}

    while not (first := count(out)) and process.poll() is None:
        time.sleep(0.01)
    before, started, parts = spent(), time.perf_counter(), -(-LINKS // size)
    after, now, ended = before, first, started
    while now < parts and process.poll() is None:
        time.sleep(0.05)
        if (there := count(out)) > now and (latest := spent())["nodes"] > after["nodes"]:
            now, after, ended = there, latest, time.perf_counter()  # else a process is gone, and what it had spent
    return ended - started, (now - first) * size, {who: after[who] - before[who] for who in after}


def count(out: Path) -> int:
    """How many parts are finished."""
    return len(list(out.glob("part-*")))


def rows(out: Path) -> list[dict[str, object]]:
    """All rows, in the order of the parts."""
    return [json.loads(line) for part in sorted(out.glob("part-*")) for line in part.read_text().splitlines()]


def killed_worker(command: int) -> None:
    """Kill one of the workers that a command's own Ray has started."""
    for pid in descendants(command):
        name = Path(f"/proc/{pid}/cmdline").read_bytes()
        if name.startswith(b"ray::") and b"NodeWorker" in name:
            os.kill(pid, signal.SIGKILL)
            return


def descendants(parent: int) -> Iterator[int]:
    """Every process below one, whichever of its threads has started it."""
    for thread in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(OSError):
            for pid in map(int, thread.read_text().split()):
                yield pid
                yield from descendants(pid)


def used(pid: int) -> float:
    """Seconds of a processor that a process has used; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def own_memory(pid: int) -> int:
    """Bytes that a process has for itself, without what it shares (Ray's object store)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon")), 0)


def lookalike(*arguments: object) -> None:
    """Run a command of ours."""
    subprocess.run([sys.executable, "-m", "lookalike", *map(str, arguments)], check=True, capture_output=True)


def told(what: str, figure: str) -> None:
    """A line of the measurement."""
    print(f"{what:<58}{figure}", flush=True)


if __name__ == "__main__":
    main()
