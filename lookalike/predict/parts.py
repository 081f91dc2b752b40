"""`predict --out FOLDER`: answers for long lists, in parts, on this machine or a cluster; it may stop and go on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from lookalike.bundle import bundle, locate
from lookalike.bundle.answer import unicode
from lookalike.errors import ConfigError, Interrupted, LookalikeError, NotReadyError
from lookalike.files import sha256_file, write_bytes
from lookalike.predict import photos, plan
from lookalike.predict.engines.base import Answered, Engine, Work
from lookalike.predict.photos import Named
from lookalike.project.paths import Project
from lookalike.project.walk import Found, tell
from lookalike.report import Block, Reporter
from lookalike.settings.fields import PredictSettings, Settings
from lookalike.text import counted

ENGINES = {
    "local": "lookalike.predict.engines.local:Local",
    "ray": "lookalike.predict.engines.ray_data:RayData",
}
KEPT = "finished parts are kept; run the same command to go on"


@dataclass
class Parts:
    """Where the answers are, and what this command added to them."""

    kind: ClassVar[str] = "parts"
    folder: plan.PartsFolder
    before: int
    finished: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    passed: list[Found] = field(default_factory=list)

    def add(self, answered: Answered) -> None:
        """Write the file of a part, in one step, and count what is in it."""
        write_bytes(self.folder.file(answered.part), answered.rows)
        self.finished += 1
        self.counts += answered.counts
        self.reasons += answered.reasons

    def data(self) -> dict[str, object]:
        """The folder, how far it is, and what was answered now, by answer and by reason."""
        listed = self.folder.plan
        return {
            "out": unicode(str(self.folder.out)),
            "photos": listed.photos,
            "parts": {"all": listed.parts, "before": self.before, "finished": self.before + self.finished},
            "counts": dict(self.counts.most_common()),
            "unreadable": dict(self.reasons.most_common()),
            "passed_over": [item.told() | {"file": unicode(item.file)} for item in self.passed],
        }

    def show(self) -> Iterable[Block]:
        """A line for what was answered now, and one for where it is."""
        listed = self.folder.plan
        said = [f"{label} {number:,}" for label, number in self.counts.most_common()]
        said += [f"no answer {self.reasons.total():,} ({', '.join(self.reasons)})"] if self.reasons else []
        asked = counted(self.counts.total() + self.reasons.total(), "photo")
        if told := "; ".join(filter(None, (f"{asked}: {', '.join(said)}" if said else "", tell(self.passed)))):
            yield told
        there = f", {self.before:,} of them there before" if self.before else ""
        done = f"{self.before + self.finished:,} of {counted(listed.parts, 'part')} finished{there}"
        yield f"{self.folder.out}: {counted(listed.photos, 'photo')}, {done}"


def run(project: Project, settings: Settings, names: list[str], *, report: Reporter) -> Parts:
    """Answer for every photo, in files of `--part-size` photos each; what is answered already is not asked again.

    Raises ConfigError when the folder was begun on other terms, NotReadyError when there is no model, Interrupted on
    Ctrl-C, and what an engine raises; the last two with what was finished.
    """
    wanted = settings.predict
    _check(wanted, names)
    engine = _engine(wanted.engine)
    engine.require()
    if wanted.parquet:
        import_module("pyarrow")
    model = locate.locate(project, wanted.model).resolve()
    bundle.check(model, wanted.threshold)
    form = "parquet" if wanted.parquet else "jsonl"
    terms = plan.Terms(sha256_file(model / "model.json"), wanted.threshold, wanted.top, form, wanted.part_size)
    out, passed = wanted.out or project.root / "predictions", list[Found]()
    with plan.opened(out, _listed(names, out, passed), terms) as folder:
        result = Parts(folder, sum(1 for _ in folder.finished()), passed=passed)
        try:
            _answer(engine, Work(folder, model, settings.network, wanted.jobs), result, report)
        except KeyboardInterrupt:
            raise Interrupted(f"stopped; {_far(result)}", KEPT, result=result) from None
        except LookalikeError as error:
            raise type(error)(error.message, f"{error.hint}; {KEPT}", result=result) from None
    if result.finished and not result.counts:
        raise NotReadyError("none of the photos could be used", f"{out} says why, row by row", result=result)
    return result


def _answer(engine: Engine, work: Work, result: Parts, report: Reporter) -> None:
    listed = work.folder.plan
    answers = engine.answers(work, work.folder.unfinished())
    with report.task("photos", listed.photos) as task, closing(answers):
        task.advance(sum(map(listed.rows, work.folder.finished())))
        for answered in answers:
            result.add(answered)
            task.advance(listed.rows(answered.part))


def _far(result: Parts) -> str:
    return f"{result.before + result.finished:,} of {counted(result.folder.plan.parts, 'part')} are finished"


def _engine(name: str) -> Engine:
    module, _, attribute = ENGINES[name].partition(":")
    engine: Any = getattr(import_module(module), attribute)()
    return engine


def _check(wanted: PredictSettings, names: list[str]) -> None:
    alone = {"--csv": wanted.csv, "--sort-into": wanted.sort_into, "--watch": wanted.watch}
    if given := [flag for flag, value in alone.items() if value]:
        raise ConfigError(f"{given[0]} is not for answers in parts", "leave it out, or leave out --out and --engine")
    if wanted.jsonl and wanted.parquet:
        raise ConfigError("--jsonl and --parquet exclude each other", "choose one")
    if not names:
        raise ConfigError("there is nothing to look at", "name photos, folders, lists or addresses")
    if wanted.out and ":/" in wanted.out.as_posix():
        raise ConfigError(f"--out {wanted.out} is no folder here", "answers come to this machine: name a folder of it")


def _listed(names: list[str], out: Path, passed: list[Found]) -> Iterator[Named]:
    """Every photo; what stands in the folder of the answers is none of them."""
    own = tuple(place for name in names if (place := _within(name, out)))
    for portion in photos.portions(names, passed):
        for named in portion:
            if not (own and named[0].startswith(own)):
                yield named


def _within(name: str, out: Path) -> str:
    """How the names of files in the folder of the answers begin when this argument's folder is walked."""
    folder, whole = Path(name), out.resolve()
    if photos.is_remote(name) or not folder.is_dir() or not whole.is_relative_to(folder.resolve()):
        return ""
    return str(folder / whole.relative_to(folder.resolve())) + os.sep
