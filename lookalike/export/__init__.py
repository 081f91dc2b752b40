"""Take a trained model away: in forms that need no torch, proven to answer the same, and as apps ready to publish.

The photos it learnt from can be taken away as well, as a data set."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from lookalike import __version__, plugins
from lookalike.bundle import bundle
from lookalike.errors import ConfigError
from lookalike.export import card, program, proof, samples
from lookalike.export.formats.base import Format
from lookalike.export.opened import OpenedRun, face, open_run
from lookalike.export.samples import SamplePhoto, ShowsSamples
from lookalike.export.staging import require_ours, staged
from lookalike.export.target import DataTarget, RunTarget, Target
from lookalike.files import JsonObject, write_text
from lookalike.project.names import is_device
from lookalike.project.paths import Project, load_bundle, load_evaluation
from lookalike.project.records import Bundle, Evaluation
from lookalike.report import SILENT, Block, Reporter, Table, Task
from lookalike.settings.fields import ExportSettings, Settings
from lookalike.text import counted

SHOWN = 12  # sentences about a target


@dataclass(frozen=True)
class Exported:
    """What was written and how it was proven."""

    kind: ClassVar[str] = "export"
    folder: Path
    model: Bundle | None  # None where only the photos were taken away
    bytes: dict[str, int]
    targets: dict[str, Path] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=dict)

    def data(self) -> JsonObject:
        """Folder, files with their sizes, the whole model.json, where each target lies and what is to tell of it."""
        return {
            "folder": str(self.folder),
            "bytes": self.bytes,
            "model": self.model.to_json() if self.model else None,
            "targets": {name: str(path) for name, path in self.targets.items()},
            "told": self.told,
        }

    def show(self) -> Iterable[Block]:
        """The files, the proof, and what to do next."""
        if self.model:
            rows = tuple((name, f"{size:,}") for name, size in self.bytes.items())
            yield Table(str(self.folder), ("file", "bytes"), rows, right=("bytes",))
            yield _proof_line(self.model.parity)
        for name, path in self.targets.items():
            yield f"{name}: {path} (its README.md says how to publish it)"
            told = self.told.get(name, [])
            yield from (f"  {sentence}" for sentence in told[:SHOWN])
            if len(told) > SHOWN:
                yield f"  … and {len(told) - SHOWN} more; --json lists all"
        if self.model and not self.targets:
            yield f"next: lookalike predict PHOTO --model {shlex.quote(self.model.name)}"


def _proof_line(parity: JsonObject) -> str:
    difference = (
        f"largest difference {parity['largest']:.1e}, {counted(parity['flips'], 'label differs', 'labels differ')}"
    )
    line = f"proof: {counted(parity['photos'], 'photo file')}, {difference}"
    for name, found in parity.get("formats", {}).items():
        line += f"; {name}: {found['largest']:.1e}, {found['flips']}"
    if less := parity.get("small"):
        line += f"; halving the weights moved probabilities by up to {less['largest']:.1e} and {less['flips']} labels"
    return line


def run(project: Project, settings: Settings, *, report: Reporter = SILENT) -> Exported:
    """Write the model folder, and after it each target; of targets that are made of photos alone, only these.

    Raises NotReadyError without a finished run, QualityError when a written model answers differently; whatever was
    there before is then still there.
    """
    wanted = settings.export
    formats: dict[str, Format] = {
        name: plugins.find("format", name)() for name in dict.fromkeys(["onnx", *wanted.format])
    }
    targets = {name: plugins.find("target", name)() for name in wanted.to}
    if wanted.out and len(targets) != 1:
        raise ConfigError("--out is the folder of one target", "give one --to with it")
    shown = _samples(project, wanted, targets)
    wanted = wanted.model_copy(update={"name": _name(project, wanted.name)})
    folder = project.models / str(wanted.name)
    places = {name: wanted.out or project.apps / f"{wanted.name}-{name}" for name in targets}
    for place in places.values():
        require_ours(place)
    told: dict[str, list[str]] = {}
    with report.task("export", len(formats) + len(targets) + 1) as task:
        for name, target in targets.items():
            if isinstance(target, DataTarget):
                with staged(places[name]) as part:
                    told[name] = target.write_data(part, project, str(wanted.name), settings)
                task.advance()
        if targets and len(told) == len(targets):
            return Exported(next(iter(places.values())), None, {}, places, told)
        opened = _opened(project, wanted, formats, targets)
        with staged(folder) as part:
            description = _write(part, opened, formats, wanted, task)
        for name, target in targets.items():
            if name not in told:
                with staged(places[name]) as part:
                    told[name] = _fill(target, part, folder, description, settings, opened)
                    if isinstance(target, ShowsSamples) and shown:
                        target.show_samples(part, shown)
                        told[name] += samples.told(shown)
                task.advance()
    sizes = {name: (folder / name).stat().st_size for name in (*description.files, "model.json")}
    return Exported(folder, description, sizes, places, told)


def _samples(project: Project, wanted: ExportSettings, targets: Mapping[str, object]) -> list[SamplePhoto]:
    """The photos that the apps are to show. Raises ConfigError where none of the targets can."""
    if wanted.sample and not any(isinstance(target, ShowsSamples) for target in targets.values()):
        raise ConfigError("--sample is for an app that shows photos", "give --to web with it, or voila, space, docker")
    return samples.chosen(project, wanted.sample)


def _opened(
    project: Project, wanted: ExportSettings, formats: Iterable[str], targets: Mapping[str, object]
) -> OpenedRun:
    """The run to export. Raises ConfigError, before anything is written, for what can't be made of it."""
    opened = open_run(project, wanted.run)
    if opened.people and set(formats) != {"onnx"}:
        raise ConfigError("a model of people is written as onnx only", "leave out --format")
    for target in targets.values():
        if isinstance(target, RunTarget):
            target.require(opened)
    return opened


