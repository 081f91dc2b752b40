"""Drop folders: notice each photo that arrives, once it is written completely."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lookalike.predict.photos import Named

EVERY_SECONDS = 0.5
AGAIN_SECONDS = 60.0
"""After so long, twice as long, and so on, a photo is looked at once more that failed for a passing reason."""

State = tuple[int, int]


class Arrivals:
    """The files of `folder` (not below it) that are new and have stopped growing since the last look, for ever.

    Looking twice a second works on every system and on network drives, where notifications do not. `again` asks for
    one more look at a photo; a folder that cannot be read for a while is as it was.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder, self.clock = folder, clock
        self._answered: dict[str, State] = {}
        self._later: dict[str, tuple[float, float]] = {}

    def __iter__(self) -> Iterator[list[Named]]:
        before: dict[str, State] = {}
        while True:
            now = _state(self.folder, before)
            ready = [name for name, state in now.items() if before.get(name) == state and self._is_due(name, state)]
            self._answered = {name: now[name] for name in now if name in ready or self._answered.get(name) == now[name]}
            before = now
            if ready:
                yield [(str(self.folder / name), self.folder / name) for name in sorted(ready)]
            time.sleep(EVERY_SECONDS)

    def again(self, name: str) -> None:
        """Look at a photo once more, later each time."""
        _, pause = self._later.get(name, (0.0, AGAIN_SECONDS / 2))
        self._later[name] = (self.clock() + 2 * pause, 2 * pause)

    def _is_due(self, name: str, state: State) -> bool:
        if self._answered.get(name) != state:
            self._later.pop(name, None)
            return True
        due, pause = self._later.get(name, (float("inf"), 0.0))
        if self.clock() < due:
            return False
        self._later[name] = (float("inf"), pause)
        return True


def _state(folder: Path, before: dict[str, State]) -> dict[str, State]:
    """Size and time of each visible file with bytes in it; what vanishes while we look is left out."""
    found = {}
    try:
        names = [entry.name for entry in os.scandir(folder) if not entry.name.startswith(".") and entry.is_file()]
    except OSError:
        return before  # a drive that is away for a moment brings nothing new when it is back
    for name in names:
        try:
            state = (folder / name).stat()
        except OSError:
            continue
        if state.st_size:
            found[name] = (state.st_size, state.st_mtime_ns)
    return found
