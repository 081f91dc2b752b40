"""Read, check and run an exported model with onnxruntime; torch is never needed.

A bundle is a folder with model.onnx and model.json. Every file is checked against its sha256 before it is used, and
model.json against its own: no model format notices damage by itself (about a third of models with one flipped bit load
without a word). Bundles may come from strangers, so nothing in one is trusted; onnxfile.py says what a model may hold,
description.py what a model.json may.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from lookalike import metrics
from lookalike.bundle import crowds, onnxfile
from lookalike.bundle.description import AGAIN, checksum_of, fault, require_sealed
from lookalike.bundle.running import FACE, Session
from lookalike.errors import NotReadyError, UnusablePhoto
from lookalike.files import JsonObject, sha256_file, write_text
from lookalike.project.paths import load_bundle
from lookalike.project.records import Bundle, InputSpec, Prediction, TrainedRun

if TYPE_CHECKING:
    from lookalike.photos.crowd import Crowd

AGAIN_OLD = "run `lookalike train` again"
SIMILARITY = "similarity"  # the name of the second output of models that know how alike a photo is to those learnt
Pixels = Union[np.ndarray, "Crowd"]  # of a whole photo, or of all its faces
Decoded = tuple[str, Pixels | UnusablePhoto]
BATCH = 32


@dataclass(frozen=True)
class Reader:
    """How a model's photos become pixels; `face` is the face detector it brings along, when it looks at faces, and
    `sha256` that of its bytes, where they are a stranger's."""

    spec: InputSpec
    face: Path | None = None
    sha256: str = ""

    def read(self, source: Path | bytes) -> Pixels:
        """uint8 (size, size, 3), or all faces for a model of people. Raises UnusablePhoto."""
        from lookalike.photos import images  # Pillow takes 20 ms, and `predict` reads photos in other processes

        self.prepare()
        if self.spec.crop == "aligned":
            from lookalike.photos import crowd

            return crowd.read(images.open_rgb(source))
        return images.read(source, self.spec)

    def prepare(self) -> None:
        """Let this process find faces with the model's own detector, for pixels read in other ways.

        Raises NotReadyError when it is not one that only calculates, or not the one that was checked.
        """
        if self.face:
            from lookalike.photos import faces

            faces.use(_detector(self.face, self.sha256))


@lru_cache(maxsize=4)
def _detector(path: Path, sha256: str) -> bytes:
    data = path.read_bytes()
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise NotReadyError(f"{path} has changed since it was checked", AGAIN)
    return onnxfile.rewritten(data)


