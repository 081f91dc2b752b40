"""PNG pictures: what findings draw theirs with, and those of every evaluation, confusion matrix and epochs."""

from __future__ import annotations

import io
import warnings
from importlib.util import find_spec
from typing import Any

from lookalike.errors import MissingExtraError, missing_package
from lookalike.project.records import Evaluation, TrainedRun
from lookalike.text import printable

INK, SOFT = "#1f4e79", "#c9d6e2"
CAPTIONS = {
    "confusion": "Each row is what the photos show, each column what they were taken for: "
    "off the diagonal are mistakes.",
    "curve": "Loss is low where it is surely right. When it rises on photos held back, the network begins to learn the "
    "others by heart; the epoch of the bar was kept. Epoch 0 is the linear probe.",
    "calibration": "On the line, it is right about 8 in 10 of the photos it is 80 % sure of; below, it is too sure.",
    "learning-curve": "How well it would know new photos with fewer photos to learn from, and with more.",
}
"""What to see in a picture of the report, by its name."""
LONGEST = 30  # letters of a label in a picture
WIDE = {
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Micro Hei", "Hiragino Sans", "Arial Unicode MS",
    "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Noto Sans Devanagari", "Nirmala UI", "Noto Sans Thai",
}  # fmt: skip
"""Fonts of systems that have the letters which matplotlib's own has not."""
MANY = 20  # labels; of more, single counts are not read but the pairs confused most


def missing() -> MissingExtraError | None:
    """Why nothing can be drawn, where a light installation has nothing to draw with."""
    return None if find_spec("matplotlib") else missing_package("matplotlib")


def draw(trained: TrainedRun, evaluation: Evaluation) -> dict[str, bytes]:
    """By name: what is taken for what, and the epochs where there are some."""
    drawn = {"confusion": _confusion(evaluation)}
    if len(trained.history) > 1:
        drawn["curve"] = _curve(trained)
    return drawn


def figure(width: float, height: float) -> tuple[object, Any]:
    """A figure drawn without a screen and without touching matplotlib's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(drawn)
    axes = drawn.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return drawn, axes


def png(drawn: Any) -> bytes:
    """The figure as a file. What it can't show, such as letters that no font here has, is no matter for a warning."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _fonts() -> list[str]:
    """Those that have letters, the first that has a letter draws it."""
    from matplotlib import font_manager

    return ["DejaVu Sans", *sorted(WIDE & set(font_manager.get_font_names()))]


def _short(label: str) -> str:
    label = printable(label)
    return label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"


def _confusion(evaluation: Evaluation) -> bytes:
    """Each row's shares as shades; with many labels without names and counts, which nobody could read."""
    labels, table = evaluation.labels, evaluation.confusion
    many = len(labels) > MANY
    side = 6.0 if many else max(3.2, 0.5 * len(labels) + 2)
    drawn, axes = figure(side + 0.8, side)
    axes.imshow([[c / max(1, sum(row)) for c in row] for row in table], cmap="Blues", vmin=0, vmax=1)
    if not many:
        _write_counts(axes, table)
        names, fonts = [_short(label) for label in labels], _fonts()
        axes.set_xticks(range(len(labels)), names, rotation=45, ha="right", parse_math=False, fontfamily=fonts)
        axes.set_yticks(range(len(labels)), names, parse_math=False, fontfamily=fonts)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    return png(drawn)


def _write_counts(axes: Any, table: tuple[tuple[int, ...], ...]) -> None:
    for i, row in enumerate(table):
        for j, count in enumerate(row):
            share = count / max(1, sum(row))
            axes.text(j, i, str(count), ha="center", va="center", color="white" if share > 0.5 else "black")


def _curve(trained: TrainedRun) -> bytes:
    drawn, axes = figure(4.6, 3.2)
    epochs = [row["epoch"] for row in trained.history]
    axes.plot(epochs, [row["valid_loss"] for row in trained.history], "o-", color=INK, label="loss, held back")
    learnt = [(row["epoch"], row["train_loss"]) for row in trained.history if "train_loss" in row]
    axes.plot(*zip(*learnt, strict=True), "o--", color="#999999", label="loss, training")
    axes.axvline(trained.best_epoch, color=SOFT, zorder=0, linewidth=6, label="kept")
    axes.set_xticks(epochs)
    axes.set_xlabel("epoch")
    axes.legend(frameon=False, fontsize=8)
    return png(drawn)
