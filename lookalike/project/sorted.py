"""Folders that photos were sorted into, with a record of what went where: what a person moves tells what it shows.

The record is a hidden file of JSON lines in the folder itself, each written before its photo: a photo that was never
put anywhere by us is nobody's mistake.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from lookalike.files import add_lines, sha256_file
from lookalike.project.names import is_device
from lookalike.text import json_text

RECORD = ".sorted.jsonl"


def folder_name(label: str) -> str:
    """A label as the name of one folder; labels come with the model, and a model may come from a stranger."""
    name = "".join("_" if c in '/\\:*?"<>|' or not c.isprintable() else c for c in label).strip(". ")
    name = name[:100].rstrip(". ")
    return f"{name}_" if not name or is_device(name) else name


class SortedPhotos:
    """What was sorted into the folders of `root`: `put` has the names of the folders, by a photo's sha256."""

    def __init__(self, root: Path) -> None:
        self.root, self.record = root, root / RECORD
        self.put: dict[str, set[str]] = {}
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            self.record.open(encoding="utf-8", errors="replace") as lines,
        ):
            for line in lines:
                with suppress(
                    ValueError, TypeError, KeyError, AttributeError, RecursionError
                ):  # a torn or strange line
                    row = json.loads(line)
                    self.put.setdefault(str(row["sha256"]), set()).add(str(row["folder"]))

    def note(self, sha256: str, folder: str) -> None:
        """Write down that a photo is about to be put into a folder."""
        if folder in self.put.get(sha256, ()):
            return
        self.root.mkdir(parents=True, exist_ok=True)
        add_lines(self.record, [json_text({"sha256": sha256, "folder": folder})])
        self.put.setdefault(sha256, set()).add(folder)

    def is_moved(self, sha256: str, size: int) -> bool:
        """Whether a photo of so many bytes that was put somewhere is in another folder now."""
        folders = self.put.get(sha256)
        elsewhere = (path for path in self._by_size.get(size, ()) if folders and path.parent.name not in folders)
        return any(path.is_file() and sha256_file(path) == sha256 for path in elsewhere)

    @cached_property
    def _by_size(self) -> dict[int, list[Path]]:
        """The photos that were there when somebody first asked."""
        found: dict[int, list[Path]] = {}
        for path in self._files():
            found.setdefault(path.stat().st_size, []).append(path)
        return found

    def moved(self) -> Iterator[tuple[Path, str]]:
        """Each photo that is in another folder than it was ever put into, and its sha256."""
        for path in self._files():
            sha256 = sha256_file(path)
            if path.parent.name not in self.put.get(sha256, {path.parent.name}):
                yield path, sha256

    def _files(self) -> Iterator[Path]:
        for folder in sorted(self.root.iterdir()) if self.root.is_dir() else ():
            if folder.is_dir() and not folder.is_symlink() and not folder.name.startswith("."):
                for path in sorted(folder.iterdir()):
                    if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                        yield path
