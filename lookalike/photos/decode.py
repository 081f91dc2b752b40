"""Decoding in child processes that may die: no photo takes more than ten seconds or about 1 GB, and none ends the run.

    with Pool() as pool:
        for path, answer in pool.map("lookalike.photos.measure:measure", paths):
            if isinstance(answer, UnusablePhoto):   # answer.reason, answer.detail

A function is named by "module:function" and takes one picklable argument; children import it when first asked, so it
should live in a light module (one that imports Pillow and numpy costs about 0.15 s a child, once). Answers come back
in the order of the items, a bounded number of them ahead of the reader. What a function raises as UnusablePhoto comes
back as that value; a child that dies gives `decoder-died`, one that is late `too-slow`, and a new child replaces it.
`pool.call(function, item)` asks for one answer and may be used from many threads at once.

Children also swallow what the C libraries write to the terminal.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from itertools import islice
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from lookalike.errors import UnusablePhoto

SECONDS = 10.0
MEMORY = 1_000_000_000
AHEAD = 16
_SIZE = struct.Struct("<Q")

Item = TypeVar("Item")
Started = tuple[Item, "Future[Any]"]


class Pool:
    """`jobs` children (by default one for each core), each limited to `seconds` an item and `memory` bytes."""

    def __init__(self, jobs: int | None = None, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.jobs = jobs or cores()
        self.seconds = seconds
        self._children = [_Child(memory) for _ in range(self.jobs)]
        self._free: queue.SimpleQueue[_Child] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(self.jobs, thread_name_prefix="decode")
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._kill_late, name="decode-watch", daemon=True)

    def __enter__(self) -> Self:
        for child in self._children:
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
            child.close()
        self._watch.join()

    def map(self, function: str, items: Iterable[Item]) -> Iterator[tuple[Item, Any]]:
        """Each item with its answer, in order.

        The first ones are at work when this returns; from then on items are taken only as fast as answers are read.
        """
        started = ((item, self._threads.submit(self.call, function, item)) for item in items)
        waiting = deque(islice(started, AHEAD * self.jobs))
        return self._in_order(waiting, started)

    @staticmethod
    def _in_order(waiting: deque[Started[Item]], more: Iterator[Started[Item]]) -> Iterator[tuple[Item, Any]]:
        while waiting:
            item, answer = waiting.popleft()
            yield item, answer.result()
            waiting.extend(islice(more, 1))

    def call(self, function: str, item: object) -> Any:
        """The answer for one item; waits for a free child."""
        child = self._free.get()
        try:
            return child.ask(function, item, self.seconds)
        except (OSError, EOFError, ValueError):  # the pipe broke: the child is gone
            return self._died(child)
        finally:
            self._free.put(child)

    def _died(self, child: _Child) -> UnusablePhoto:
        if self._closed.is_set():
            return UnusablePhoto("stopped", "the run was stopped")
        late, code = child.late, child.ended_with()
        child.start()
        if late:
            return UnusablePhoto("too-slow", f"decoding took more than {self.seconds:g} seconds")
        return UnusablePhoto("decoder-died", f"the decoder ended with {code}")

    def _kill_late(self) -> None:
        while not self._closed.wait(min(0.2, self.seconds / 4)):
            for child in self._children:
                child.kill_if_late()


class _Child:
    """One child process and the pipe to it."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.late = False
        self._due: float | None = None
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False

    def start(self) -> None:
        """Start the process; its first answer waits until it has set itself up."""
        path = os.pathsep.join(dict.fromkeys(entry or str(os.getcwd()) for entry in sys.path))  # noqa: PTH109
        environment = os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", "-m", "lookalike.photos.decode", str(self.memory)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment)
        self.late, self._ready = False, False

    def ask(self, function: str, item: object, seconds: float) -> Any:
        """The child's answer. Raises EOFError or OSError when it dies first."""
        process = self._process
        if not (process and process.stdin and process.stdout):
            raise EOFError
        if not self._ready:
            self._wait_until_ready(process.stdout)
        request = pickle.dumps((function, item, seconds), pickle.HIGHEST_PROTOCOL)
        with self._guard:
            self._due = time.monotonic() + seconds
        try:
            _send(process.stdin, request)
            answer = _receive(process.stdout)
        finally:
            with self._guard:
                self._due = None
        return pickle.loads(answer)  # noqa: S301 - from our own child

    def _wait_until_ready(self, stdout: IO[bytes]) -> None:
        try:
            _receive(stdout)
        except EOFError:
            raise RuntimeError("the decoding process does not start; is the installation complete?") from None
        self._ready = True

    def kill_if_late(self) -> None:
        """Kill the process when its item is overdue."""
        with self._guard:
            if self._due is not None and time.monotonic() > self._due and self._process:
                self.late, self._due = True, None
                self._process.kill()

    def kill(self) -> None:
        """End the process; whoever waits for its answer sees the pipe close."""
        if self._process:
            self._process.kill()

    def close(self) -> int:
        """Wait for the ended process, close its pipes and return its exit code."""
        if not self._process:
            return 0
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()
        return self._process.wait()

    def ended_with(self) -> str:
        """How the process whose pipe has broken came to its end."""
        if self._process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)  # its pipe closes a moment before the process is gone
            self._process.kill()
        code = self.close()
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _send(pipe: IO[bytes], body: bytes) -> None:
    pipe.write(_SIZE.pack(len(body)))
    pipe.write(body)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    size = pipe.read(_SIZE.size)
    if len(size) < _SIZE.size:
        raise EOFError
    body = pipe.read(_SIZE.unpack(size)[0])
    if len(body) < _SIZE.unpack(size)[0]:
        raise EOFError
    return body


def _child_main(memory: int) -> None:
    """What a child does: answer requests until the parent closes the pipe."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # a library that prints must not break the pipe's order
    import lookalike.photos.images  # noqa: F401 - loaded before memory is limited

    _limit(memory)
    _send(answers, b"ready")
    functions: dict[str, Callable[[Any], Any]] = {}
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            name, item, seconds = pickle.loads(_receive(requests))  # noqa: S301 - from our own parent
            if hasattr(signal, "setitimer"):  # ends a child whose parent was killed while it hangs
                signal.setitimer(signal.ITIMER_REAL, seconds + 2)
            if name not in functions:
                module, _, attribute = name.partition(":")
                functions[name] = getattr(import_module(module), attribute)
            _send(answers, pickle.dumps(_answer(functions[name], item), pickle.HIGHEST_PROTOCOL))


def _answer(function: Callable[[Any], Any], item: object) -> Any:
    try:
        return function(item)
    except UnusablePhoto as error:
        return error
    except MemoryError:
        return UnusablePhoto("too-large", "decoding needs too much memory")
    except Exception as error:  # one bad photo is a row, whatever it does to a library
        return UnusablePhoto("unreadable", f"{type(error).__name__}: {error}")


def _limit(memory: int) -> None:
    """Let this process map `memory` more bytes and leave no core files, where the system can do that."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    mapped = 0
    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm") as file:  # noqa: PTH123
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (memory + mapped, memory + mapped))


if __name__ == "__main__":
    _child_main(int(sys.argv[1]))
