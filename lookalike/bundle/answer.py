"""How an answer reads, the same from every door; local.js and predict.py say it again where this can't be imported."""

from __future__ import annotations

import os
from typing import Any

from lookalike.project.records import Prediction

NEITHER = "neither"  # what programs read in place of a label; people read `unsure`
DOUBTS = {"unlike": "this is unlike the photos it learnt from", "unlikely": "no label is likely enough"}


def document(prediction: Prediction, top: int | None = None) -> dict[str, Any]:
    """A prediction as programs read it, the same from every door: a label with probabilities, or a reason.

    `ranked` are the labels, best first: the keys of `probabilities` come in another order to whoever reads them in
    JavaScript, when they are numbers.
    """
    file = unicode(prediction.file)
    if prediction.reason:
        return {"file": file, "reason": prediction.reason, "detail": prediction.detail}
    similarity = {} if prediction.similarity is None else {"similarity": round(prediction.similarity, 6)}
    best = {"label": prediction.label, "probability": round(prediction.probabilities[0][1], 6)}
    if prediction.doubt:
        why = {"closest": prediction.label, "reason": prediction.doubt, "detail": DOUBTS[prediction.doubt]}
        best = {"label": NEITHER, "probability": None, **why}
    return {
        "file": file,
        **best,
        **similarity,
        "known": prediction.known,
        "ranked": [label for label, _ in prediction.probabilities[:top]],
        "probabilities": {label: round(p, 6) for label, p in prediction.probabilities[:top]},
    }


def unsure(prediction: Prediction) -> str:
    """What people read in place of a label, with no number that would belong to another answer."""
    return f"not sure; closest is {prediction.label}: {DOUBTS[prediction.doubt]}"


def unicode(name: str) -> str:
    """A file name as text that can be written anywhere; bytes of it that are no text become \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
