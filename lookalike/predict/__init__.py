"""Say what is on photos, with an exported model: one or a hundred thousand, in constant memory, without torch.

The processes that decode and that run the model start first and this one loads numpy meanwhile: answers.py and what
it needs are imported inside `run`. One photo is decoded by the process that runs the model: another one costs more.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from lookalike.bundle import locate
from lookalike.bundle.running import Session
from lookalike.errors import ConfigError, Interrupted, NetworkError, NotReadyError
from lookalike.photos.decode import Pool, cores
from lookalike.predict import photos
from lookalike.project.paths import Project
from lookalike.report import SILENT, Reporter, Result
from lookalike.settings.fields import PredictSettings, Settings
from lookalike.text import without_secrets

if TYPE_CHECKING:
    from lookalike.predict.output import Predictions


def run(project: Project, settings: Settings, names: list[str], *, report: Reporter = SILENT) -> Result:
    """Answer for every photo that `names` and the settings mean.

    Raises NotReadyError when there is no model or not one photo could be read, NetworkError when all were addresses
    and none could be fetched, Interrupted on Ctrl-C; the last three with the answers so far.
    """
    wanted = settings.predict
    if wanted.out or wanted.engine != "local":
        from lookalike.predict import parts

        return parts.run(project, settings, names, report=report)
    _check(project, wanted, names)
    folder = locate.locate(project, wanted.model)
    total = photos.count(names)
    jobs = min(wanted.jobs or cores(), total or 1) if total is not None and not wanted.watch else wanted.jobs
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy is to start no threads: 60 ms for what is not used here
    with Session(folder / "model.onnx") as session, Pool(jobs) as pool:
        from lookalike.predict.answers import AnswerStream

        answers = AnswerStream(folder, pool, session, settings, report)
        try:
            with (SILENT if total in (0, 1) else report).task("photos", total) as task:
                for portion in photos.portions(names, answers.result.passed):
                    for prediction in answers.of(portion):
                        task.advance(status=prediction.reason)
            if names:
                _check_any(answers.result, names)
            if wanted.watch:
                answers.watch()
        except KeyboardInterrupt:
            raise Interrupted("stopped", "the answers so far were kept", result=answers.result) from None
    if answers.result.printed:
        report.note(answers.result.summary())
    if wanted.sort_into and answers.result.counts:
        correct = project.command(f"correct {shlex.quote(str(wanted.sort_into))}")
        report.note(f"is one in the wrong folder? Move it, and `{correct}` keeps it to learn from")
    return answers.result


def _check(project: Project, wanted: PredictSettings, names: list[str]) -> None:
    if not names and not wanted.watch:
        raise ConfigError("there is nothing to look at", "name photos or folders, or use --watch FOLDER")
    if wanted.csv and wanted.jsonl:
        raise ConfigError("--csv and --jsonl exclude each other", "choose one")
    if wanted.parquet:
        raise ConfigError("--parquet is for files of answers", "name their folder: --out FOLDER")
    if wanted.watch and not wanted.watch.is_dir():
        raise ConfigError(f"--watch {wanted.watch}: there is no such folder", "make it first")
    if wanted.sort_into and wanted.sort_into.resolve().is_relative_to(project.images.resolve()):
        raise ConfigError(
            f"--sort-into {wanted.sort_into}: the next training would learn from what is only guessed",
            "choose another folder, look through it, and `lookalike correct FOLDER` gives it to the training",
        )


def _check_any(result: Predictions, names: list[str]) -> None:
    """A command that got no answer at all did not do its work."""
    if result.counts:
        return
    if not result.total:
        raise NotReadyError(
            "there is not one photo in " + ", ".join(map(without_secrets, names)),
            "name photos, or a folder that holds some",
        )
    kind = NetworkError if all(map(photos.is_address, names)) else NotReadyError
    raise kind(f"none of the {result.total} photos could be used", "the rows above say why", result=result)
