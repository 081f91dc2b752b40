"""A finished run, opened to be written in other forms."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.bundle import bundle
from lookalike.people.run import Reference
from lookalike.project import dataset
from lookalike.project.paths import Project, load_bundle
from lookalike.project.paths import load_run as load_record
from lookalike.project.records import TrainedRun


@dataclass(frozen=True)
class OpenedRun:
    """A finished run: its folder, its record, its network in eval mode, and the photos held back; where
    there are none, those learnt from."""

    folder: Path
    run: TrainedRun
    network: Any  # a torch module, or of people a Reference
    photos: tuple[Path, ...]

    @property
    def people(self) -> bool:
        """Whether it tells people apart: then there is no torch in it."""
        return self.run.input.crop == "aligned"

    def ask(self, pixels: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (n, labels) and similarities (n,) as the trained network gives them."""
        if isinstance(self.network, Reference):
            return self.network.ask(pixels)
        from lookalike.vision import axes

        return axes.ask(self.network, self.run.input, pixels)


def open_run(project: Project, name: str | None) -> OpenedRun:
    """The run called `name`, or the newest. Raises NotReadyError."""
    folder = project.run_dir(name)
    run = load_record(folder)
    if (folder / "model" / "model.json").is_file():
        bundle.require_of_run(load_bundle(folder / "model"), folder, run, ["labels", "input"])
    network: object
    if run.input.crop == "aligned":
        network = Reference(folder)
    else:
        from lookalike.vision.model import load_run

        run, network = load_run(folder)
    examples, photos = dataset.examples_of(folder, run), project.locate(run.images)
    held = [example for example in examples if example.part != "train"] or examples
    return OpenedRun(folder, run, network, tuple(photos / example.file for example in held))


def face(folder: Path, opened: OpenedRun) -> list[str]:
    """face.onnx: what finds faces for a network that looks at them, as the run used it."""
    shutil.copyfile(opened.folder / "model" / "face.onnx", folder / "face.onnx")
    return ["face.onnx"]
