"""What providers have in common whose photos are on this machine."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ClassVar

from lookalike.gather.providers.base import Ask
from lookalike.project.names import OutsideError, inside
from lookalike.project.records import ImageRecord
from lookalike.settings.fields import Section, Settings


class LocalProvider:
    """A provider that needs no network."""

    section: ClassVar[type[Section] | None] = None
    terms: ClassVar[str] = "your own files"
    docs: ClassVar[str] = ""
    last_verified: ClassVar[str] = "2026-11-22"
    keys: ClassVar[tuple[str, ...]] = ()
    licenses: ClassVar[bool] = False
    local: ClassVar[bool] = True
    whole: ClassVar[bool] = True
    restricted: ClassVar[bool] = False
    secrets: list[str] = []  # noqa: RUF012 - always empty

    def __init__(self, settings: Settings, env: Mapping[str, str], ask: Ask) -> None:
        self.settings = settings

    def labels(self) -> list[str]:
        """The labels it has by itself."""
        return []

    @classmethod
    def reread(cls, record: ImageRecord, places: Sequence[Path]) -> Callable[[], bytes]:
        """What reads a photo of an earlier run again: from --source, or from beside the manifest that tells of it."""
        names = (record.file, record.image_url.partition("/")[2])
        return partial(_from_places, places, names, record.sha256)


def _from_places(places: Sequence[Path], names: Sequence[str], sha256: str) -> bytes:
    """The first file by one of the names, below one of the folders, with these bytes. Raises FileNotFoundError."""
    folders = [place.parent if place.is_file() else place for place in places]
    for place, name in ((place, name) for place in folders for name in names if name):
        with suppress(OutsideError):
            path = inside(place, name)
            if not path.is_file():
                continue
            content = path.read_bytes()
            if not sha256 or hashlib.sha256(content).hexdigest() == sha256:
                return content
    raise FileNotFoundError(errno.ENOENT, "neither beside the manifest nor in --source DIR")
