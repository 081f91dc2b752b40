"""A finished run, opened to be written in other forms."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.project import dataset
from lookalike.project.paths import Project
from lookalike.project.records import TrainedRun

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class OpenedRun:
    """A finished run: its folder, its record, its network in eval mode, and its validation photos."""

    folder: Path
    run: TrainedRun
    network: nn.Module
    photos: tuple[Path, ...]


def open_run(project: Project, name: str | None) -> OpenedRun:
    """The run called `name`, or the newest. Raises NotReadyError."""
    from lookalike.vision.model import load_run

    folder = project.run_dir(name)
    run, network = load_run(folder)
    held = [example for example in dataset.read_examples(folder / "split.csv") if example.part != "train"]
    photos = project.locate(run.images)
    return OpenedRun(folder, run, network, tuple(photos / example.file for example in held))


def face(folder: Path, opened: OpenedRun) -> list[str]:
    """face.onnx: what finds faces for a network that looks at them, as the run used it."""
    shutil.copyfile(opened.folder / "model" / "face.onnx", folder / "face.onnx")
    return ["face.onnx"]
