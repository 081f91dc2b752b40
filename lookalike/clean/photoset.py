"""The set as every check sees it, and what checks leave for those after them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from lookalike.clean.duplicates import Copies
from lookalike.clean.persons import Shown
from lookalike.clean.result import Finding
from lookalike.clean.scan import Seen
from lookalike.clean.suspects import Suspects
from lookalike.photos.decode import Pool
from lookalike.photos.memory import Memory
from lookalike.project.paths import Project
from lookalike.report import Reporter
from lookalike.settings.fields import Settings


@dataclass
class PhotoSet:
    """All photos of a project, measured, with what is to go so far (`away`, by file).

    A check is a function of this that yields a Finding for each photo that it has something to say about. `kept` are
    files that a person wants to stay; `copies`, `suspects` and `faces` are filled by the checks that look for them.
    """

    project: Project
    settings: Settings
    memory: Memory
    pool: Pool
    report: Reporter
    photos: list[Seen]
    kept: Collection[str] = ()
    away: dict[str, Finding] = field(default_factory=dict)
    copies: Copies = field(default_factory=Copies)
    suspects: Suspects | None = None
    faces: dict[str, Shown] = field(default_factory=dict)

    @property
    def good(self) -> list[Seen]:
        """The photos that could be decoded and are to stay, as far as is known."""
        return [photo for photo in self.photos if photo.facts and photo.file not in self.away]

    def names(self) -> dict[str, str]:
        """One name for the copies of a photo, by file."""
        return {photo.file: group[0].file for group in self.copies.together for photo in group}
