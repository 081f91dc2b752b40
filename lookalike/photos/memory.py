"""What was seen of photos before, so that nothing is decoded twice: facts by path, pictures and features by content.

It lies in .cache/ and only saves time: a damaged store is thrown away, and what finds no room on the disk is kept in
memory, as long as the command runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from lookalike.errors import PASSING, UnusablePhoto
from lookalike.photos.measure import Facts
from lookalike.photos.store import open_store, value
from lookalike.photos.views import PICTURE, View

Stamp = tuple[int, int]
ViewOf = tuple[str, int]  # the sha256 of a photo, and 0 for the whole of it or 1 for what is inside its borders

_VERSION = 5
_TABLES = """
CREATE TABLE IF NOT EXISTS photos (path TEXT PRIMARY KEY, size INT, changed INT, facts TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS views
  (sha256 TEXT, number INT, grey BLOB, small BLOB, PRIMARY KEY (sha256, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pairs (one TEXT, other TEXT, apart REAL, PRIMARY KEY (one, other)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS main_faces (sha256 TEXT PRIMARY KEY, number INT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS features (sha256 TEXT PRIMARY KEY, features BLOB) WITHOUT ROWID;
"""
_COMMIT_EVERY = 500


def stamp_of(path: Path) -> Stamp | None:
    """Size and time of change of a file, or None when it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


class Memory:
    """The store of one project; a context manager that writes what is new when it ends."""

    def __init__(self, cache: Path) -> None:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            self._store = open_store(cache / f"photos-{_VERSION}.sqlite", _TABLES)
        except (OSError, sqlite3.OperationalError):
            self._store = open_store(":memory:", _TABLES)
        self._new: list[tuple[str, Sequence[object]]] = []  # rows that are not on the disk yet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._store.commit()
        self._store.close()

    def recall(self, path: Path) -> tuple[Stamp, Facts | UnusablePhoto | None]:
        """The file's stamp now, and what was found when it last had that stamp."""
        stamp = stamp_of(path) or (0, 0)
        row = self._store.execute("SELECT size, changed, facts FROM photos WHERE path = ?", (_key(path),)).fetchone()
        if not row or stamp != (row[0], row[1]):
            return stamp, None
        return stamp, _told(row[2])

    def keep(self, path: Path, stamp: Stamp, facts: Facts | UnusablePhoto, views: Sequence[View] = ()) -> None:
        """Remember one photo with its views; a fault that may pass is not remembered."""
        if isinstance(facts, UnusablePhoto):
            if facts.reason in PASSING:
                return
            values = {"reason": facts.reason, "detail": facts.detail}
        else:
            values = asdict(facts)
            self.keep_views(facts.sha256, views)
        self._write("INSERT OR REPLACE INTO photos VALUES (?, ?, ?, ?)", (_key(path), *stamp, json.dumps(values)))

    def keep_views(self, content: str, views: Sequence[View]) -> None:
        """Remember what to compare a photo by."""
        for number, view in enumerate(views):
            self._write("INSERT OR REPLACE INTO views VALUES (?, ?, ?, ?)", (content, number, view.grey, view.small))

    def views(self, content: str) -> list[ViewOf]:
        """The views of a photo that are known."""
        rows = self._store.execute("SELECT number FROM views WHERE sha256 = ? ORDER BY number", (content,))
        return [(content, number) for (number,) in rows]

    def greys(self, views: Sequence[ViewOf]) -> np.ndarray:
        """The grey pictures (n, 64, 64), uint8, of views of photos; black where there is none."""
        found = np.zeros((len(views), PICTURE, PICTURE), np.uint8)
        for place, view in enumerate(views):
            grey = value(self._store, "SELECT grey FROM views WHERE sha256 = ? AND number = ?", view, bytes)
            if grey and len(grey) == PICTURE * PICTURE:
                found[place] = np.frombuffer(grey, np.uint8).reshape(PICTURE, PICTURE)
        return found

    def small(self, view: ViewOf) -> bytes:
        """The small JPEG of a view of a photo, or nothing."""
        return value(self._store, "SELECT small FROM views WHERE sha256 = ? AND number = ?", view, bytes) or b""

    def apart(self, one: str, other: str) -> float | None:
        """How far two photos that seem to be copies differ at their own pixels, if that is known (see finely.py)."""
        asked = "SELECT apart FROM pairs WHERE one = ? AND other = ?"
        return value(self._store, asked, sorted((one, other)), float)

    def keep_apart(self, pair: Sequence[str], apart: float) -> None:
        """Remember it of these two."""
        self._write("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?)", (*sorted(pair), apart))

    def features(self, content: str, size: int) -> np.ndarray | None:
        """What the packaged network saw in a photo, if that is known: float32, so many numbers of length 1."""
        kept = value(self._store, "SELECT features FROM features WHERE sha256 = ?", (content,), bytes)
        if kept is None or len(kept) != size * np.dtype(np.float16).itemsize:
            return None
        found = np.frombuffer(kept, np.float16).astype(np.float32)
        return found if np.isfinite(found).all() else None

    def keep_features(self, content: str, features: np.ndarray) -> None:
        """Remember them, in half precision."""
        self._write("INSERT OR REPLACE INTO features VALUES (?, ?)", (content, features.astype(np.float16).tobytes()))

    def faces(self, content: str) -> int | None:
        """How many main faces a photo has, if that is known."""
        return value(self._store, "SELECT number FROM main_faces WHERE sha256 = ?", (content,), int)

    def keep_faces(self, content: str, number: int) -> None:
        """Remember how many main faces a photo has."""
        self._write("INSERT OR REPLACE INTO main_faces VALUES (?, ?)", (content, number))

    def _write(self, statement: str, row: Sequence[object]) -> None:
        self._new.append((statement, row))
        try:
            self._store.execute(statement, row)
            if len(self._new) >= _COMMIT_EVERY:
                self._store.commit()
                self._new.clear()
        except sqlite3.OperationalError:  # a full disk, or another process that does not let go
            full, self._store = self._store, open_store(":memory:", _TABLES)
            with contextlib.suppress(sqlite3.Error):
                full.backup(self._store)
            full.close()
            for again in self._new:
                self._store.execute(*again)


def _told(text: Any) -> Facts | UnusablePhoto | None:
    """What a row says of a photo; None when it is damaged or of another version."""
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        values = json.loads(text)
        if isinstance(values, dict) and {*values} == {"reason", "detail"} and {*map(type, values.values())} == {str}:
            return UnusablePhoto(values["reason"], values["detail"])
        if isinstance(values, dict) and {*values} == {field.name for field in fields(Facts)}:
            return Facts.from_json(values)
    return None


def _key(path: Path) -> str:
    return os.fsencode(path.absolute()).decode("utf-8", "backslashreplace")
