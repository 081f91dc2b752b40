"""Drop folders: notice each photo that arrives, once it is written completely."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from lookalike.predict.photos import Named

EVERY_SECONDS = 0.5


def arrivals(folder: Path) -> Iterator[list[Named]]:
    """For ever: the files of `folder` (not below it) that are new and have stopped growing since the last look.

    Looking twice a second works on every system and on network drives, where notifications do not.
    """
    before: dict[str, tuple[int, int]] = {}
    answered: dict[str, tuple[int, int]] = {}
    while True:
        now = _state(folder)
        ready = [name for name, state in now.items() if before.get(name) == state != answered.get(name)]
        answered = {name: now[name] for name in now if name in ready or answered.get(name) == now[name]}
        before = now
        if ready:
            yield [(str(folder / name), folder / name) for name in sorted(ready)]
        time.sleep(EVERY_SECONDS)


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of each visible file with bytes in it; what vanishes while we look is left out."""
    found = {}
    try:
        for entry in os.scandir(folder):
            if not entry.name.startswith(".") and entry.is_file():
                state = entry.stat()
                if state.st_size:
                    found[entry.name] = (state.st_size, state.st_mtime_ns)
    except OSError:
        return found
    return found
