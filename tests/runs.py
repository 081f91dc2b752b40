"""A finished run without training: what `train` leaves behind, around a small network with random weights."""

from __future__ import annotations

from pathlib import Path

from lookalike.dataset import write_split
from lookalike.project import sha256_file, write_json
from lookalike.records import Dataset, Example, InputSpec, TrainedRun
from tests import draw

LABELS = ("circles", "stripes")


def untrained(project: Path, *, arch: str = "mobilenetv3_small_050", size: int = 64, head: str = "linear") -> Path:
    """Write images/ with 2 x 6 drawn photos and runs/r1 around `arch`; returns the folder of the run."""
    import torch

    from lookalike.vision import model

    torch.manual_seed(1)
    images = draw.folder(project / "images", dict.fromkeys(LABELS, 6))
    folder = project / "runs" / "r1"
    folder.mkdir(parents=True)
    network, _ = model.build(arch, 2, head=head)
    model.save(network, folder / "weights.safetensors")
    files = sorted(path.relative_to(images).as_posix() for path in images.glob("*/*.jpg"))
    examples = tuple(
        Example(file, file.split("/")[0], sha256_file(images / file), file, "valid" if index % 2 else "train")
        for index, file in enumerate(files)
    )
    write_split(folder / "split.csv", Dataset(str(images), LABELS, examples, ""), seed=42, valid=0.5)
    spec = InputSpec(size, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    run = TrainedRun("r1", "2026-01-01", LABELS, arch, "auto", spec, head, {}, "f" * 16, 42, str(images))
    write_json(folder / "run.json", run.to_json())
    return folder
