"""Decoding in child processes that may die: no try takes more than ten seconds or about 1 GB, and none ends the run.

    with Pool() as pool:
        for path, answer in pool.map("lookalike.photos.measure:measure", paths):
            if isinstance(answer, UnusablePhoto):   # answer.reason, answer.detail

A function is named by "module:function" and takes one picklable argument; children import it when first asked, so it
should live in a light module (one that imports Pillow and numpy costs about 0.15 s a child, once). Answers come back
in the order of the items, a bounded number of them ahead of the reader. What a function raises as UnusablePhoto comes
back as that value. `pool.call(function, item)` asks for one answer and may be used from many threads at once.

A child may also end for a reason of its own: a signal from outside, a laptop that slept, a machine short of memory. So
one found dead costs nothing, and an item is blamed (`decoder-died`, `too-slow`, `too-large`) only after a second child,
started for it, has failed on it too. Time in which this process itself was stopped (Ctrl-Z) counts for nobody.

Children also swallow what the C libraries write to the terminal.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from lookalike.errors import NotReadyError, OutOfMemory, UnusablePhoto, refused
from lookalike.photos.child import receive, send

SECONDS = 10.0
MEMORY = 1_000_000_000
STARTS, STARTING = 3, 60.0
"""How often a child is started that does not get ready, and how many seconds each may take: machines can be busy."""

GRACE = 2.0
"""How much longer than its parent allows a child works on an item: it then ends itself, as its parent must be gone."""

TIMED_OUT = f"signal {getattr(signal, 'SIGALRM', 0):d}"
WATCHED, STOPPED = 0.2, 1.0
"""Every how many seconds children are looked after, and after how many without that this process must have stopped."""

AHEAD = 16

Item = TypeVar("Item")
Started = tuple[Item, "Future[Any]"]


@dataclass(frozen=True)
class _Failed:
    """A try that ended with the child, and the reason if the next one ends so, too; `paused` when time ran out while
    this process was stopped."""

    fault: UnusablePhoto
    paused: bool = False


class Pool:
    """`jobs` children (by default one for each core), each limited to `seconds` a try and `memory` bytes.

    Children load the module `loads` before their memory is limited. They start when the pool does, or `lazily`, each
    when it is first needed.
    """

    def __init__(
        self,
        jobs: int | None = None,
        *,
        seconds: float | None = None,
        memory: int = MEMORY,
        loads: str = "lookalike.photos.images",
        lazily: bool = False,
    ) -> None:
        self.jobs = jobs or cores()
        self.seconds = seconds or SECONDS
        self._lazily = lazily
        self._children = [_Child(memory, loads) for _ in range(self.jobs)]
        self._free: queue.SimpleQueue[_Child] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(self.jobs, thread_name_prefix="decode")
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._kill_late, name="decode-watch", daemon=True)

    def __enter__(self) -> Self:
        for child in self._children:
            if not self._lazily:
                child.start()
            self._free.put(child)
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed.set()
        for child in self._children:
            child.kill()
        self._threads.shutdown(cancel_futures=True)
        for child in self._children:
            child.end()
        self._watch.join()

    def map(self, function: str, items: Iterable[Item]) -> Iterator[tuple[Item, Any]]:
        """Each item with its answer, in order.

        The first ones are at work when this returns; from then on items are taken only as fast as answers are read.
        """
        started = ((item, self.submit(function, item)) for item in items)
        waiting = deque(islice(started, AHEAD * self.jobs))
        return self._in_order(waiting, started)

    def submit(self, function: str, item: object, **how: Any) -> Future[Any]:
        """The answer for one item, when it is there: what `call` returns or raises."""
        return self._threads.submit(self.call, function, item, **how)

    @staticmethod
    def _in_order(waiting: deque[Started[Item]], more: Iterator[Started[Item]]) -> Iterator[tuple[Item, Any]]:
        while waiting:
            item, answer = waiting.popleft()
            yield item, answer.result()
            waiting.extend(islice(more, 1))

    def call(self, function: str, item: object, *, seconds: float | None = None, again: bool = True) -> Any:
        """The answer for one item; waits for a free child. Without `again`, no second child tries what one failed on.

        Raises NotReadyError when no child can be started.
        """
        seconds = seconds or self.seconds
        child = self._free.get()
        try:
            answer = self._try(child, function, item, seconds)
            again = again or (isinstance(answer, _Failed) and answer.paused)
            if again and isinstance(answer, _Failed | OutOfMemory) and not self._closed.is_set():
                child.end()
                answer = self._try(child, function, item, seconds)
            if self._closed.is_set() and isinstance(answer, _Failed):
                return UnusablePhoto("stopped", "the run was stopped")
            return answer.fault if isinstance(answer, _Failed) else answer
        finally:
            self._free.put(child)

    def _try(self, child: _Child, function: str, item: object, seconds: float) -> object:
        try:
            return child.request(function, item, seconds)
        except (OSError, EOFError, ValueError):  # the pipe broke: the child is gone
            how = child.end(wait=1)
            if child.late:
                return _Failed(UnusablePhoto("too-slow", f"decoding took more than {seconds:g} seconds, twice"))
            # a child's own timer comes after ours, so that it was the first means that ours stood still
            paused = how == TIMED_OUT
            return _Failed(UnusablePhoto("decoder-died", f"the decoder ended with {how}, twice"), paused)

    def _kill_late(self) -> None:
        looked = time.monotonic()
        while not self._closed.wait(min(WATCHED, self.seconds / 4)):
            now = time.monotonic()
            stopped, looked = now - looked, now
            for child in self._children:
                child.kill_if_late(stopped if stopped > STOPPED else 0)


class _Child:
    """One child process and the pipe to it. Whoever asks finds it alive: a dead one is replaced first."""

    def __init__(self, memory: int, loads: str) -> None:
        self.memory, self.loads = memory, loads
        self.late = False
        self._due: float | None = None
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = self._closed = False

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process and return it; its first answer waits until it has set itself up.

        Raises EOFError after `kill`, NotReadyError when the system allows no process.
        """
        with self._guard:
            if self._closed:
                raise EOFError
            try:
                self._process = _AHEAD.pop(self.loads, None) or _spawn(self.loads)
            except OSError as error:
                why = f"no decoding process can be started: {error.strerror}"
                raise NotReadyError(why, refused(error).hint) from None
            self.late, self._ready = False, False
            return self._process

    def request(self, function: str, item: object, seconds: float) -> object:
        """The child's answer. Raises EOFError or OSError when it dies first."""
        stdin, stdout = self._pipes()
        request = pickle.dumps((function, item, seconds + GRACE), pickle.HIGHEST_PROTOCOL)
        with self._within(seconds):
            send(stdin, request)
            answer = receive(stdout)
        return pickle.loads(answer)  # noqa: S301 - from our own child

    @contextlib.contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Have the process killed when the block takes longer."""
        with self._guard:
            self._due = time.monotonic() + seconds
        try:
            yield
        finally:
            with self._guard:
                self._due = None

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        """To and from a process that is ready, another one if need be."""
        for _ in range(STARTS):
            process = self._process
            if not process or process.poll() is not None:
                self.end()
                process = self.start()
            if process.stdin and process.stdout and (self._ready or self._becomes_ready(process.stdin, process.stdout)):
                return process.stdin, process.stdout
            self.end()
        importlib.import_module(self.loads)  # raises ImportError, if a missing package is why
        raise NotReadyError("the decoding process does not start", "is the installation complete?")

    def _becomes_ready(self, stdin: IO[bytes], stdout: IO[bytes]) -> bool:
        try:
            with self._within(STARTING):
                send(stdin, str(self.memory).encode())
                receive(stdout)
        except (EOFError, OSError):
            return False
        self._ready = True
        return True

    def kill_if_late(self, more: float) -> None:
        """Kill the process when its item is overdue, `more` seconds after what was agreed."""
        with self._guard:
            if self._due is not None:
                self._due += more
            if self._due is not None and time.monotonic() > self._due and self._process:
                self.late, self._due = True, None
                self._process.kill()

    def kill(self) -> None:
        """End the process for good; whoever waits for its answer sees the pipe close."""
        with self._guard:
            self._closed = True
            if self._process:
                self._process.kill()

    def end(self, wait: float = 0) -> str:
        """Make sure that the process has ended, on its own within `wait` seconds or by force; tells how it ended."""
        if not self._process:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(wait)  # its pipe closes a moment before the process is gone
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()
        code = self._process.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"


_AHEAD: dict[str, subprocess.Popen[bytes]] = {}


def start_ahead(*loads: str) -> None:
    """Start children for pools to come, one for each module to load, while this process has other things to load."""
    for module in loads:
        with contextlib.suppress(OSError):  # told when a pool needs it
            _AHEAD[module] = _spawn(module)


# glibc gives the memory of a freed array back at once, and that of the next must be mapped and cleared again, which
# takes a third of the time in which a small photo is measured.
_KEPT_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(64 << 20), "MALLOC_MMAP_THRESHOLD_": str(16 << 20)}


def _spawn(loads: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(dict.fromkeys(entry or str(os.getcwd()) for entry in sys.path))  # noqa: PTH109
    environment = os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environment["MALLOC_ARENA_MAX"] = "2"  # each thread's own would count against the limit though nothing is in it
    environment |= _KEPT_MEMORY
    command = [sys.executable, "-P", "-m", "lookalike.photos.child", loads]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment)


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
