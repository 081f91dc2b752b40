"""What a decoding child does: one request after another, each within limits, until its parent closes the pipe."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import IO

from lookalike.errors import STOPS, OutOfMemory, UnusablePhoto, in_words

_SIZE = struct.Struct("<Q")


def send(pipe: IO[bytes], body: bytes) -> None:
    """Write one message: its length in 8 bytes, then the body."""
    pipe.write(_SIZE.pack(len(body)))
    pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """Read one message. Raises EOFError when the other side is gone."""
    size = pipe.read(_SIZE.size)
    if len(size) < _SIZE.size:
        raise EOFError
    body = pipe.read(_SIZE.unpack(size)[0])
    if len(body) < _SIZE.unpack(size)[0]:
        raise EOFError
    return body


def main(loads: str) -> None:
    """Answer requests until the parent closes the pipe.

    The first message is how many bytes more may be mapped, once the module `loads` is there.
    """
    import signal

    for stop in STOPS:  # a terminal or `timeout` sends them to all processes; they are the parent's to handle
        signal.signal(stop, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # a library that prints must not break the pipe's order
    import_module(loads)
    with contextlib.suppress(EOFError, BrokenPipeError):
        _limit(int(receive(requests)))
        send(answers, b"ready")
        _answer_all(requests, answers)


def _answer_all(requests: IO[bytes], answers: IO[bytes]) -> None:
    functions: dict[str, Callable[[object], object]] = {}
    while True:
        name, item, seconds = pickle.loads(receive(requests))  # noqa: S301 - from our own parent
        with _at_most(seconds):
            if name not in functions:
                module, _, attribute = name.partition(":")
                functions[name] = getattr(import_module(module), attribute)
            answer = pickle.dumps(_answer(functions[name], item), pickle.HIGHEST_PROTOCOL)
        send(answers, answer)


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """End this process when the block takes longer; waiting for the next item takes as long as it takes."""
    import signal

    timed = hasattr(signal, "setitimer")
    if timed:
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(function: Callable[[object], object], item: object) -> object:
    try:
        return function(item)
    except UnusablePhoto as error:
        return error
    except MemoryError:
        return OutOfMemory()
    except Exception as error:  # one bad photo is a row, whatever it does to a library
        return UnusablePhoto("unreadable", f"{type(error).__name__}: {in_words(error)}")


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
    main(sys.argv[1])
