"""How many measured photos are copies of photos learnt from."""

from __future__ import annotations

import numpy as np

from lookalike import metrics
from lookalike.evaluate.finding import EvaluationFinding, Measured
from lookalike.files import JsonObject
from lookalike.project.records import Evaluation


class Leak(EvaluationFinding):
    """Copies on both sides of the split."""

    def find(self, run: Measured) -> dict[str, object]:
        """How many measured photos are copies of photos learnt from, and the accuracy without them."""
        learnt = {example.group for example in run.examples if example.part == "train"}
        learnt |= {example.sha256 for example in run.examples if example.part == "train"}
        copies = np.array([e.group in learnt or e.sha256 in learnt for e in run.answers.examples])
        right = run.answers.probabilities.argmax(axis=1) == run.answers.actual
        clean = metrics.rate(int(right[~copies].sum()), int((~copies).sum()))
        return {"copies": int(copies.sum()), "without_copies": clean.to_json()}

    def warnings(self, found: JsonObject, evaluation: Evaluation) -> list[str]:
        """That there are any, and what is left of the number."""
        if not (copies := found["copies"]):
            return []
        without = found["without_copies"]["value"]
        return [f"{copies} of them are copies of photos it learnt from; without these it is {without:.3f}"]
