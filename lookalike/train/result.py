"""What `train` returns and shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lookalike.project.records import Accuracy, TrainedRun
from lookalike.project.walk import Found, tell
from lookalike.report import Block, Table
from lookalike.text import counted


@dataclass(frozen=True)
class TrainResult:
    """A finished run: where it is, what it learnt from and how well it does on the photos held back.

    `skipped` are photos that could not be read, `passed` files that the walk passed over.
    """

    kind: ClassVar[str] = "train"
    run: TrainedRun
    folder: Path
    model: Path
    accuracy: Accuracy
    skipped: tuple[tuple[str, str], ...] = ()
    passed: tuple[Found, ...] = ()

    def data(self) -> dict[str, object]:
        """The run, its folder and the accuracy of the kept epoch."""
        return {
            "run": self.run.to_json(),
            "folder": str(self.folder),
            "model": str(self.model),
            "accuracy": self.accuracy.to_json(),
            "skipped": [{"file": file, "reason": reason} for file, reason in self.skipped],
            "passed_over": [item.told() for item in self.passed],
        }

    def show(self) -> Iterable[Block]:
        """The learning curve and what to do next."""
        rows = []
        for row in self.run.history:
            kept = "kept" if row["epoch"] == self.run.best_epoch else ""
            train_loss = f"{row['train_loss']:.3f}" if "train_loss" in row else "probe"
            rows.append((f"{row['epoch']:.0f}", train_loss, f"{row['valid_loss']:.3f}", f"{row['accuracy']:.3f}", kept))
        columns = ("epoch", "train loss", "valid loss", "accuracy", "")
        title = f"run {self.run.id}: {self.run.arch}, {self.run.input.size} px"
        yield Table(title, columns, tuple(rows), columns[:4]) if rows else title
        if self.skipped:
            unread = counted(len(self.skipped), "photo")
            yield f"{unread} could not be read and so left out; `lookalike clean` sets them aside."
        if self.passed:
            yield tell(self.passed)
        a = self.accuracy
        if not a.total:
            yield f"no photo was held back to measure on, in {self.run.seconds['total']:.0f} s"
            yield "next: lookalike predict PHOTO"
            return
        yield (
            f"accuracy {a.value:.3f} on {counted(a.total, 'photo')} held back"
            f" (95 % interval {a.low:.3f} to {a.high:.3f}; {a.balance()}), in {self.run.seconds['total']:.0f} s"
        )
        if doubt := a.doubt():
            yield f"warning: {doubt}"
        yield "next: lookalike evaluate, or lookalike predict PHOTO"
