"""Trainings that were stopped. Each keeps in its folder under runs/ what it was started with and its last kept epoch.

    runs/<id>/started.json   settings, photos' folder, what the network sees, how far it is
    runs/<id>/split.csv      the photos and their sides
    runs/<id>/training.pt    all that the next epoch needs (lookalike.vision.checkpoint)
    runs/<id>/.lock          held while it runs

All but split.csv go when it ends. Whatever ends the process, the folder is as good as at the last kept epoch.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lookalike.errors import Interrupted, LookalikeError, refused
from lookalike.files import PART, write_json
from lookalike.project import dataset as datasets
from lookalike.project.paths import Project
from lookalike.project.records import Dataset, Example, InputSpec
from lookalike.project.typed import Record
from lookalike.report import Reporter
from lookalike.settings.fields import TrainSettings

START, KEPT, LOCK, SPLIT = "started.json", "training.pt", ".lock", "split.csv"
MOST = 3  # stopped trainings that are kept, a few hundred megabytes each
OF_TODAY = {"resume", "device", "cache_limit"}  # settings that change nothing of what is learnt


@dataclass(frozen=True)
class Start(Record):
    """What a training was started with, and how many of its epochs are kept."""

    created: str
    settings: dict[str, object]
    images: str
    input: InputSpec
    epochs: int = 0
    planned: int = 0


@dataclass
class Place:
    """The folder of a training that is under way; `start` is there once it is known what it starts with."""

    project: Project
    folder: Path
    start: Start | None = None
    again: bool = False  # it was stopped before, and goes on

    @property
    def kept(self) -> bool:
        """Whether there is something to go on with."""
        return self.start is not None and (self.folder / KEPT).is_file()

    def examples(self) -> tuple[Example, ...]:
        """The photos of a training that goes on, none of one that begins."""
        return datasets.read_examples(self.folder / SPLIT) if self.start else ()

    def begin(self, wanted: TrainSettings, spec: InputSpec, dataset: Dataset) -> None:
        """Write down what it starts with, unless it goes on."""
        if self.start:
            return
        datasets.write_split(self.folder / SPLIT, dataset, seed=wanted.seed, valid=wanted.valid)
        images = self.project.keep(self.project.images)
        self.start = Start(self.project.stamp(), {**wanted.model_dump(mode="json"), **_told(wanted)}, images, spec)
        write_json(self.folder / START, self.start.to_json())

    def keep(self, epochs: int, planned: int) -> None:
        """After an epoch was kept: note which, and let go of the oldest of too many stopped trainings."""
        assert self.start
        self.start = replace(self.start, epochs=epochs, planned=planned)
        write_json(self.folder / START, self.start.to_json())
        others = [folder for folder, _ in found(self.project.runs) if folder != self.folder]
        for folder in others[MOST - 1 :]:
            with ExitStack() as stack:
                if _hold(folder, stack):  # it doesn't run
                    _forget(folder)

    def end(self) -> None:
        """The training has ended and is written; nothing is left to go on with."""
        for name in (KEPT, START, LOCK):
            (self.folder / name).unlink(missing_ok=True)

    def way_on(self) -> str:
        """The command that goes on."""
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            return "run the same torchrun command with --resume"
        return f"go on with: {self.project.command('train --resume')}"


def found(runs: Path) -> list[tuple[Path, Start]]:
    """Every stopped or running training, the newest first: one can go on, or begin again as it began."""
    all_of_them = []
    for path in runs.glob(f"[!.]*/{START}"):
        if not (path.parent / "run.json").is_file():
            try:
                start = Start.from_json(json.loads(path.read_text(encoding="utf-8")))
                TrainSettings.model_validate(start.settings)
                all_of_them.append((path.parent, start))
            except (OSError, ValueError, TypeError, RecursionError):
                continue
    return sorted(all_of_them, key=lambda item: (item[1].created, item[0].name), reverse=True)


@contextmanager
def place(project: Project, wanted: TrainSettings, report: Reporter) -> Iterator[Place]:
    """The folder to train in, held: a new one, or with `resume` that of a stopped training.

    An error in the block leaves what can go on; Ctrl-C and a refusal of the system are told with the way on. A training
    that is refused before anything of it is kept leaves no folder.
    """
    with ExitStack() as stack:
        _sweep(project.runs)
        here = _claimed(project, wanted, report, stack) if wanted.resume else None
        if not here:
            _tell_of_others(project, wanted, report)
            here = Place(project, _new_folder(project.runs))
            _hold(here.folder, stack)
        try:
            yield here
        except KeyboardInterrupt:
            if here.again and not here.kept:
                raise Interrupted("stopped; no epoch is kept yet", here.way_on()) from None
            if not here.kept or not here.start:
                _forget(here.folder)
                _drop_unless_told(here.folder)
                raise
            told = f"stopped; {here.start.epochs} of {here.start.planned} epochs are kept"
            raise Interrupted(told, here.way_on()) from None
        except (OSError, LookalikeError) as error:
            if not here.kept and not here.again and _leads():
                shutil.rmtree(here.folder, ignore_errors=True)
                with suppress(OSError):  # others are in it
                    project.runs.rmdir()
            if not (here.kept or here.again) or isinstance(error, LookalikeError):
                raise
            fault = refused(error)
            raise type(fault)(fault.message, f"put that right, then {here.way_on()}") from None


def _claimed(project: Project, wanted: TrainSettings, report: Reporter, stack: ExitStack) -> Place | None:
    """The newest stopped training, one with the settings that were told before others; None when there is none."""
    told = {**wanted.model_dump(mode="json"), **_told(wanted)}
    told = {name: told[name] for name in wanted.model_fields_set - OF_TODAY}
    images = project.keep(project.images)
    stopped = [item for item in found(project.runs) if item[1].images == images]
    for folder, start in sorted(stopped, key=lambda item: bool(_differing(item[1], told))):
        if not _leads() or _hold(folder, stack):
            for name, was in _differing(start, told).items():
                report.warn(f"it was started with {name} {was} and goes on so, not with {told[name]}")
            return _gone_on_with(Place(project, folder, start, again=True))
    report.warn(f"there is no stopped training of {images} to go on with; a new one starts")
    return None


def _gone_on_with(here: Place) -> Place:
    """Note that this is the newest now: stopped again, it goes on before others."""
    if here.start and _leads():
        here.start = replace(here.start, created=here.project.stamp())
        write_json(here.folder / START, here.start.to_json())
    return here


def settings_of(start: Start, wanted: TrainSettings) -> TrainSettings:
    """The settings a training goes on with: all that it learns by as it was started."""
    today = wanted.model_dump(include=OF_TODAY)
    return TrainSettings.model_validate({**start.settings, **today})


def _differing(start: Start, told: dict[str, object]) -> dict[str, object]:
    return {name: start.settings.get(name) for name, value in told.items() if start.settings.get(name) != value}


def _tell_of_others(project: Project, wanted: TrainSettings, report: Reporter) -> None:
    images = project.keep(project.images)
    stopped = [] if wanted.resume else [item for item in found(project.runs) if item[1].images == images]
    for folder, start in stopped:
        with ExitStack() as stack:
            if not _hold(folder, stack):
                continue  # it runs
        when = f"after {start.epochs} of {start.planned} epochs" if start.epochs else "in its first epoch"
        report.note(f"{folder.name} was stopped {when}; {project.command('train --resume')} goes on with it")
        break


def _told(wanted: TrainSettings) -> dict[str, object]:
    """Settings that mean something else where somebody else stands."""
    return {"weights": wanted.weights_anywhere}


def _forget(folder: Path) -> None:
    """Let go of a training that was stopped."""
    if _leads():
        for name in (KEPT, START):
            (folder / name).unlink(missing_ok=True)


def _leads() -> bool:
    """Whether this process writes, of several that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _new_folder(runs: Path) -> Path:
    runs.mkdir(parents=True, exist_ok=True)
    folder = runs / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    if _leads():
        folder.mkdir()
    return folder


def _hold(folder: Path, stack: ExitStack) -> bool:
    """Hold a training's folder until the stack ends; False when another process does."""
    if not _leads():
        return True
    try:
        stack.enter_context(FileLock(folder / LOCK, timeout=0))
    except Timeout:
        return False
    return True


def _sweep(runs: Path) -> None:
    """Remove what killed trainings were about to write: it may be hundreds of megabytes."""
    for folder in {path.parent for path in runs.glob(f"*/.*{PART}")} if _leads() else ():
        with ExitStack() as stack:
            if not (folder / "run.json").is_file() and _hold(folder, stack):
                for part in folder.glob(f".*{PART}"):
                    part.unlink(missing_ok=True)


def _drop_unless_told(folder: Path) -> None:
    """Remove a training's folder in which nothing was written yet."""
    if _leads() and {path.name for path in folder.iterdir()} <= {LOCK}:
        shutil.rmtree(folder, ignore_errors=True)
