"""A folder of label folders on this machine, copied in as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import ClassVar

from lookalike.errors import ConfigError
from lookalike.gather.providers.base import Ask, Hit, Query, Stop
from lookalike.gather.providers.local import LocalProvider
from lookalike.project.walk import Found, walk
from lookalike.settings.fields import Settings


class Folder(LocalProvider):
    """Reads the folder named by --source; `train/` and `val/` inside it are kept."""

    name: ClassVar[str] = "folder"
    summary: ClassVar[str] = "a folder of label folders (--source DIR), train/ and val/ inside it kept"

    def __init__(self, settings: Settings, env: Mapping[str, str], ask: Ask) -> None:
        super().__init__(settings, env, ask)
        if settings.gather.source is None:
            raise ConfigError("the provider `folder` needs a folder of label folders", "add --source DIR")
        self.root = settings.gather.source.expanduser()
        if not self.root.is_dir():
            raise ConfigError(f"{self.root} is not a folder", "give --source a folder with one folder for each label")
        self.found: dict[str, list[Found]] = {}
        walked = walk(self.root)
        self.passed = walked.passed
        for item in walked.photos:
            self.found.setdefault(item.label, []).append(item)

    def labels(self) -> list[str]:
        """The names of its folders, in the order they are found."""
        return list(self.found)

    def search(self, query: Query) -> Iterator[Hit]:
        """Its photos of one label. What identifies each is its bytes: another folder may use the same names."""
        for item in self.found.get(query.label, []):
            path = self.root / item.file
            try:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                digest = "unreadable"
            yield Hit(f"folder:{digest[:32]}/{item.file}", title=path.name, content=path.read_bytes, place=item.file)
        raise Stop("exhausted" if query.label in self.found else "no-hits")
