"""ONNX: what every command, page and app answers from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from lookalike.export import proof
from lookalike.export.formats.base import Sample, Told
from lookalike.export.opened import OpenedRun
from lookalike.files import write_bytes


class Onnx:
    """Raw pixels in, probabilities and similarity out, everything inside one file."""

    files: ClassVar[Mapping[str, str]] = {
        "model.onnx": "the network: uint8 pixels (n, {size}, {size}, 3) in, probabilities (n, {labels}) out{more}"
    }

    def write(self, folder: Path, opened: OpenedRun) -> None:
        """Write model.onnx. Raises NotReadyError when it would do more than calculate."""
        if opened.people:
            shutil.copyfile(opened.folder / "model" / "model.onnx", folder / "model.onnx")
            return
        from lookalike.bundle import onnxfile
        from lookalike.vision.onnx import to_onnx

        model = to_onnx(opened.network, opened.run.input)
        onnxfile.inspect(model)
        write_bytes(folder / "model.onnx", model)

    def ask(self, folder: Path, opened: OpenedRun, samples: Sequence[Sample]) -> Told:
        """Probabilities and similarities as onnxruntime computes them from model.onnx on disk."""
        return Told(*proof.ask_onnx((folder / "model.onnx").read_bytes(), [sample.pixels for sample in samples]))
