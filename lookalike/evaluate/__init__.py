"""How good a run is on photos it did not learn from, what it confuses, and how far to trust the number."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from lookalike import metrics
from lookalike.bundle import bundle
from lookalike.errors import QualityError
from lookalike.evaluate import finding, neither, people
from lookalike.evaluate.answers import Answers, collect
from lookalike.evaluate.finding import Measured
from lookalike.evaluate.result import EvaluateResult, review_command
from lookalike.files import write_json
from lookalike.project.paths import Project, load_run
from lookalike.project.records import Bundle, Evaluation, TrainedRun
from lookalike.report import SILENT, Reporter
from lookalike.settings.fields import Settings


def run(project: Project, settings: Settings, *, report: Reporter = SILENT) -> EvaluateResult:
    """Measure a run, write evaluation.json and report/ beside it, and calibrate the model it left.

    Raises NotReadyError without a finished run or without its photos, QualityError (with the result) when the
    accuracy is below `--at-least`.
    """
    wanted = settings.evaluate
    folder = project.run_dir(wanted.run)
    trained = load_run(folder)
    model = bundle.of_run(folder, trained)
    model.reader.prepare()
    as_trained = dataclasses.replace(model.description, temperature=1.0)
    plain = bundle.OnnxModel(as_trained, model.session, model.reader)
    answers = collect(project, folder, trained, plain, report=report)
    evaluation = _evaluation(trained, answers, top=wanted.top, made=project.stamp())
    of_people = trained.input.crop == "aligned"
    rows = people.seen_by(project, settings, trained, report) if of_people else []
    if of_people:
        evaluation = dataclasses.replace(evaluation, min_similarity=people.limits(rows, trained.labels))
    limited = bundle.OnnxModel(_calibrated(model.description, evaluation), model.session, model.reader)
    measured = Measured(project, settings, folder, trained, answers, evaluation, limited, report, rows)
    evaluation = dataclasses.replace(evaluation, findings=finding.search(measured))
    write_json(folder / "evaluation.json", evaluation.to_json())
    _calibrate(folder / "model", evaluation)
    pages = _write_report(folder, trained, evaluation, answers, heat=wanted.heat, report=report)
    result = EvaluateResult(evaluation, folder, pages, trained.images)
    unmeasured = [label for label, row in evaluation.per_label.items() if not row["photos"]]
    if wanted.at_least is not None and unmeasured:
        raise QualityError(
            f"{', '.join(unmeasured)}: no photo of it was measured", "gather more, and train again", result=result
        )
    if wanted.at_least is not None and evaluation.accuracy.value < wanted.at_least:
        raise QualityError(
            f"accuracy {evaluation.accuracy.value:.3f} is below {wanted.at_least:g}",
            f"look at the mistakes with `{review_command(trained.images)}`, or gather more photos",
            result=result,
        )
    return result


def _evaluation(trained: TrainedRun, answers: Answers, *, top: int, made: str) -> Evaluation:
    """All that follows from the answers alone."""
    found, actual = answers.probabilities, answers.actual
    table = metrics.confusion(actual, found.argmax(axis=1), len(trained.labels))
    temperature = metrics.fit_temperature(found, actual)
    losses = metrics.losses(found, actual)
    worst = np.argsort(-losses, kind="stable")
    rows = [answers.describe(int(index), trained.labels, float(losses[index])) for index in worst]
    return Evaluation(
        run=trained.id,
        created=made,
        part=answers.part,
        accuracy=metrics.accuracy(found.argmax(axis=1) == actual, actual, trained.labels),
        labels=trained.labels,
        per_label=metrics.per_label(table, trained.labels),
        confusion=tuple(tuple(int(count) for count in row) for row in table),
        top_losses=tuple(rows[:top]),
        mistakes=tuple(row for row in rows if row["predicted"] != row["actual"]),
        unreadable=answers.unreadable,
        temperature=temperature,
        **neither.limits(answers, temperature),
    )


def _calibrate(folder: Path, evaluation: Evaluation) -> None:
    """Put the fitted temperature, the limits and the measured accuracy into the run's own model."""
    description = bundle.check(folder)
    bundle.write_description(folder, _calibrated(description, evaluation), list(description.files))


def _calibrated(description: Bundle, evaluation: Evaluation) -> Bundle:
    return dataclasses.replace(
        description,
        temperature=evaluation.temperature,
        threshold=evaluation.threshold,
        min_similarity=evaluation.min_similarity,
        metrics={**description.metrics, "accuracy": evaluation.accuracy.to_json(), "part": evaluation.part},
    )


def _write_report(
    folder: Path, trained: TrainedRun, evaluation: Evaluation, answers: Answers, *, heat: bool, report: Reporter
) -> Path:
    from lookalike.evaluate import page

    target = folder / "report"
    heats: dict[str, bytes] = {}
    wrong = [row["file"] for row in evaluation.top_losses if row["predicted"] != row["actual"]]
    if heat and trained.input.crop == "aligned":
        from lookalike.evaluate.boxes import drawn as with_boxes

        model = bundle.load(folder / "model")
        found = {row["file"]: with_boxes(answers.root / row["file"], model) for row in evaluation.top_losses}
        heats = {file: picture for file, picture in found.items() if picture}
    elif heat and wrong:
        from lookalike.vision.heat import overlays

        report.note("finding out what the network looked at")
        heats = overlays(folder, {file: answers.pixels[file] for file in wrong})
    return page.write(target, trained, evaluation, answers, heats)
