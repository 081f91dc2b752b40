"""Fine-tune a network on the photos of a project. The run's folder is complete when its run.json is there."""

from __future__ import annotations

import os
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lookalike import plugins
from lookalike.bundle.bundle import write_description
from lookalike.bundle.running import FACE
from lookalike.errors import ConfigError
from lookalike.files import write_bytes, write_json, write_rows
from lookalike.photos import faces
from lookalike.project import dataset as datasets
from lookalike.project.layout import require_both_sides, require_labels, without_photos
from lookalike.project.paths import Project
from lookalike.project.records import Accuracy, Bundle, Dataset, InputSpec, Part, TrainedRun
from lookalike.project.walk import Walk, walk
from lookalike.report import SILENT, Logged, Reporter
from lookalike.settings.fields import Settings, TrainSettings
from lookalike.train import people, stopped
from lookalike.train.prepare import Prepared, corrected, framing, prepare
from lookalike.train.result import TrainResult
from lookalike.train.stopped import Place
from lookalike.vision import packaged
from lookalike.vision.packaged import DEFAULT

if TYPE_CHECKING:
    import torch

    from lookalike.vision.material import Material, Trained

LOG = "train.log"
VERSIONS = ("torch", "torchvision", "fastai", "timm", "onnxruntime", "pillow", "numpy")


def run(project: Project, settings: Settings, *, report: Reporter = SILENT) -> TrainResult:
    """Train on the project's photos and leave runs/<id>/ with a model that `predict` and `serve` find.

    Raises NotReadyError when there is too little to learn from, ConfigError for a network or file that does not
    fit, NetworkError when pretrained weights would have to be fetched and can't.
    """
    started, entered = time.perf_counter(), time.monotonic()
    _require_one_process(settings.train.recipe)
    with stopped.place(project, settings.train, report) as place:
        wanted = stopped.settings_of(place.start, settings.train) if place.start else settings.train
        if place.start:
            project = replace(project, images_dir=project.locate(place.start.images))
        plugins.require("recipe", wanted.recipe)
        found = walk(project.images)
        require_labels(found)
        require_both_sides(found)
        for label in without_photos(found):
            report.warn(f"{label!r} has no photos and is no label of this training")
        settings = settings.model_copy(update={"train": wanted})
        may_be_people = not place.start or place.start.input == people.SPEC
        if may_be_people and (made := _of_people(project, settings, found, report, started)):
            return _leave(place, project, wanted, made, found, report)
        report.note(f"{found.summary()}; loading torch")
        with _Reading(project, settings, found, place, report) as reading:  # while torch is loaded: each takes seconds
            from lookalike.vision import distributed, weights
            from lookalike.vision.device import choose

            _require_one_process(wanted.recipe)
            device = choose(wanted.device, report)
            weights.resolve(_arch(wanted))
            with distributed.joined(device):
                usual = reading.spec.result()
                spec = usual if place.start else _input_spec(wanted, usual, len(found.photos), device, report, entered)
                return _train(project, wanted, spec, reading.prepared(spec), place, device, report, started, entered)


def _require_one_process(recipe: str) -> None:
    """Before anything is begun: of several processes, the first that refuses ends the others wherever they are."""
    if recipe in ("book", "people") and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(f"--recipe {recipe} trains in one process", f"leave out --recipe {recipe}, or torchrun")


class _Reading:
    """Photos read in the background, as soon as it is known how the network will see them: of the network that comes
    with a package at once, of others when they have been tried.

    Of several processes the first does it and the others, held up by the cache's lock, find its work there.
    """

    def __init__(self, project: Project, settings: Settings, found: Walk, place: Place, report: Reporter) -> None:
        wanted = settings.train
        self._prepare = lambda spec: prepare(project, wanted, spec, found, place.examples(), report)
        photos = [project.images / item.file for item in found.photos]
        self.pool = ThreadPoolExecutor(1)
        start = place.start
        self.spec = self.pool.submit(lambda: start.input if start else framing(settings, photos, report))
        settled = start or (_is_known(wanted.arch) and (wanted.size or not wanted.budget))
        self._prepared = self.pool.submit(lambda: self._prepare(self.spec.result())) if settled else None

    def prepared(self, spec: InputSpec) -> Prepared:
        """Everything read as `spec` says, now at the latest."""
        return self._prepared.result() if self._prepared else self._prepare(spec)

    def __enter__(self) -> _Reading:
        self.interval = sys.getswitchinterval()
        sys.setswitchinterval(self.interval / 10)  # photos wait less for the interpreter, which loads torch
        return self

    def __exit__(self, *_: object) -> None:
        sys.setswitchinterval(self.interval)
        self.pool.shutdown(wait=False, cancel_futures=True)  # a wrong flag is told at once


