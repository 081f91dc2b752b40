"""How honest the probabilities are."""

from __future__ import annotations

import numpy as np

from lookalike import metrics
from lookalike.evaluate import plots
from lookalike.evaluate.finding import EvaluationFinding, Measured
from lookalike.files import JsonObject
from lookalike.project.records import Evaluation

FOLDS = 5


class Calibration(EvaluationFinding):
    """Expected calibration error before and after temperature scaling."""

    def find(self, run: Measured) -> dict[str, object]:
        """Both errors, and the bins of the second; each photo is scaled by a temperature fitted without it."""
        found, actual = run.answers.probabilities, run.answers.actual
        scaled = found.copy()
        fold = np.arange(len(actual)) % FOLDS
        for number in range(FOLDS):
            temperature = metrics.fit_temperature(found[fold != number], actual[fold != number])
            scaled[fold == number] = metrics.at_temperature(found[fold == number], temperature)
        before, _ = metrics.calibration(found, actual)
        after, bins = metrics.calibration(scaled, actual)
        return {"ece_before": before, "ece_after": after, "bins": bins}

    def facts(self, found: dict[str, object]) -> list[tuple[str, str]]:
        """The calibration error before and after the temperature."""
        return [("calibration error", f"{found['ece_before']:.3f}, scaled {found['ece_after']:.3f}")]

    def picture(self, found: JsonObject, evaluation: Evaluation) -> bytes | None:
        """How often it is right, over how sure it says it is; nothing where all photos are in one bin."""
        bins = found["bins"]
        if len(bins) < 2:
            return None
        figure, axes = plots.figure(3.6, 3.2)
        axes.plot([0, 1], [0, 1], color=plots.SOFT)
        axes.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], "o-", color=plots.INK)
        axes.set_xlabel("how sure it says it is")
        axes.set_ylabel("how often it is right")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        return plots.png(figure)
