"""A cluster of machines: Ray Data hands parts to workers on every node, and this process writes what they answer.

Of the list a node gets the part it works on, of the model its bytes, checked against their sha256 again. Rows come back
through Ray's object store, so nodes need no disk in common, unless photos are files. A worker that dies is started
again by Ray and its part done again; the file of a part is written here and nowhere else.
"""

from __future__ import annotations

import logging
import os
import pickle
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lookalike import __version__
from lookalike.bundle import bundle
from lookalike.errors import ConfigError, LookalikeError, MissingExtraError, NetworkError, NotReadyError, in_words
from lookalike.photos.decode import cores
from lookalike.predict import plan
from lookalike.predict.engines.base import Answered, PartWorker, Work
from lookalike.settings.fields import NetworkSettings

Row = dict[str, Any]
ROUND = 2_000
"""Parts that are given to Ray at a time: it keeps a little about each until all are done."""
AHEAD = 2
"""Parts that wait for a worker besides its own, so that it never does."""
OBJECTS = 500_000_000
"""Bytes for lists and answers on their way, where Ray is started here."""
CONNECTING = 10.0
"""Seconds that the head of a cluster may take to answer."""
ENDING = 5.0
"""Seconds that Ray's processes may take to end after it is stopped."""
LONGEST_PLACE = 40
"""Letters that the folder for Ray's sockets may have: the system takes 107 in all."""
PLACES = "lookalike-ray-"


@dataclass(frozen=True)
class Shipped:
    """What a worker is made from, on whatever node: `model` refers to the bundle's files in Ray's object store, `here`
    is where names of files begin, `place` where files for a while are kept, if not where the system keeps them."""

    model: Any
    terms: plan.Terms
    network: NetworkSettings
    here: str
    place: str
    version: str


class RayData:
    """The cluster that RAY_ADDRESS names, or one that is started on this machine and stopped at the end."""

    def require(self) -> None:
        """Raises MissingExtraError when Ray or what it needs for data is not installed."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        try:
            import ray.data  # noqa: F401
        except ModuleNotFoundError as error:
            told = f"--engine ray needs the package {(error.name or 'ray').partition('.')[0]}, which is not installed"
            raise MissingExtraError(told, 'run: pip install "lookalike[ray]"') from None

    def answers(self, work: Work, parts: Iterator[int]) -> Generator[Answered]:
        """The parts as they are finished. Raises NetworkError when there is no such cluster, NotReadyError when it
        fails, and what a worker raises.
        """
        with _cluster(work.jobs) as (ray, place):
            files = ("model.json", *bundle.check(work.model).files)
            model = ray.put({name: (work.model / name).read_bytes() for name in files})
            shipped = Shipped(model, work.folder.plan.terms, work.network, str(Path.cwd()), place, __version__)
            while some := list(islice(parts, ROUND)):
                yield from _round(ray, work, shipped, some)


def _round(ray: Any, work: Work, shipped: Shipped, parts: list[int]) -> Generator[Answered]:
    nodes = int(ray.cluster_resources().get("CPU", 1))
    workers = {"min_size": min(work.jobs or nodes, len(parts)), "max_size": work.jobs}
    here = {f"node:{ray.util.get_node_ip_address()}": 0.001}  # where the list is
    rows = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts))
    rows = rows.map(
        ListReader, fn_constructor_args=[work.folder.out.resolve()], num_cpus=0, resources=here,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=1),
    )  # fmt: skip
    rows = rows.map(
        NodeWorker, fn_constructor_kwargs={"shipped": shipped}, num_cpus=1,
        compute=ray.data.ActorPoolStrategy(**workers, max_tasks_in_flight_per_actor=AHEAD),
    )  # fmt: skip
    try:
        for row in rows.iter_rows():
            answered = pickle.loads(row["answered"])  # noqa: S301 - from our own worker
            if isinstance(answered, LookalikeError):
                raise answered
            yield answered
    except LookalikeError:
        raise
    except Exception as error:  # Ray has many kinds
        raise NotReadyError(f"the cluster stopped working: {_in_a_line(error)}", "see `ray status`") from None


class ListReader:
    """Gives parts the lines of their photos, on the machine that has the list. One that stays: Ray would start a
    process for each of so many small tasks."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def __call__(self, row: Row) -> Row:
        """The part with its lines."""
        return {"part": row["part"], "lines": plan.lines(self.out, int(row["part"]))}


