"""`lookalike config`: a lookalike.toml that holds every setting as a comment, to be changed where wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from lookalike.errors import ConfigError
from lookalike.files import write_text
from lookalike.project.paths import Project
from lookalike.report import Block
from lookalike.settings.loading import FILE_NAME, example_toml


@dataclass(frozen=True)
class Written:
    """The file that was written."""

    kind: ClassVar[str] = "config"
    file: str

    def data(self) -> dict[str, object]:
        """`file`, the path of what was written."""
        return {"file": self.file}

    def show(self) -> Iterable[Block]:
        """A line that says where it is and what to do with it."""
        yield f"{self.file}: every setting with its default, as a comment; remove the # where you change one"


def run(project: Project) -> Written:
    """Write lookalike.toml. Raises ConfigError when there is one already: what somebody has written stays."""
    path = project.root / FILE_NAME
    if path.exists():
        raise ConfigError(f"{path} is there already", f"rename it to get a new one, or change it: {path}")
    text = example_toml().replace("Copy what you change to lookalike.toml.", "Remove the # where you change one.")
    write_text(path, re.sub(r"^(?=\w+ =)", "# ", text, flags=re.M))
    return Written(str(path))
