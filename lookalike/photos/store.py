"""Files of SQLite in .cache/: they come along when a project is handed on, so they may be of another version, or made
to do harm."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T", int, float, bytes)
_BESIDE = ("", "-wal", "-shm")


def open_store(path: Path | str, tables: str) -> sqlite3.Connection:
    """The store with these tables and nothing else, as `CREATE TABLE IF NOT EXISTS` statements.

    A view in a table's place may never come to an end, and a trigger does what it likes; other columns fail later, in
    the middle of the work. A file that holds any of them, or is damaged, is thrown away and begun anew.
    Raises OSError and sqlite3.OperationalError where the file can't be used: no room, no permission, held by another.
    """
    try:
        return _opened(path, tables)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        for end in _BESIDE:  # what is beside it would be read back into the new one
            Path(f"{path}{end}").unlink(missing_ok=True)
        return _opened(path, tables)


def value(store: sqlite3.Connection, asked: str, key: Sequence[object], kind: type[_T]) -> _T | None:
    """The first column of the row with that key, or None where there is none, or something of another kind in it."""
    row = store.execute(asked, key).fetchone()
    return row[0] if row and type(row[0]) is kind else None


def _opened(path: Path | str, tables: str) -> sqlite3.Connection:
    store = sqlite3.connect(path, timeout=30)
    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as fresh:
            fresh.executescript(tables)
            if not _schema(store) <= _schema(fresh):
                raise sqlite3.DatabaseError("not the tables that this version makes")
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("PRAGMA synchronous = NORMAL")
        store.executescript(tables)
    except sqlite3.Error:
        store.close()
        raise
    return store


def _schema(store: sqlite3.Connection) -> set[tuple[str, str]]:
    return {*store.execute("SELECT name, sql FROM sqlite_master")}
