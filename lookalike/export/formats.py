"""The forms a trained network can be written in. Each takes a folder and the network, and names the files it wrote."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.files import write_bytes
from lookalike.project import dataset
from lookalike.project.paths import Project
from lookalike.project.records import TrainedRun

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Trained:
    """A finished run: its folder, its record, its network in eval mode, and its validation photos."""

    folder: Path
    run: TrainedRun
    network: nn.Module
    photos: tuple[Path, ...]


def open_run(project: Project, name: str | None) -> Trained:
    """The run called `name`, or the newest. Raises NotReadyError."""
    from lookalike.vision.model import load_run

    folder = project.run_dir(name)
    run, network = load_run(folder)
    held = [example for example in dataset.read_examples(folder / "split.csv") if example.part != "train"]
    photos = project.locate(run.images)
    return Trained(folder, run, network, tuple(photos / example.file for example in held))


def onnx(folder: Path, trained: Trained) -> list[str]:
    """model.onnx: raw pixels in, probabilities out, everything inside one file."""
    from lookalike.bundle import onnxfile
    from lookalike.vision.onnx import to_onnx

    model = to_onnx(trained.network, trained.run.input)
    onnxfile.inspect(model)
    write_bytes(folder / "model.onnx", model)
    return ["model.onnx"]


def face(folder: Path, trained: Trained) -> list[str]:
    """face.onnx: what finds faces for a network that looks at them, as the run used it."""
    shutil.copyfile(trained.folder / "model" / "face.onnx", folder / "face.onnx")
    return ["face.onnx"]


def learner(folder: Path, trained: Trained) -> list[str]:
    """learner.pkl: a fastai Learner that `load_learner` opens. A pickle, so only for people who trust its maker."""
    from lookalike.vision.learner import save_learner

    save_learner(trained.network, trained.run, trained.photos, folder / "learner.pkl")
    return ["learner.pkl"]


def safetensors(folder: Path, trained: Trained) -> list[str]:
    """weights.safetensors: the weights alone, in a form that cannot hold code."""
    shutil.copyfile(trained.folder / "weights.safetensors", folder / "weights.safetensors")
    return ["weights.safetensors"]


def torchscript(folder: Path, trained: Trained) -> list[str]:
    """model.torchscript: the same function as model.onnx for libtorch and torch.jit.load."""
    from lookalike.vision.onnx import to_torchscript

    write_bytes(folder / "model.torchscript", to_torchscript(trained.network, trained.run.input))
    return ["model.torchscript"]
