"""The append-only record of a data set: where each photo came from and every decision taken about it.

One JSON object a line. Lines are never changed, so whatever moment a process dies at, all that was known before is
still known; a torn last line is passed over. Folding the lines, the last word about a photo wins.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lookalike.errors import NotReadyError
from lookalike.files import add_lines
from lookalike.project.records import ImageRecord
from lookalike.text import json_text

NAME = "manifest.jsonl"
CORRECTION = "correction"
"""The provider of a photo that came with a person's word on what it shows."""
_NOWHERE = {"file": "", "moved_from": "", "status": "failed", "reason": "bad-name"}


@dataclass(frozen=True)
class State:
    """What the manifest says now: the last record about each file, and every attempt that gave no file."""

    files: dict[str, ImageRecord] = field(default_factory=dict)
    attempts: list[ImageRecord] = field(default_factory=list)


class Manifest:
    """The manifest of the data set in `images`. `refused` counts the lines that the last reading did not believe."""

    def __init__(self, images: Path) -> None:
        self.path = images / NAME
        self.refused = 0
        self._guard = threading.Lock()

    def append(self, records: Iterable[ImageRecord]) -> None:
        """Add lines, each stamped with the time unless it carries one. Safe from several threads."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        lines = [json_text((record if record.at else replace(record, at=now)).to_json()) for record in records]
        if not lines:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._guard:
            add_lines(self.path, lines)

    def records(self) -> Iterator[ImageRecord]:
        """All lines in order, one at a time; lines that do not parse are passed over.

        A line about a file that cannot be in this set counts as an attempt that gave no file (`bad-name`).
        """
        self.refused = 0
        if not self.path.exists():
            return
        if not self.path.is_file():  # a pipe would be waited for
            raise NotReadyError(f"{self.path} is no file", "move it away")
        with self.path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                with suppress(ValueError, TypeError, RecursionError):
                    data = json.loads(line)
                    try:
                        yield ImageRecord.from_json(data)
                    except ValueError:
                        self.refused += 1
                        yield ImageRecord.from_json({**data, **_NOWHERE})

    def last(self, file: str) -> ImageRecord | None:
        """The last word about one photo. Reads the whole file, and parses only the lines that name the photo."""
        names, found = {json_text(file), json.dumps(file), json.dumps(file, ensure_ascii=False)}, None
        if self.path.exists():
            with self.path.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    if any(name in line for name in names):
                        with suppress(ValueError, TypeError, RecursionError):
                            record = ImageRecord.from_json(json.loads(line))
                            found = record if record.file == file and record.status != "duplicate" else found
        return found

    def fold(self) -> State:
        """The last word about each photo."""
        state = State()
        for record in self.records():
            if record.moved_from:
                state.files.pop(record.moved_from, None)
            if record.file and record.status in ("ok", "quarantined"):
                state.files[record.file] = record
            elif record.status != "note":
                state.attempts.append(record)
        return state

    @contextmanager
    def lock(self, wait: float = 0) -> Iterator[None]:
        """Hold the data set for one writing command. Raises NotReadyError if another does after `wait` seconds."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.with_name(".manifest.lock"))
        try:
            lock.acquire(timeout=wait)
        except Timeout:
            raise NotReadyError(
                f"another lookalike command is working in {self.path.parent}", "wait for it to end and run this again"
            ) from None
        try:
            yield
        finally:
            lock.release()
