"""TorchScript: the same function as model.onnx for libtorch and torch.jit.load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from lookalike.export.formats.base import Sample, Told
from lookalike.export.opened import OpenedRun
from lookalike.files import write_bytes


class TorchScript:
    """A traced module: raw pixels in, probabilities out."""

    files: ClassVar[Mapping[str, str]] = {"model.torchscript": "the network for libtorch"}

    def write(self, folder: Path, opened: OpenedRun) -> None:
        """Write model.torchscript, which `torch.jit.load` runs without the code of the network."""
        from lookalike.vision.onnx import to_torchscript

        write_bytes(folder / "model.torchscript", to_torchscript(opened.network, opened.run.input))

    def ask(self, folder: Path, opened: OpenedRun, samples: Sequence[Sample]) -> Told:
        """Probabilities as torch.jit computes them from model.torchscript on disk."""
        from lookalike.vision.onnx import ask_torchscript

        return Told(ask_torchscript(folder / "model.torchscript", [sample.pixels for sample in samples]))