def _train(
    project: Project, wanted: TrainSettings, spec: InputSpec, prepared: Prepared, place: Place, device: torch.device,
    report: Reporter, started: float, entered: float,
) -> TrainResult:  # fmt: skip
    """The same in one process or in several: of those, one writes."""
    from lookalike.vision import corrections, distributed, model, onnx
    from lookalike.vision.device import repeatable
    from lookalike.vision.material import assemble

    place.folder = folder = distributed.share(lambda: place.folder)
    resume = place.start is not None
    if distributed.rank() == 0:
        place.begin(wanted, spec, prepared.dataset)
    log = Logged(report, folder / LOG if distributed.rank() == 0 else Path(os.devnull))
    material = assemble(
        prepared.dataset, prepared.pixels, prepared.roomy, arch=_arch(wanted), rivals=_rivals(wanted), spec=spec,
        wanted=wanted, device=device, report=log, folder=folder, resume=resume, kept=place.keep,
        deadline=entered + wanted.budget if wanted.budget else None, corrected=corrected(project),
    )  # fmt: skip
    repeatable(wanted.seed, device)
    ready = time.perf_counter()
    trained = _fit(wanted.recipe, material, log)
    corrections.name_rightly(trained.network, material)
    seconds = {"pixels": prepared.seconds, "prepare": ready - started, "fit": time.perf_counter() - ready}
    accuracy, temperature = _measure(trained, material)
    seconds["total"] = time.perf_counter() - started
    log.write(f"accuracy {accuracy.value:.3f} on photos held back, after {seconds['total']:.0f} s")
    done = _record(folder.name, project, wanted, prepared.dataset, spec, trained, seconds)
    if distributed.rank() == 0:
        model.save(trained.network, folder / model.WEIGHTS_FILE)
        if trained.similarities is not None:
            datasets.write_similarities(folder, prepared.dataset.part("train"), trained.similarities.tolist())
        _write(folder, done, onnx.to_onnx(trained.network, spec), trained.plan, accuracy, temperature)
        place.end()
    skipped = tuple((str(path.relative_to(project.images)), str(fault)) for path, fault in prepared.faults.items())
    return TrainResult(done, folder, folder / "model", accuracy, skipped, prepared.passed)


def _of_people(
    project: Project, settings: Settings, found: Walk, report: Reporter, started: float
) -> people.Made | None:
    """A training on people where that is asked for, or where the labels are persons; else nothing, and faces can be
    found where they may be looked for."""
    if settings.train.recipe == "people":
        faces.require(settings.network, report)
    elif settings.train.crop != "auto" or not faces.offered(settings.network, report):
        return None
    return people.train(project, settings, found, report, started)


def _leave(
    place: Place, project: Project, wanted: TrainSettings, made: people.Made, found: Walk, report: Reporter
) -> TrainResult:
    """The run of a training on people."""
    folder = place.folder
    place.begin(wanted, people.SPEC, made.dataset)
    done = TrainedRun(
        id=folder.name, created=project.stamp(), labels=made.dataset.labels,
        arch=people.NETWORK, recipe="people", input=people.SPEC, head=made.head.kind,
        settings=wanted.model_dump(mode="json"), fingerprint=made.dataset.fingerprint, seed=wanted.seed,
        images=project.keep(project.images), versions=people.versions(), history=made.history,
        counts=_counts(made.dataset), seconds=made.seconds,
    )  # fmt: skip
    log = Logged(report, folder / LOG)
    log.write(f"{people.NETWORK}, {done.head}, {len(made.dataset.part('train'))} photos to learn from")
    log.write(f"accuracy {made.accuracy.value:.3f} on photos held back, after {made.seconds['total']:.0f} s")
    made.head.save(folder / "weights.safetensors")
    _write(folder, done, made.onnx, {}, made.accuracy, made.temperature, people.SAME)
    place.end()
    skipped = tuple((str(path.relative_to(project.images)), str(fault)) for path, fault in made.faults.items())
    return TrainResult(done, folder, folder / "model", made.accuracy, skipped, found.passed)


def _arch(wanted: TrainSettings) -> str:
    """The network that is trained, unless a rival takes its place."""
    return DEFAULT if wanted.arch == "auto" else wanted.arch