class OnnxModel:
    """A model ready to answer: `description` is its model.json, `reader` makes its pixels."""

    def __init__(self, description: Bundle, session: Any, reader: Reader) -> None:
        self.description = description
        self.reader = reader
        self.session = session
        self._input = session.get_inputs()[0].name

    def ask(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Probabilities (n, labels), float32, of a uint8 batch (n, size, size, 3), temperature applied; and how alike
        each photo is to those learnt from, (n,) from -1 to 1, when the model tells.

        Raises NotReadyError when the model gives anything else.
        """
        raw, *told = self.session.run(None, {self._input: batch})
        if raw.shape != (len(batch), len(self.description.labels)):
            raise NotReadyError(f"the model answers with {raw.shape} numbers for {len(batch)} photos", AGAIN)
        if not np.isfinite(raw).all() or raw.min(initial=0) < 0 or np.abs(raw.sum(axis=1) - 1).max(initial=0) > 1e-3:
            raise NotReadyError("the model's answers are not probabilities", AGAIN)
        if told and (told[0].shape != (len(batch),) or not (np.abs(told[0]) <= 1.001).all()):
            raise NotReadyError("the model's similarities are not between -1 and 1", AGAIN)
        at = metrics.at_temperature(raw, self.description.temperature).astype(np.float32)
        return at, told[0] if told else None

    def probabilities(self, batch: np.ndarray) -> np.ndarray:
        """The probabilities alone."""
        return self.ask(batch)[0]

    def predictions(self, names: Sequence[str], batch: np.ndarray) -> list[Prediction]:
        """What the model says about each photo of a batch. Raises NotReadyError like `ask`."""
        probabilities, similarities = self.ask(batch)
        alike = [None] * len(names) if similarities is None else similarities.tolist()
        return [self._prediction(*row) for row in zip(names, probabilities, alike, strict=True)]

    def _prediction(self, file: str, probabilities: np.ndarray, similarity: float | None) -> Prediction:
        """One row of answers; too unlikely or too unlike the photos learnt from, it is none of the labels."""
        order = np.argsort(-probabilities, kind="stable")
        ranked = tuple((self.description.labels[i], float(probabilities[i])) for i in order)
        doubt = "unlikely" if _below(ranked[0][1], self.description.threshold) else ""
        limit = self.description.min_similarity
        limit = limit[order[0]] if isinstance(limit, tuple) else limit
        doubt = "unlike" if _below(similarity, limit) else doubt
        return Prediction(file, ranked[0][0], ranked, similarity, doubt)

    def predict(self, photos: Iterable[tuple[str, Path | bytes]], batch_size: int = 16) -> Iterator[Prediction]:
        """An answer or a reason for each named photo, in order, with no more than one batch in memory."""
        return self.answers(((name, decode(source, self.reader)) for name, source in photos), batch_size)

    def answers(self, decoded: Iterable[Decoded], batch_size: int = 16) -> Iterator[Prediction]:
        """The same for photos that are decoded already, or could not be."""
        waiting: list[Decoded] = []
        for item in decoded:
            waiting.append(item)
            if len(waiting) == batch_size:
                yield from self._flush(waiting)
                waiting.clear()
        yield from self._flush(waiting)

    def ask_each(self, photos: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """The same as `ask`, in batches, for photos as `images.read` gives them: for a model of people, all faces of
        each, of which the one counts that is most like one of them."""
        if self.description.input.crop == "aligned":
            return crowds.ask_each(self.ask, photos, self.description)
        asked = [self.ask(np.stack(photos[start : start + BATCH])) for start in range(0, len(photos), BATCH)]
        told = [alike for _, alike in asked if alike is not None]
        return np.concatenate([found for found, _ in asked]), np.concatenate(told) if told else None

    def _flush(self, waiting: list[Decoded]) -> Iterator[Prediction]:
        named = [name for name, item in waiting if not isinstance(item, UnusablePhoto)]
        pixels = [item for _, item in waiting if not isinstance(item, UnusablePhoto)]
        if self.description.input.crop == "aligned":
            answers = crowds.answers(self.predictions, named, pixels)  # type: ignore[arg-type]
        else:
            answers = iter(self.predictions(named, np.stack(pixels)) if pixels else ())  # type: ignore[arg-type]
        for name, item in waiting:
            if isinstance(item, UnusablePhoto):
                yield Prediction(name, reason=item.reason, detail=item.detail)
            else:
                yield next(answers)


def _below(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value < limit


def read_named(item: tuple[str, Path | bytes | UnusablePhoto, Reader]) -> Pixels:
    """The pixels of one named photo: what decode.Pool calls in its processes. Raises UnusablePhoto."""
    _, source, reader = item
    if isinstance(source, UnusablePhoto):
        raise source
    return reader.read(source)


def decode(source: Path | bytes, reader: Reader) -> Pixels | UnusablePhoto:
    """A photo as the network sees it, or why it cannot be."""
    try:
        return reader.read(source)
    except UnusablePhoto as error:
        return error


def describe(description: Bundle) -> JsonObject:
    """What a page or a caller may want to know about a model."""
    limits = ("temperature", "threshold", "min_similarity")
    known = ("name", "created", "labels", "arch", "fingerprint", *limits, "metrics", "parity")
    return {key: value for key, value in description.to_json().items() if key in known}


def check(folder: Path, threshold: float | None = None) -> Bundle:
    """The description of the model in `folder`, after every file it lists was found whole. Raises NotReadyError.

    `threshold` replaces the model's own; 0 lifts every limit, so that the answer is always a label.
    """
    path = folder / "model.json"
    require_sealed(path)
    description = load_bundle(folder)
    if wrong := fault(description):
        raise NotReadyError(f"{path}: {wrong}", AGAIN)
    for name, expected in description.files.items():
        file = folder / name
        if Path(name).name != name or not file.is_file() or file.is_symlink():
            raise NotReadyError(f"{file} is missing", AGAIN)
        if sha256_file(file) != expected:
            raise NotReadyError(f"{file} is damaged: its sha256 is not the one in model.json", AGAIN)
    if "model.onnx" not in description.files:
        raise NotReadyError(f"{folder} holds no model.onnx", "run `lookalike export --format onnx`")
    if threshold == 0:
        return dataclasses.replace(description, threshold=None, min_similarity=None)
    return description if threshold is None else dataclasses.replace(description, threshold=threshold)


def load(folder: Path, *, threads: int = 0, threshold: float | None = None) -> OnnxModel:
    """Open the model in `folder`. Raises NotReadyError.

    `threads` limits onnxruntime (0: its own choice); `threshold` replaces the model's own.
    """
    return opened(folder, check(folder, threshold), threads=threads)


def of_run(folder: Path, run: TrainedRun) -> OnnxModel:
    """Open the model of the run in `folder`. Raises NotReadyError, also when it tells other labels apart."""
    model = load(folder / "model")
    require_of_run(model.description, folder, run, ["labels"])
    return model


def require_of_run(description: Bundle, folder: Path, run: TrainedRun, same: Sequence[str]) -> None:
    """Raise NotReadyError unless a model and the record of the run in `folder` have the `same` things: a run.json that
    somebody has changed would name the answers wrongly, or have photos read in another way."""
    if other := [name for name in same if getattr(description, name) != getattr(run, name)]:
        told = f"{folder / 'model'} does not belong to run.json, in which its {' and '.join(other)} differ"
        raise NotReadyError(told, AGAIN_OLD)


def opened(folder: Path, description: Bundle, *, threads: int = 0, session: Session | None = None) -> OnnxModel:
    """The model of a description that `check` gave; `session` when it is being opened already. Raises NotReadyError."""
    session = session or Session(folder / "model.onnx", threads=threads)
    read = reader(folder, description)
    if session.sha256 != description.files["model.onnx"]:
        raise NotReadyError(f"{folder / 'model.onnx'} has changed since it was checked", AGAIN)
    if wrong := _misfit(session, description):
        raise NotReadyError(f"{folder / 'model.onnx'} does not fit its model.json: {wrong}", AGAIN)
    return OnnxModel(description, session, read)


def reader(folder: Path, description: Bundle) -> Reader:
    """How photos are read for the model of a description that `check` gave. Raises NotReadyError."""
    face = folder.resolve() / FACE if FACE in description.files else None
    if face and b"kps_32" not in face.read_bytes():
        raise NotReadyError(f"{face} finds faces in a way this lookalike no longer knows", AGAIN_OLD)
    return Reader(description.input, face, description.files.get(FACE, ""))


def _misfit(session: Any, description: Bundle) -> str:
    """How a model's inputs and outputs differ from what its description promises, or ""."""
    inputs, outputs, size = session.get_inputs(), session.get_outputs(), description.input.size
    if len(inputs) != 1 or inputs[0].type != "tensor(uint8)" or list(inputs[0].shape[1:]) != [size, size, 3]:
        wanted = f"one input of uint8, n x {size} x {size} x 3"
        return f"it should take {wanted}, and takes {', '.join(f'{i.type} {i.shape}' for i in inputs)}"
    labels, given = len(description.labels), ", ".join(f"{o.name} {o.type} {o.shape}" for o in outputs)
    if not outputs or outputs[0].type != "tensor(float)" or outputs[0].shape[1:] not in ([labels], [None]):
        return f"it should give {labels} probabilities, and gives {given}"
    more = [(output.name, output.type, len(output.shape)) for output in outputs[1:]]
    if more not in ([], [(SIMILARITY, "tensor(float)", 1)]):
        return f"besides probabilities it may give one {SIMILARITY} for each photo, and gives {given}"
    if description.min_similarity is not None and not more:
        return f"min_similarity is of no use to a model that gives {given}"
    return ""


def write_description(folder: Path, description: Bundle, names: Sequence[str]) -> Bundle:
    """Write model.json, last, with the sha256 of each named file of `folder` and its own. Returns what was written."""
    files = {name: sha256_file(folder / name) for name in sorted(names)}
    complete = dataclasses.replace(description, files=files, checksum="")
    fields = {**complete.to_json(), "checksum": ""}
    checksum = checksum_of(json.dumps(fields, indent=2, ensure_ascii=False) + "\n")
    write_text(folder / "model.json", json.dumps({**fields, "checksum": checksum}, indent=2, ensure_ascii=False) + "\n")
    return dataclasses.replace(complete, checksum=checksum)
