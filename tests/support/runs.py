"""A finished run without training: what `train` leaves behind, around a small network with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lookalike.files import sha256_file, write_json
from lookalike.photos.images import read
from lookalike.project.dataset import write_split
from lookalike.project.records import Dataset, Example, InputSpec, TrainedRun
from tests.support import draw

LABELS = ("circles", "stripes")


def untrained(project: Path, *, certain: bool = False, arch: str = "mobilenetv3_small_050", size: int = 64) -> Path:
    """Write images/ with 2 x 6 drawn photos and runs/r1 around a network; returns the folder of the run.

    With `certain`, the last layer is scaled up until answers differ from photo to photo.
    """
    import torch

    from lookalike.vision import model

    torch.manual_seed(1)
    images = draw.folder(project / "images", dict.fromkeys(LABELS, 6))
    folder = project / "runs" / "r1"
    folder.mkdir(parents=True)
    network, _ = model.build(arch, 2, head="classifier")
    if certain:
        _sharpen(network, images, size)
    model.save(network, folder / "weights.safetensors")
    files = sorted(path.relative_to(images).as_posix() for path in images.glob("*/*.jpg"))
    examples = tuple(
        Example(file, file.split("/")[0], sha256_file(images / file), file, "valid" if index % 2 else "train")
        for index, file in enumerate(files)
    )
    write_split(folder / "split.csv", Dataset(str(images), LABELS, examples, ""), seed=42, valid=0.5)
    spec = InputSpec(size, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    run = TrainedRun("r1", "2026-01-01", LABELS, arch, "auto", spec, "classifier", {}, "f" * 16, 42, str(images))
    write_json(folder / "run.json", run.to_json())
    return folder


def _sharpen(network: Any, images: Path, size: int) -> None:
    """Centre and scale the logits over the drawn photos, so that both labels occur and probabilities spread."""
    import torch

    from lookalike.vision import model

    spec = InputSpec(size, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    photos = torch.from_numpy(np.stack([read(path, spec) for path in sorted(images.glob("*/*.jpg"))]))
    network.eval()
    with torch.inference_mode():
        logits = network(model.normalise(photos, spec))
    last = [layer for layer in network.modules() if isinstance(layer, torch.nn.Linear)][-1]
    gap = logits[:, 0] - logits[:, 1]
    factor = float(2 / gap.std())
    with torch.no_grad():
        last.weight.mul_(factor)
        last.bias.mul_(factor)
        last.bias[0] -= float(gap.mean()) * factor