def _rivals(wanted: TrainSettings) -> tuple[str, ...]:
    """Networks that may take its place: of the installed extras, where nothing was asked for that rules them out."""
    free = wanted.arch == "auto" and wanted.weights == "auto" and wanted.recipe in ("auto", "probe")
    return packaged.rivals() if free else ()


def _is_known(arch: str) -> bool:
    """Whether the network takes every size, and ONNX can express it: it need not be tried."""
    return arch in ("auto", *packaged.PACKAGED)


def _fit(recipe: str, material: Material, log: Logged) -> Trained:
    """Train, and log how that ends unless it ends well."""
    log.write(f"{material.arch}, {material.spec.size} px, {len(material.train)} photos to learn from")
    try:
        trained: Trained = plugins.find("recipe", recipe)(material)
    except BaseException as error:
        log.write(f"stopped: {type(error).__name__} {error}".rstrip())
        raise
    return trained


def _record(
    name: str, project: Project, wanted: TrainSettings, dataset: Dataset, spec: InputSpec, trained: Trained,
    seconds: dict[str, float],
) -> TrainedRun:  # fmt: skip
    """run.json as a value."""
    return TrainedRun(
        id=name, created=project.stamp(), labels=dataset.labels,
        arch=trained.arch or _arch(wanted), recipe=wanted.recipe, input=spec, head=trained.head,
        settings=wanted.model_dump(mode="json"), fingerprint=dataset.fingerprint, seed=wanted.seed,
        images=project.keep(project.images),
        versions={"python": platform.python_version(), **{name: _version(name) for name in VERSIONS}},
        history=trained.history, best_epoch=trained.best_epoch, counts=_counts(dataset), seconds=seconds,
    )  # fmt: skip


def _version(name: str) -> str:
    """Of an installed package; a source tree on the path says nothing of it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _input_spec(
    wanted: TrainSettings, usual: InputSpec, photos: int, device: torch.device, report: Reporter, entered: float
) -> InputSpec:
    """What the network gets to see: the usual, normalised as its weights expect, or less if time is short."""
    from lookalike.vision import distributed, plan, trial, weights

    arch = _arch(wanted)
    mean, std = weights.normalisation(arch)
    spec = replace(usual, mean=mean, std=std)
    if not _is_known(arch):
        told, recipe = wanted.size is not None, wanted.recipe
        size = distributed.share(
            lambda: trial.usable_size(arch, wanted.weights, recipe, usual.size, told=told, report=report)
        )
        spec = replace(spec, size=size)
    if not wanted.budget or wanted.size:
        return spec
    left = entered + wanted.budget - time.monotonic()
    size = distributed.share(lambda: plan.affordable_size(arch, spec.size, photos, left, device))
    if size < spec.size:
        report.note(f"{size} px instead of {spec.size}, to fit the time")
    return replace(spec, size=size)


def _measure(trained: Trained, material: Material) -> tuple[Accuracy, float]:
    """Accuracy of the kept network on the photos held back, with its interval; and the temperature that suits it."""
    from lookalike import metrics
    from lookalike.vision.steps import held_back

    answers, targets = held_back(trained, material), np.array(material.valid_targets)
    accuracy = metrics.accuracy(answers.argmax(axis=1) == targets, targets, material.dataset.labels)
    return accuracy, metrics.fit_temperature(answers, targets)


def _counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    parts: tuple[Part, ...] = ("train", "valid", "test")
    return {label: {part: dataset.count(label, part) for part in parts} for label in dataset.labels}


def _write(
    folder: Path, done: TrainedRun, onnx: bytes, plan: dict[str, object], accuracy: Accuracy,
    temperature: float, min_similarity: float | None = None,
) -> None:  # fmt: skip
    """Everything of a run but its weights, run.json last."""
    columns = ["epoch", "train_loss", "valid_loss", "accuracy", "seconds"]
    write_rows(folder / "history.csv", columns, ([row.get(name, "") for name in columns] for row in done.history))
    write_bytes(folder / "model" / "model.onnx", onnx)
    bundle = Bundle(
        name=done.id, created=done.created, labels=done.labels, input=done.input, arch=done.arch, run=done.id,
        fingerprint=done.fingerprint, files={}, temperature=temperature, min_similarity=min_similarity,
        metrics={"accuracy": accuracy.to_json()} if accuracy.total else {}, versions=done.versions,
    )  # fmt: skip
    files = ["model.onnx"]
    if done.input.crop != "none":
        write_bytes(folder / "model" / FACE, faces.model())
        files.append(FACE)
    write_description(folder / "model", bundle, files)
    write_json(folder / "plan.json", plan)
    write_json(folder / "run.json", done.to_json())
