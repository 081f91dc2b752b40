"""How an answer reads, the same from every door; local.js and predict.py say it again where this can't be imported."""

from __future__ import annotations

from lookalike.files import JsonObject
from lookalike.project.names import NEITHER
from lookalike.project.records import FaceAnswer, Prediction

DOUBTS = {
    "unlike": "this is unlike the photos it learnt from",
    "unlikely": "no label is likely enough",
    "no-face": "no face was found",
}


def document(prediction: Prediction, top: int | None = None) -> JsonObject:
    """A prediction as programs read it, the same from every door: a label with probabilities, or a reason.

    `ranked` are the labels, best first: the keys of `probabilities` come in another order to whoever reads them in
    JavaScript, when they are numbers.
    """
    file = unicode(prediction.file)
    if prediction.reason:
        return {"file": file, "reason": prediction.reason, "detail": prediction.detail}
    similarity = {} if prediction.similarity is None else {"similarity": round(prediction.similarity, 6)}
    if prediction.doubt:
        why = {"closest": prediction.label, "reason": prediction.doubt, "detail": DOUBTS[prediction.doubt]}
        told = {key: value for key, value in why.items() if value}  # without a face there is no closest label
        best: dict[str, object] = {"label": NEITHER, "probability": None, **told}
    else:
        best = {"label": prediction.label, "probability": round(prediction.probabilities[0][1], 6)}
    people = {} if prediction.faces is None else {"faces": [_face(face, top) for face in prediction.faces]}
    return {
        "file": file,
        **best,
        **similarity,
        "known": prediction.known,
        "ranked": [label for label, _ in prediction.probabilities[:top]],
        "probabilities": {label: round(p, 6) for label, p in prediction.probabilities[:top]},
        **people,
    }


def _face(face: FaceAnswer, top: int | None) -> dict[str, object]:
    """The answer for one face, in the words of the photo's."""
    why = {"closest": face.label, "reason": face.doubt, "detail": DOUBTS[face.doubt]} if face.doubt else {}
    return {
        "box": [round(place, 1) for place in face.box],
        "label": NEITHER if face.doubt else face.label,
        "probability": None if face.doubt else round(face.probabilities[0][1], 6),
        **why,
        "similarity": round(face.similarity, 6),
        "known": face.known,
        "probabilities": {label: round(p, 6) for label, p in face.probabilities[:top]},
    }


def unsure(prediction: Prediction) -> str:
    """What people read in place of a label, with no number that would belong to another answer."""
    if not prediction.label:
        return DOUBTS[prediction.doubt]
    return f"not sure; closest is {prediction.label}: {DOUBTS[prediction.doubt]}"


def unicode(name: str) -> str:
    """A file name as text that can be written anywhere; bytes of it that are no text become \\xNN."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
