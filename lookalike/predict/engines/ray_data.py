"""A cluster of machines: Ray Data hands parts to workers on every node, and this process writes what they answer.

Of the list a node gets the part it works on, of the model its bytes, checked against their sha256 again. Rows come back
through Ray's object store, so nodes need no disk in common, unless photos are files. A worker that dies is started
again by Ray and its part done again; the file of a part is written here and nowhere else.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lookalike import __version__
from lookalike.errors import ConfigError, LookalikeError, MissingExtraError, NetworkError, NotReadyError
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
LONGEST_PLACE = 40
"""Letters that the folder for Ray's sockets may have: the system takes 107 in all."""


@dataclass(frozen=True)
class Shipped:
    """What a worker is made from, on whatever node: `model` refers to the bundle's files in Ray's object store."""

    model: Any
    terms: plan.Terms
    network: NetworkSettings
    here: str
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

    def answers(self, work: Work, parts: Iterator[int]) -> Iterator[Answered]:
        """The parts as they are finished. Raises NetworkError when there is no such cluster, NotReadyError when it
        fails, and what a worker raises.
        """
        with _cluster(work.jobs) as ray:
            files = {path.name: path.read_bytes() for path in work.model.iterdir() if path.is_file()}
            model = ray.put(files)
            terms = work.folder.plan.terms
            shipped = Shipped(model, terms, work.network, str(Path.cwd()), __version__)
            while some := list(islice(parts, ROUND)):
                yield from _round(ray, work, shipped, some)


def _round(ray: Any, work: Work, shipped: Shipped, parts: list[int]) -> Iterator[Answered]:
    nodes = int(ray.cluster_resources().get("CPU", 1))
    workers = {"min_size": min(work.jobs or nodes, len(parts)), "max_size": work.jobs}
    here = {f"node:{ray.util.get_node_ip_address()}": 0.001}  # where the list is
    rows = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts))
    rows = rows.map(
        _read, fn_kwargs={"out": work.folder.out.resolve()}, num_cpus=0, resources=here,
        compute=ray.data.TaskPoolStrategy(size=AHEAD),
    )  # fmt: skip
    rows = rows.map(
        NodeWorker, fn_constructor_kwargs={"shipped": shipped}, num_cpus=1,
        compute=ray.data.ActorPoolStrategy(**workers, max_tasks_in_flight_per_actor=AHEAD),
    )  # fmt: skip
    try:
        for row in rows.iter_rows():
            counts, reasons = (Counter(json.loads(row[name])) for name in ("counts", "reasons"))
            yield Answered(int(row["part"]), row["rows"], counts, reasons)
    except Exception as error:  # Ray wraps what a worker raises, and has many kinds of its own
        raise _told(error) from None


def _read(row: Row, out: Path) -> Row:
    """A part with the lines of its photos. Runs on the machine that has the list."""
    return {"part": row["part"], "lines": plan.lines(out, int(row["part"]))}


class NodeWorker:
    """Answers parts on a node with a copy of the model of its own. Raises NotReadyError."""

    def __init__(self, shipped: Shipped) -> None:
        import ray

        if shipped.version != __version__:
            told = f"a node has lookalike {__version__}, and here it is {shipped.version}"
            raise NotReadyError(told, "install the same version on every node")
        with suppress(OSError):
            os.chdir(shipped.here)  # where names of files begin, if this node has it
        self._folder = tempfile.TemporaryDirectory(prefix="lookalike-")
        folder = Path(self._folder.name)
        for name, data in ray.get(shipped.model).items():
            (folder / name).write_bytes(data)
        self.worker = PartWorker(folder, shipped.terms, shipped.network, jobs=1, threads=1)

    def __call__(self, row: Row) -> Row:
        """The answers of a part."""
        done = self.worker.answer(int(row["part"]), row["lines"])
        return {
            "part": row["part"], "rows": done.rows, "counts": json.dumps(done.counts),
            "reasons": json.dumps(done.reasons),
        }  # fmt: skip


@contextmanager
def _cluster(jobs: int | None) -> Iterator[Any]:
    """Ray, connected. What was started here is stopped at the end; a cluster that ran before goes on."""
    import ray

    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
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
            place = tempfile.mkdtemp(prefix="lookalike-ray-", dir=_short())
            with _unheard():
                ray.init(
                    address="local", num_cpus=jobs or cores(), object_store_memory=OBJECTS, include_dashboard=False,
                    _temp_dir=place, **quiet,
                )  # fmt: skip
        _hush(ray)
        yield ray
    finally:
        ray.shutdown()
        if place:
            shutil.rmtree(place, ignore_errors=True)


def _connect(ray: Any, address: str, quiet: Row) -> None:
    try:
        with _unheard():
            ray.init(address=address, **quiet)
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        told = f"no Ray cluster answers at RAY_ADDRESS {address}: {str(error).splitlines()[0]}"
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


def _short() -> str | None:
    """Where Ray's sockets may be: a folder whose name is not too long."""
    return None if len(tempfile.gettempdir()) <= LONGEST_PLACE - len("/lookalike-ray-12345678") else "/tmp"  # noqa: S108


def _hush(ray: Any) -> None:
    """Ray Data tells of its work on the terminal and draws bars there; its log files stay."""
    ray.data.DataContext.get_current().enable_progress_bars = False
    logger = logging.getLogger("ray.data")
    logger.handlers = [handler for handler in logger.handlers if not isinstance(handler, logging.StreamHandler)]
    logger.propagate = False


def _told(error: BaseException) -> LookalikeError:
    """What a worker raised, out of what Ray made of it; else what Ray says, in a line."""
    waiting, seen = [error], set[int]()
    while waiting:
        item = waiting.pop()
        if isinstance(item, LookalikeError):
            return item
        inner = (item.__cause__, item.__context__, getattr(item, "cause", None))
        waiting += [each for each in inner if isinstance(each, BaseException) and id(each) not in seen]
        seen.update(map(id, waiting))
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return NotReadyError(f"the cluster stopped working: {lines[-1].strip()}", "see `ray status`")
