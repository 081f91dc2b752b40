"""A model of people to which a correction counts at once: its head is made anew, the network stays as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lookalike.bundle import bundle
from lookalike.bundle.description import AGAIN
from lookalike.bundle.running import Session
from lookalike.errors import NotReadyError
from lookalike.people import graph
from lookalike.people.head import Head
from lookalike.people.named import extended, meant

if TYPE_CHECKING:
    from lookalike.photos.crowd import Crowd


class NamedFaces:
    """The faces of photos that people have named, each by its correction, beside those a model learnt from.

    Raises NotReadyError when the model's file has changed since it was checked.
    """

    def __init__(self, folder: Path, model: bundle.OnnxModel) -> None:
        self._bytes, self.plain = (folder / "model.onnx").read_bytes(), model
        if hashlib.sha256(self._bytes).hexdigest() != model.description.files["model.onnx"]:
            raise NotReadyError(f"{folder / 'model.onnx'} has changed since it was checked", AGAIN)
        self._head = Head("kept", *graph.head_of(self._bytes))
        self._session = Session(graph.backbone(self._bytes))
        self._named: dict[str, tuple[int, np.ndarray]] = {}

    def take(self, photos: Iterable[tuple[str, Crowd, str]]) -> bundle.OnnxModel:
        """The model that knows these photos, too: of each the correction's name, its faces, and its label."""
        for name, crowd, label in photos:
            if label in self.plain.description.labels and len(crowd.pixels):
                number = self.plain.description.labels.index(label)
                (faces,) = self._session.run(None, {"image": crowd.pixels})
                self._named[name] = number, faces[meant(faces, self._head.means[number])]
        return self._made()

    def drop(self, name: str) -> bundle.OnnxModel:
        """The model without the photo of a correction that was taken back."""
        self._named.pop(name, None)
        return self._made()

    def _made(self) -> bundle.OnnxModel:
        if not self._named:
            return self.plain
        head = extended(self._head, list(self._named.values()))
        session = Session(graph.with_head(self._bytes, head.means, head.weight, head.bias))
        return bundle.OnnxModel(self.plain.description, session, self.plain.reader)
