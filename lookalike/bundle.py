"""Read, check and run an exported model with onnxruntime; torch is never needed.

A bundle is a folder with model.onnx and model.json. Every file is checked against its sha256 before it is used: no
model format notices damage by itself (about a third of models with one flipped bit load without a word).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike import images
from lookalike.errors import NotReadyError, UnusablePhoto
from lookalike.project import load_bundle, sha256_file
from lookalike.records import Bundle, Prediction

if TYPE_CHECKING:
    import onnxruntime


class Model:
    """A model ready to answer: `description` is its model.json."""

    def __init__(self, description: Bundle, session: onnxruntime.InferenceSession) -> None:
        self.description = description
        self.session = session

    def probabilities(self, batch: np.ndarray) -> np.ndarray:
        """Probabilities (n, labels), float32, of a uint8 batch (n, size, size, 3), temperature applied."""
        raw = self.session.run(None, {self.session.get_inputs()[0].name: batch})[0]
        return soften(raw, self.description.temperature)

    def answer(self, file: str, probabilities: np.ndarray) -> Prediction:
        """One row of probabilities as a prediction; below the threshold the answer is none of the labels."""
        order = np.argsort(-probabilities, kind="stable")
        ranked = tuple((self.description.labels[i], float(probabilities[i])) for i in order)
        threshold = self.description.threshold
        return Prediction(file, ranked[0][0], ranked, known=threshold is None or ranked[0][1] >= threshold)

    def predict(self, photos: Iterable[tuple[str, Path | bytes]], batch_size: int = 16) -> Iterator[Prediction]:
        """An answer or a reason for each named photo, in order, with no more than one batch in memory."""
        names: list[str | Prediction] = []
        pixels: list[np.ndarray] = []

        def flush() -> Iterator[Prediction]:
            rows = iter(self.probabilities(np.stack(pixels)) if pixels else [])
            for name in names:
                yield name if isinstance(name, Prediction) else self.answer(name, next(rows))
            names.clear()
            pixels.clear()

        for name, source in photos:
            try:
                pixels.append(images.read(source, self.description.input))
                names.append(name)
            except UnusablePhoto as error:
                names.append(Prediction(name, reason=error.reason, detail=error.detail))
            if len(pixels) == batch_size:
                yield from flush()
        yield from flush()


def soften(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities at another temperature: softmax(logits / T) equals p^(1/T), normalised."""
    if temperature == 1.0:
        return probabilities
    powered = np.power(np.maximum(probabilities, 1e-30), 1.0 / temperature)
    return (powered / powered.sum(axis=1, keepdims=True)).astype(np.float32)


def check(folder: Path) -> Bundle:
    """The description of the model in `folder`, after every file it lists was found whole. Raises NotReadyError."""
    description = load_bundle(folder)
    for name, expected in description.files.items():
        path = folder / name
        if Path(name).name != name or not path.is_file() or path.is_symlink():
            raise NotReadyError(f"{path} is missing", "export the model again")
        if sha256_file(path) != expected:
            raise NotReadyError(f"{path} is damaged: its sha256 is not the one in model.json", "export the model again")
    if "model.onnx" not in description.files:
        raise NotReadyError(f"{folder} holds no model.onnx", "run `lookalike export --format onnx`")
    return description


def load(folder: Path, *, threads: int = 0) -> Model:
    """Open the model in `folder`. `threads` limits onnxruntime (0: its own choice). Raises NotReadyError."""
    description = check(folder)
    return Model(description, open_session((folder / "model.onnx").read_bytes(), threads=threads))


def open_session(model: bytes, *, threads: int = 0) -> Any:
    """An onnxruntime session over a model's bytes; given as bytes, it can refer to no other file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds for each way a model can be broken
        raise NotReadyError(f"this is not a usable ONNX model: {str(error).splitlines()[0]}", "export the model again") from None


def write_description(folder: Path, description: Bundle, names: Sequence[str]) -> Bundle:
    """Write model.json, last, with the sha256 of each named file of `folder`. Returns what was written."""
    import dataclasses

    from lookalike.project import write_json

    complete = dataclasses.replace(description, files={name: sha256_file(folder / name) for name in sorted(names)})
    write_json(folder / "model.json", complete.to_json())
    return complete
