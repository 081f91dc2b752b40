"""PNG plots of an evaluation: confusion matrix, epochs, calibration, what more photos are worth."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.files import write_bytes
from lookalike.project.records import Evaluation, TrainedRun

INK, SOFT = "#1f4e79", "#c9d6e2"


def draw(folder: Path, trained: TrainedRun, evaluation: Evaluation) -> dict[str, bytes]:
    """Write confusion.png and, where there is something to draw, curve.png, calibration.png and learning-curve.png into
    `folder`; the same bytes come back by name."""
    drawn = {"confusion": _confusion(evaluation)}
    if len(trained.history) > 1:
        drawn["curve"] = _curve(trained)
    if len(evaluation.extra.get("calibration", {}).get("bins", ())) > 1:
        drawn["calibration"] = _calibration(evaluation.extra["calibration"])
    if "sizes" in evaluation.extra.get("learning_curve", {}):
        drawn["learning-curve"] = _learning_curve(evaluation)
    for name, data in drawn.items():
        write_bytes(folder / f"{name}.png", data)
    return drawn


def _figure(width: float, height: float) -> tuple[Any, Any]:
    """A figure drawn without a screen and without touching matplotlib's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _confusion(evaluation: Evaluation) -> bytes:
    labels, table = evaluation.labels, evaluation.confusion
    side = max(3.2, 0.5 * len(labels) + 2)
    figure, axes = _figure(side + 0.8, side)
    axes.imshow([[c / max(1, sum(row)) for c in row] for row in table], cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(table):
        for j, count in enumerate(row):
            share = count / max(1, sum(row))
            axes.text(j, i, str(count), ha="center", va="center", color="white" if share > 0.5 else "black")
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", parse_math=False)
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    return _png(figure)


def _curve(trained: TrainedRun) -> bytes:
    figure, axes = _figure(4.6, 3.2)
    epochs = [row["epoch"] for row in trained.history]
    axes.plot(epochs, [row["valid_loss"] for row in trained.history], "o-", color=INK, label="loss, held back")
    learnt = [(row["epoch"], row["train_loss"]) for row in trained.history if "train_loss" in row]
    axes.plot(*zip(*learnt, strict=True), "o--", color="#999999", label="loss, training")
    axes.axvline(trained.best_epoch, color=SOFT, zorder=0, linewidth=6, label="kept")
    axes.set_xticks(epochs)
    axes.set_xlabel("epoch")
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def _calibration(calibration: dict[str, Any]) -> bytes:
    figure, axes = _figure(3.6, 3.2)
    axes.plot([0, 1], [0, 1], color=SOFT)
    bins = calibration["bins"]
    axes.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], "o-", color=INK)
    axes.set_xlabel("how sure it says it is")
    axes.set_ylabel("how often it is right")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    return _png(figure)


def _learning_curve(evaluation: Evaluation) -> bytes:
    """The probe's accuracy with a part of the photos and with all of them, and the fitted curve some way further."""
    figure, axes = _figure(4.6, 3.2)
    found = evaluation.extra["learning_curve"]
    fit, sizes = found["fit"], np.array(found["sizes"])
    end = max(sizes[-1], found["photos"]) + found["more"] * len(evaluation.labels)
    reach = np.linspace(sizes[0], end, 100)
    axes.plot(reach, 1 - fit["a"] - fit["b"] * reach ** -fit["c"], color=SOFT, label="power law")
    axes.plot(sizes, found["scores"], "o", color=INK, label="linear probe, photos held out")
    axes.set_xlabel("photos learnt from")
    axes.set_ylabel("balanced accuracy")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return _png(figure)
