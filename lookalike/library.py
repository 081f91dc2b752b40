"""The commands as functions, and their models: what a notebook or another program imports.

    from lookalike.library import Model, gather, train

    gather("ants", "bees", project="insects", count=50)
    train(project="insects", epochs=5)
    answer = Model.load(project="insects")("photo.jpg")

A function takes what its command takes: names as they are, and by name every setting that is a flag there (`count=50`
for `--count 50`). Settings not given come from the environment, from lookalike.toml, else are the defaults. It returns
the value that the command prints, with `data()` for its JSON, and raises what ends the command (lookalike.errors).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike import flags, plugins
from lookalike.bundle.model import Answer, AnswerList, Model
from lookalike.errors import ConfigError
from lookalike.project.paths import Project
from lookalike.report import SILENT, Reporter
from lookalike.settings import fields, loading

if TYPE_CHECKING:
    from lookalike.evaluate.result import EvaluateResult
    from lookalike.export import Exported
    from lookalike.gather.result import Gathered
    from lookalike.report import Result
    from lookalike.train.result import TrainResult

__all__ = ["Answer", "AnswerList", "Model", "clean", "evaluate", "export", "gather", "train"]

Folder = str | Path


def gather(
    *names: str, project: Folder = ".", images: Folder | None = None, report: Reporter = SILENT, **settings: object
) -> Gathered:
    """Find and download photos for each name into images/. See `lookalike.gather.run` for what it raises."""
    from lookalike import gather as stage

    place, told = _job("gather", project, images, settings)
    return stage.run(place, told, list(names), report=report)


def clean(
    *, project: Folder = ".", images: Folder | None = None, report: Reporter = SILENT, **settings: object
) -> Result:
    """Set aside photos that would spoil the training. See `lookalike.clean.run` for what it raises."""
    from lookalike import clean as stage

    return stage.run(*_job("clean", project, images, settings), report=report)


def train(
    *, project: Folder = ".", images: Folder | None = None, report: Reporter = SILENT, **settings: object
) -> TrainResult:
    """Train on the photos in images/. See `lookalike.train.run` for what it raises."""
    from lookalike import train as stage

    return stage.run(*_job("train", project, images, settings), report=report)


def evaluate(
    *, project: Folder = ".", images: Folder | None = None, report: Reporter = SILENT, **settings: object
) -> EvaluateResult:
    """Measure a run on the photos it did not learn from. See `lookalike.evaluate.run` for what it raises."""
    from lookalike import evaluate as stage

    return stage.run(*_job("evaluate", project, images, settings), report=report)


def export(
    *, project: Folder = ".", images: Folder | None = None, report: Reporter = SILENT, **settings: object
) -> Exported:
    """Write a run's model to models/NAME/. See `lookalike.export.run` for what it raises."""
    from lookalike import export as stage

    return stage.run(*_job("export", project, images, settings), report=report)


def _job(
    section: str, root: Folder, images: Folder | None, given: dict[str, object]
) -> tuple[Project, fields.Settings]:
    """Where a command works, and with which settings. Raises ConfigError for a setting that there isn't."""
    known = flags.of(section)
    names = [flag.parameter for flag in known]
    for name in given.keys() - set(names):
        raise ConfigError(f"{section} has no setting called {name!r}", plugins.nearest(name, names))
    values = {name: given.get(name) for name in names}
    settings = loading.load(Path(root).expanduser(), os.environ, flags.by_section(known, values))
    folder = Path(images).expanduser() if images else None
    limit = settings.train.cache_limit * 1_000_000
    return Project(Path(root).expanduser(), folder, limit), settings
