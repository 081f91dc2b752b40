"""What a target is: an app around a model, ready to publish."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

from lookalike.project.records import Bundle
from lookalike.settings.fields import Section, Settings


class Target(Protocol):
    """An app. `section` has its own settings, read with `settings.of`; None when it has none."""

    section: ClassVar[type[Section] | None]

    def write(self, part: Path, model: Path, bundle: Bundle, settings: Settings) -> None:
        """Fill the empty folder `part` with the app for the model in folder `model`, and a README.md."""
