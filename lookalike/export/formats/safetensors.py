"""The weights alone, in a form that cannot hold code."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from lookalike.export.formats.base import Sample, Told
from lookalike.export.opened import OpenedRun


class Safetensors:
    """Weights by the names they have in torch."""

    files: ClassVar[Mapping[str, str]] = {"weights.safetensors": "the weights alone"}

    def write(self, folder: Path, opened: OpenedRun) -> None:
        """Write weights.safetensors, the very file of the run."""
        shutil.copyfile(opened.folder / "weights.safetensors", folder / "weights.safetensors")

    def ask(self, folder: Path, opened: OpenedRun, samples: Sequence[Sample]) -> Told:
        """As the network answers once it is built anew and filled from the file. Raises NotReadyError."""
        from lookalike.vision import model

        network = model.filled(opened.run, folder / "weights.safetensors")
        return Told(model.predict(network, opened.run.input, [sample.pixels for sample in samples]))
