"""Room on the disk, looked for before photos are read rather than missed when the model is to be written."""

from __future__ import annotations

import shutil

from lookalike.errors import NotReadyError
from lookalike.photos.cache import near
from lookalike.project.paths import Project
from lookalike.project.records import InputSpec
from lookalike.settings.fields import TrainSettings
from lookalike.vision import packaged

WRITTEN = 1.4  # times the weights as they are loaded: those and the ONNX file, both without the former classifier


def require(project: Project, wanted: TrainSettings, spec: InputSpec, photos: int) -> None:
    """Raise NotReadyError where a training can't fit: its model, and pixels that are not kept yet.

    What only some trainings write (checkpoints, pixels for augmentation) is not asked for, and of rivals the smallest:
    a disk that fills up later ends a training in a line as well, and this is to refuse none that would have gone
    through.
    """
    known = project.cache / "pixels" / f"{near(spec).name}.rgb"
    pixels = 0 if known.is_file() else min(photos * spec.size**2 * 3, project.cache_limit)
    needed = WRITTEN * _weights_bytes(wanted) + pixels
    free = shutil.disk_usage(project.runs).free
    if free < needed:
        told = f"{project.runs} has room for {free / 1e6:.0f} MB, and this training writes about {needed / 1e6:.0f} MB"
        raise NotReadyError(told, "free some space and run the same command again")


def _weights_bytes(wanted: TrainSettings) -> int:
    """How large the weights of a network are; torch is loaded for one that comes in no package."""
    arch = packaged.DEFAULT if wanted.arch == "auto" else wanted.arch
    if arch in packaged.PACKAGED:
        return packaged.weights_file(arch).stat().st_size
    from lookalike.vision import architectures

    return 4 * architectures.parameters(arch)
