"""Look at every photo of the set: decode it in a limited child, measure it, remember the facts.

Facts are kept in .cache/ by path, size and time of change, so that a second run, and one that was stopped, decode only
what is new.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from lookalike.clean.result import Finding
from lookalike.dataset import Found, walk
from lookalike.decode import Pool
from lookalike.errors import UnusablePhoto
from lookalike.measure import Facts
from lookalike.project import Project
from lookalike.records import Part
from lookalike.report import Reporter

Stamp = tuple[int, int]
_AGAIN = ("too-slow", "decoder-died", "stopped", "missing", "unreadable")


@dataclass(frozen=True, slots=True)
class Seen:
    """One file of the set: its facts, or the reason why there are none. `stamp` is its size and time of change."""

    file: str
    label: str
    part: Part | None
    stamp: Stamp
    facts: Facts | None
    reason: str = ""
    detail: str = ""


def look(project: Project, *, jobs: int | None, report: Reporter) -> list[Seen]:
    """Every file in the label folders with its facts."""
    found = list(walk(project.images))
    with contextlib.closing(_Memory(project.cache)) as memory, report.task("looking at photos", len(found)) as task:
        seen, unknown = [], []
        for item in found:
            path = project.images / item.file
            if known := memory.recall(item, path):
                seen.append(known)
                task.advance()
            else:
                unknown.append(item)
        for photo in _measure(project.images, unknown, jobs):
            memory.keep(project.images / photo.file, photo)
            seen.append(photo)
            task.advance()
    return sorted(seen, key=lambda item: item.file)


def _measure(images: Path, items: list[Found], jobs: int | None) -> Iterator[Seen]:
    if not items:
        return
    with Pool(jobs) as pool:
        answers = pool.map("lookalike.measure:measure", (images / item.file for item in items))
        for item, (path, answer) in zip(items, answers, strict=True):
            stamp = stamp_of(path) or (0, 0)
            if isinstance(answer, UnusablePhoto):
                yield Seen(item.file, item.label, item.part, stamp, None, answer.reason, answer.detail)
            else:
                yield Seen(item.file, item.label, item.part, stamp, answer)


def stamp_of(path: Path) -> Stamp | None:
    """Size and time of change of a file, or None when it is not there."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def passed_over(images: Path) -> Iterator[Finding]:
    """What lies in label folders without being a plain file: links, pipes, devices."""
    folders = {(images / item.file).parent for item in walk(images)}
    folders |= {Path(entry.path) for entry in _entries(images) if entry.is_dir(follow_symlinks=False)}
    for folder in sorted(folders):
        for entry in _entries(folder):
            if kind := _kind(entry):
                yield Finding((folder / entry.name).relative_to(images).as_posix(), folder.name, kind)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
            return sorted(visible, key=lambda entry: entry.name)
    except OSError:
        return []


def _kind(entry: os.DirEntry[str]) -> str:
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        return "link"
    return "" if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "special-file"


class _Memory:
    """Facts of earlier runs. A damaged store is thrown away: it only saves time."""

    VERSION = 1

    def __init__(self, cache: Path) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        self._path = cache / f"photos-{self.VERSION}.sqlite"
        try:
            self._open()
        except sqlite3.DatabaseError:
            self._path.unlink(missing_ok=True)
            self._open()
        self._new = 0

    def _open(self) -> None:
        self._store = sqlite3.connect(self._path, isolation_level="DEFERRED", timeout=30)
        columns = "path TEXT PRIMARY KEY, size INT, changed INT, facts TEXT"
        self._store.execute(f"CREATE TABLE IF NOT EXISTS photos ({columns})")

    def recall(self, item: Found, path: Path) -> Seen | None:
        """What was found before, if the file is still the same."""
        stamp = stamp_of(path)
        row = self._store.execute("SELECT size, changed, facts FROM photos WHERE path = ?", (_key(path),)).fetchone()
        if not row or stamp != (row[0], row[1]):
            return None
        values = json.loads(row[2])
        if "reason" in values:
            return Seen(item.file, item.label, item.part, stamp, None, values["reason"], values["detail"])
        if set(values) != {field.name for field in fields(Facts)}:
            return None
        return Seen(item.file, item.label, item.part, stamp, Facts(**values))

    def keep(self, path: Path, seen: Seen) -> None:
        """Remember; what may go better another time is not remembered."""
        if seen.reason in _AGAIN:
            return
        values = asdict(seen.facts) if seen.facts else {"reason": seen.reason, "detail": seen.detail}
        row = (_key(path), *seen.stamp, json.dumps(values))
        self._store.execute("INSERT OR REPLACE INTO photos VALUES (?, ?, ?, ?)", row)
        self._new += 1
        if self._new % 500 == 0:
            self._store.commit()

    def close(self) -> None:
        """Write what is new."""
        self._store.commit()
        self._store.close()


def _key(path: Path) -> str:
    return os.fsencode(path.absolute()).decode("utf-8", "backslashreplace")
