"""What a target is: something made around a model, ready to publish."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from lookalike.export.opened import OpenedRun
from lookalike.project.paths import Project
from lookalike.project.records import Bundle
from lookalike.settings.fields import Section, Settings


class Target(Protocol):
    """An app. `section` has its own settings, read with `settings.of`; None when it has none."""

    section: ClassVar[type[Section] | None]

    def write(self, part: Path, model: Path, bundle: Bundle, settings: Settings) -> None:
        """Fill the empty folder `part` with the app for the model in folder `model`, and a README.md."""


@runtime_checkable
class RunTarget(Protocol):
    """A target that is made of the trained network itself and not only of the model's files."""

    section: ClassVar[type[Section] | None]

    def require(self, opened: OpenedRun) -> None:
        """Raise ConfigError, before anything is written, for a run that it can't be made of."""

    def write_run(self, part: Path, model: Path, bundle: Bundle, settings: Settings, opened: OpenedRun) -> list[str]:
        """As `Target.write`; returns what there is to tell about it, in sentences."""


@runtime_checkable
class DataTarget(Protocol):
    """A target that is made of the photos, and needs no trained model."""

    section: ClassVar[type[Section] | None]

    def write_data(self, part: Path, project: Project, name: str, settings: Settings) -> list[str]:
        """Fill the empty folder `part`; returns what there is to tell about it, in sentences."""