class NodeWorker:
    """Answers parts on a node with a copy of the model of its own.

    Why it can't is an answer as well: of what is raised here, Ray hands on only the text.
    """

    def __init__(self, shipped: Shipped) -> None:
        import ray

        self._folder = tempfile.TemporaryDirectory(prefix="lookalike-", dir=shipped.place or None)
        with suppress(OSError):
            os.chdir(shipped.here)
        try:
            self.worker: PartWorker | LookalikeError = _worker(shipped, ray.get(shipped.model), Path(self._folder.name))
        except LookalikeError as error:
            self.worker = error

    def __call__(self, row: Row) -> Row:
        """The answers of a part."""
        try:
            if isinstance(self.worker, LookalikeError):
                raise self.worker
            return {"answered": pickle.dumps(self.worker.answer(int(row["part"]), row["lines"]))}
        except LookalikeError as error:
            return {"answered": pickle.dumps(error)}


def _worker(shipped: Shipped, files: Mapping[str, bytes], folder: Path) -> PartWorker:
    if shipped.version != __version__:
        told = f"a node has lookalike {__version__}, and here it is {shipped.version}"
        raise NotReadyError(told, "install the same version on every node")
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return PartWorker(folder, shipped.terms, shipped.network, jobs=1, threads=1)


@contextmanager
def _cluster(jobs: int | None) -> Iterator[tuple[Any, str]]:
    """Ray, connected, and the folder for its files. What was started here is stopped at the end, and the folder
    removed; a cluster that ran before goes on, and has its own folder ("")."""
    import ray

    quiet: Row = {"log_to_driver": False, "logging_level": logging.ERROR}
    address = os.environ.get("RAY_ADDRESS", "")
    place = ""
    if address.startswith("ray://"):
        told = f"RAY_ADDRESS {address} is for programs outside the cluster"
        raise ConfigError(told, "run this on one of its nodes, with RAY_ADDRESS=auto")
    try:
        if ray.is_initialized():
            pass
        elif address:
            _connect(ray, address, quiet)
        else:
            place = _place()
            with _unheard():
                ray.init(
                    address="local", num_cpus=jobs or cores(), object_store_memory=OBJECTS, include_dashboard=False,
                    _temp_dir=place, **quiet,
                )  # fmt: skip
        _hush(ray)
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # where a thread of Ray's tells of deaths
            yield ray, place
    finally:
        ray.shutdown()
        if place:
            _removed(place)


def _connect(ray: Any, address: str, quiet: Row) -> None:
    try:
        host, _, port = address.rpartition(":")
        if host and port.isdigit():
            socket.create_connection((host.strip("[]"), int(port)), CONNECTING).close()  # Ray itself waits for minutes
        with _unheard():
            ray.init(address=address, **quiet)
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        told = f"no Ray cluster answers at RAY_ADDRESS {address}: {in_words(error)[:200]}"
        raise NetworkError(told, "start one (ray start --head), or unset RAY_ADDRESS to use this machine") from None


@contextmanager
def _unheard() -> Iterator[None]:
    """What Ray's own programs and libraries write to stderr while they start goes nowhere: errors are raised."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _place() -> str:
    """A new folder with a short name; those that killed commands have left are removed."""
    parent = tempfile.gettempdir()
    if len(parent) + len(f"/{PLACES}1234567-12345678") > LONGEST_PLACE:
        parent = "/tmp"  # noqa: S108
    for old in Path(parent).glob(f"{PLACES}*-*"):
        pid = old.name.removeprefix(PLACES).partition("-")[0]
        if pid.isdigit() and not _lives(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f"{PLACES}{os.getpid()}-", dir=parent)


def _removed(place: str) -> None:
    """Ray's processes end a little later than it says, and write until then."""
    ends = time.monotonic() + ENDING
    while Path(place).exists() and time.monotonic() < ends:
        shutil.rmtree(place, ignore_errors=True)
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    if os.name == "nt":  # where this signal is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's
    return True


def _hush(ray: Any) -> None:
    """Ray Data tells of its work on the terminal and draws bars there; its log files stay."""
    ray.data.DataContext.get_current().enable_progress_bars = False
    logger = logging.getLogger("ray.data")
    logger.handlers = [handler for handler in logger.handlers if not isinstance(handler, logging.StreamHandler)]
    logger.propagate = False


def _in_a_line(error: BaseException) -> str:
    """What is wrong, out of the pages that Ray says about it: the line that names an error, else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return next((line for line in lines if re.match(r"[\w.]+(?:Error|Exception): ", line)), lines[0])[:300]
