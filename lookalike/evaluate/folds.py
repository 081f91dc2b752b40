"""Cross-validation: train again and again, each time measuring on another part, so that every photo counts once."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np

from lookalike import metrics, plugins
from lookalike.errors import NotReadyError
from lookalike.evaluate.finding import EvaluationFinding, Measured
from lookalike.photos.cache import PixelCache, Pixels, exact, with_room
from lookalike.project import dataset as datasets
from lookalike.project.paths import Project
from lookalike.project.records import Dataset, Example, TrainedRun
from lookalike.report import Reporter
from lookalike.settings.fields import TrainSettings


class Folds(EvaluationFinding):
    """Cross-validation, where it is asked for."""

    def find(self, run: Measured) -> dict[str, object]:
        """Accuracy over all photos, each named by a network that never saw it."""
        if not (wanted := run.settings.evaluate.folds):
            return {}
        if run.of_people:
            from lookalike.evaluate import people

            return people.cross_validate(run.rows, run.trained.labels, wanted, run.trained.seed)
        return cross_validate(run.project, run.trained, wanted, report=run.report)

    def sentences(self, found: dict[str, object]) -> list[str]:
        """The number with its interval."""
        interval = f"95 % interval {found['low']:.3f} to {found['high']:.3f}"
        return [f"cross-validated: {found['value']:.3f} ({interval}) over {found['folds']} folds"]


def cross_validate(project: Project, trained: TrainedRun, folds: int, *, report: Reporter) -> dict[str, object]:
    """Accuracy over all photos with its interval, each named by a network that never saw its group; and per fold.

    Raises NotReadyError when a label has fewer groups of copies than there are folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    from lookalike.vision import checkpoint
    from lookalike.vision.device import choose, repeatable
    from lookalike.vision.material import assemble
    from lookalike.vision.steps import held_back

    wanted = TrainSettings.model_validate(trained.settings)
    root, cache = project.locate(trained.images), PixelCache(project)
    examples, pixels = _photos(project, trained, root, cache, report)
    roomy = partial(with_room, cache, root, trained.input, pixels, report=report)
    targets = np.array([trained.labels.index(example.label) for example in examples])
    groups = np.array([example.group for example in examples])
    fewest = min(len(set(groups[targets == number])) for number in range(len(trained.labels)))
    if fewest < folds:
        raise NotReadyError(f"a label has {fewest} different photos, too few for {folds} folds", "use fewer --folds")
    answers, scores = np.zeros((len(examples), len(trained.labels))), []
    device = choose(wanted.device, report)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=wanted.seed)
    for number, (_, hold) in enumerate(splitter.split(targets, targets, groups), 1):
        report.note(f"fold {number} of {folds}")
        sides = tuple(
            dataclasses.replace(example, part="valid" if index in set(hold) else "train")
            for index, example in enumerate(examples)
        )
        material = assemble(
            Dataset(str(root), trained.labels, sides, datasets.fingerprint(sides)), pixels, roomy, arch=trained.arch,
            spec=trained.input, wanted=wanted, device=device, report=report, folder=project.cache / "folds",
        )  # fmt: skip
        repeatable(wanted.seed, device)
        made = plugins.find("recipe", trained.recipe)(material)
        answers[hold] = held_back(made, material)
        (material.folder / checkpoint.NAME).unlink(missing_ok=True)
        scores.append(float((answers[hold].argmax(axis=1) == targets[hold]).mean()))
    accuracy = metrics.accuracy(answers.argmax(axis=1) == targets, targets, trained.labels)
    return {**accuracy.to_json(), "folds": folds, "each": scores}


def _photos(
    project: Project, trained: TrainedRun, root: Path, cache: PixelCache, report: Reporter
) -> tuple[list[Example], dict[str, Pixels]]:
    """The run's photos but those kept for testing, with their pixels by file; readable ones only."""
    split = datasets.examples_of(project.run_dir(trained.id), trained)
    examples = [example for example in split if example.part != "test"]
    places = [(root / example.file, example.sha256) for example in examples]
    found, _ = cache.get(places, exact(trained.input), report=report)
    rows = [(example, seen) for example, seen in zip(examples, found, strict=True) if seen is not None]
    return [example for example, _ in rows], {example.file: seen for example, seen in rows}
