"""What `evaluate` returns and how it reads on a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lookalike.evaluate.finding import told
from lookalike.evaluate.plots import MANY
from lookalike.files import JsonObject
from lookalike.project.records import Evaluation
from lookalike.report import Block, Table
from lookalike.text import counted

SURE = 0.8
SHOWN = 20  # rows on a terminal of what concerns many labels


@dataclass(frozen=True)
class EvaluateResult:
    """The evaluation, the run's folder, the page to open and the folder of the photos."""

    kind: ClassVar[str] = "evaluate"
    evaluation: Evaluation
    folder: Path
    page: Path
    images: str

    def data(self) -> dict[str, object]:
        """The evaluation with the places of its files."""
        return {**self.evaluation.to_json(), "folder": str(self.folder), "report": str(self.page)}

    def show(self) -> Iterable[Block]:
        """Headline, warnings, what is confused, labels, worst photos, what was found out."""
        evaluation = self.evaluation
        yield headline(evaluation)
        yield from (f"warning: {line}" for line in warnings(evaluation))
        yield confusion_table(evaluation, SHOWN)
        yield _shortened(label_table(evaluation))
        if worth_seeing(evaluation):
            yield losses_table(evaluation)
        for _, finding, found in told(evaluation):
            yield from finding.sentences(found)
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
    return f"accuracy {a.value:.3f} ({interval}): {a.right} of {counted(a.total, 'photo')} {where}"


def warnings(evaluation: Evaluation) -> list[str]:
    """What to know before believing the number."""
    lines = [doubt] if (doubt := evaluation.accuracy.doubt()) else []
    for _, finding, found in told(evaluation):
        lines += finding.warnings(found, evaluation)
    if evaluation.unreadable:
        lines.append(f"{counted(len(evaluation.unreadable), 'held-back photo')} could not be read")
    return lines


def review_command(images: str) -> str:
    """The command that opens on the mistakes of a run whose photos are in `images`, to decide about them."""
    place = "" if images == "images" else f" --images {shlex.quote(images)}"
    return f"lookalike clean --review{place}"


def advice(row: JsonObject) -> str:
    """What to do about one photo: a network that is very sure of another label may well be right."""
    if row["predicted"] == row["actual"]:
        return ""
    if row["probability"] >= SURE:
        return "is the label right? If not, move it or set it aside:"
    return "a hard one: gather more like it, or set it aside if it is a poor example:"


def confusion_table(evaluation: Evaluation, most: int) -> Table:
    """Rows are what is on the photo, columns what the network said; of many labels the `most` frequent mix-ups."""
    labels, counts = evaluation.labels, evaluation.confusion
    if len(labels) <= MANY:
        rows = tuple(
            (label, *(str(count) if count else "·" for count in row)) for label, row in zip(labels, counts, strict=True)
        )
        return Table("actual (rows) taken for (columns)", ("", *labels), rows, labels)
    pairs = [(n, labels[i], labels[j]) for i, row in enumerate(counts) for j, n in enumerate(row) if n and i != j]
    pairs.sort(key=lambda pair: -pair[0])
    shown = tuple((actual, said, str(number)) for number, actual, said in pairs[:most])
    title = f"most confused, {len(shown)} of {len(pairs)} pairs" if pairs else "no label is taken for another"
    return Table(title, ("actual", "taken for", "photos"), shown, ("photos",))


def label_table(evaluation: Evaluation) -> Table:
    """Precision and recall of each label."""
    rows = tuple(
        (label, f"{s['photos']:.0f}", f"{s['precision']:.3f}", f"{s['recall']:.3f}", f"{s['f1']:.3f}")
        for label, s in evaluation.per_label.items()
    )
    columns = ("label", "photos", "precision", "recall", "F1")
    return Table("labels", columns, rows, columns[1:])


def _shortened(labels: Table) -> Table:
    """For a terminal: of many labels those found least."""
    if len(labels.rows) <= MANY:
        return labels
    worst = sorted(labels.rows, key=lambda row: float(row[3]))[:SHOWN]
    title = f"labels, the {SHOWN} of {len(labels.rows)} with the lowest recall; all are in the report"
    return Table(title, labels.columns, tuple(worst), labels.right)


def worth_seeing(evaluation: Evaluation) -> list[JsonObject]:
    """The worst photos in which there is something to see: mistakes, and those it was not sure of."""
    return [row for row in evaluation.top_losses if row["predicted"] != row["actual"] or row["probability"] < SURE]


def losses_table(evaluation: Evaluation) -> Table:
    """The photos the network names worst, mistakes and shaky hits alike."""
    rows = tuple(
        (row["file"], row["actual"], row["predicted"], f"{row['loss']:.2f}", f"{row['probability']:.2f}")
        for row in worth_seeing(evaluation)
    )
    return Table("top losses", ("file", "actual", "predicted", "loss", "probability"), rows, ("loss", "probability"))
