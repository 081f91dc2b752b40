"""What `evaluate` returns and how it reads on a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from lookalike.evaluate import leakage, learning_curve, neither, people
from lookalike.evaluate.honesty import suspicious
from lookalike.project.records import Evaluation
from lookalike.report import Block, Table

SURE = 0.8
FEW = 10  # photos of a label below which its number means little


@dataclass(frozen=True)
class EvaluateResult:
    """The evaluation, the run's folder, the page to open and the folder of the photos."""

    kind: ClassVar[str] = "evaluate"
    evaluation: Evaluation
    folder: Path
    page: Path
    images: str

    def data(self) -> dict[str, Any]:
        """The evaluation with the places of its files."""
        return {**self.evaluation.to_json(), "folder": str(self.folder), "report": str(self.page)}

    def show(self) -> Iterable[Block]:
        """Headline, confusion matrix, labels, worst photos, warnings."""
        evaluation = self.evaluation
        yield headline(evaluation)
        yield from warnings(evaluation)
        yield confusion_table(evaluation)
        yield label_table(evaluation)
        if evaluation.top_losses:
            yield losses_table(evaluation)
        yield from neither.lines(evaluation.extra.get("neither", {}))
        yield from people.lines(evaluation.extra.get("people", {}))
        if worth := learning_curve.sentence(evaluation.extra.get("learning_curve", {})):
            yield worth
        yield f"report: {self.page}"
        if evaluation.mistakes:
            yield f"next: {review_command(self.images)} to look at the mistakes, or lookalike export"
        else:
            yield "next: lookalike export"


def headline(evaluation: Evaluation) -> str:
    """The number, with how sure it is."""
    a = evaluation.accuracy
    where = "kept for testing only" if evaluation.part == "test" else "held back from training"
    interval = f"95 % interval {a.low:.3f} to {a.high:.3f}; {a.balance()}"
    return f"accuracy {a.value:.3f} ({interval}): {a.right} of {a.total} photos {where}"


def warnings(evaluation: Evaluation) -> list[str]:
    """What to know before believing the number."""
    lines = []
    checks = evaluation.extra
    accuracy = evaluation.accuracy
    if accuracy.scarcest and accuracy.fewest < FEW:
        lines.append(
            f"warning: of {accuracy.scarcest} only {accuracy.fewest} photos were measured, too few to tell; balanced"
            f" accuracy {accuracy.balanced:.3f}"
        )
    if copies := checks.get("leak", {}).get("copies"):
        without = checks["leak"]["without_copies"]
        lines.append(
            f"warning: {copies} of them are copies of photos it learnt from; without these it is {without['value']:.3f}"
        )
    if leakage.noteworthy(naive := checks.get("naive_split", {})):
        lines.append(f"warning: {leakage.sentence(naive)}")
    for name in suspicious(checks, evaluation.accuracy.value):
        lines.append(f"warning: {name} alone tells the labels apart {checks['shortcuts'][name]:.2f} of the time")
    if evaluation.unreadable:
        lines.append(f"warning: {len(evaluation.unreadable)} held-back photos could not be read")
    if folds := checks.get("folds"):
        lines.append(
            f"cross-validated: {folds['value']:.3f} (95 % interval {folds['low']:.3f} to {folds['high']:.3f})"
            f" over {folds['folds']} folds"
        )
    return lines


def review_command(images: str) -> str:
    """The command that opens on the mistakes of a run whose photos are in `images`, to decide about them."""
    place = "" if images == "images" else f" --images {shlex.quote(images)}"
    return f"lookalike clean --review{place}"


def advice(row: dict[str, Any]) -> str:
    """What to do about one photo: a network that is very sure of another label may well be right."""
    if row["predicted"] == row["actual"]:
        return ""
    if row["probability"] >= SURE:
        return "is the label right? If not, move it or set it aside:"
    return "a hard one: gather more like it, or set it aside if it is a poor example:"


def confusion_table(evaluation: Evaluation) -> Table:
    """Rows are what is on the photo, columns what the network said."""
    rows = tuple(
        (label, *(str(count) if count else "·" for count in row))
        for label, row in zip(evaluation.labels, evaluation.confusion, strict=True)
    )
    return Table("actual (rows) taken for (columns)", ("", *evaluation.labels), rows, evaluation.labels)


def label_table(evaluation: Evaluation) -> Table:
    """Precision and recall of each label."""
    rows = tuple(
        (label, f"{s['photos']:.0f}", f"{s['precision']:.3f}", f"{s['recall']:.3f}", f"{s['f1']:.3f}")
        for label, s in evaluation.per_label.items()
    )
    columns = ("label", "photos", "precision", "recall", "F1")
    return Table("labels", columns, rows, columns[1:])


def learning_curve_table(found: dict[str, Any]) -> Table:
    """What more photos are worth, of all labels together and of single ones; no rows where it could not be told."""
    rows = [("all labels, balanced accuracy", found)] if "labels" in found else []
    rows += [(f"{label} alone, recall", row) for label, row in found.get("labels", {}).items()]
    more = f"with {found.get('more', 0)} more of each"
    cells = tuple(
        (name, str(row["photos"]), f"{row['scores'][-1]:.3f}", f"{100 * row['gain']:+.1f}", f"{100 * row['noise']:.1f}")
        for name, row in rows
    )
    columns = ("measured with a linear probe", "photos", "now", more, "±")
    return Table("what more photos are worth", columns, cells, columns[1:])


def losses_table(evaluation: Evaluation) -> Table:
    """The photos the network names worst, mistakes and shaky hits alike."""
    rows = tuple(
        (row["file"], row["actual"], row["predicted"], f"{row['loss']:.2f}", f"{row['probability']:.2f}")
        for row in evaluation.top_losses
    )
    return Table("top losses", ("file", "actual", "predicted", "loss", "probability"), rows, ("loss", "probability"))