def _fill(
    target: Target | RunTarget, part: Path, model: Path, bundle: Bundle, settings: Settings, opened: OpenedRun
) -> list[str]:
    """Have a target write its folder; returns what there is to tell about it."""
    if isinstance(target, RunTarget):
        return target.write_run(part, model, bundle, settings, opened)
    target.write(part, model, bundle, settings)
    return []


def _name(project: Project, wanted: str | None) -> str:
    """The name of the model's folder: as asked for, or the project folder's own. Raises ConfigError."""
    if wanted is None:
        own = "".join(c if c.isalnum() or c in "-_" else "-" for c in project.root.resolve().name)
        return own.strip("-") or "model"
    if not wanted or Path(wanted).name != wanted or wanted.startswith(".") or is_device(wanted):
        raise ConfigError(f"{wanted!r} cannot name a folder under models/", "use letters, digits and dashes")
    return wanted


def _write(part: Path, opened: OpenedRun, formats: Mapping[str, Format], wanted: ExportSettings, task: Task) -> Bundle:
    files = program.write(part)
    for form in formats.values():
        form.write(part, opened)
        files += form.files
        task.advance()
    if opened.run.input.crop != "none":
        files += face(part, opened)
    parity = proof.prove(part, opened, formats, wanted)
    task.advance()
    described = _describe(str(wanted.name), opened, parity)
    words = {file: what for form in formats.values() for file, what in form.files.items()}
    write_text(part / "README.md", card.card(bundle.write_description(part, described, files), opened.run, words))
    return bundle.write_description(part, described, [*files, "README.md"])


def _describe(name: str, trained: OpenedRun, parity: dict[str, object]) -> Bundle:
    import onnxruntime

    run, evaluation = trained.run, load_evaluation(trained.folder)
    first = trained.folder / "model"  # what `train` left: its temperature and accuracy stand until `evaluate` has run
    before: Bundle | Evaluation | None = load_bundle(first) if (first / "model.json").is_file() else None
    metrics: dict[str, object] = before.metrics if isinstance(before, Bundle) else {}
    if evaluation:
        before = evaluation
        accuracy = dataclasses.asdict(evaluation.accuracy)
        metrics = {"part": evaluation.part, "accuracy": accuracy, "per_label": evaluation.per_label}
    return Bundle(
        labels=run.labels,
        input=run.input,
        files={},
        name=name,
        created=Project(trained.folder.parents[1]).stamp(),
        arch=run.arch,
        run=run.id,
        fingerprint=run.fingerprint,
        temperature=before.temperature if before else 1.0,
        threshold=before.threshold if before else None,
        min_similarity=before.min_similarity if before else None,
        metrics=metrics,
        parity=parity,
        versions={"lookalike": __version__, "onnxruntime": onnxruntime.__version__, **run.versions},
    )
