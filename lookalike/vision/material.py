"""What a training starts from and what it ends with: the values that recipes take and give back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lookalike.photos.cache import ROOM, Pixels
from lookalike.project.records import Dataset, Example, InputSpec
from lookalike.report import Reporter
from lookalike.settings.fields import TrainSettings

EPOCHS = 5
FEW = 5  # photos of a label, besides corrected ones, from which these are learnt apart


@dataclass(frozen=True)
class Material:
    """All a recipe works with. Pixels and targets run in parallel; those of `train` and `valid` are read as every photo
    is that will be asked about. `roomy` reads the photos of `train` with room around for augmentation to move in.

    `rivals` are networks that may take the place of `arch` where they know these photos better. `epochs` are None where
    the recipe shall say whether to fine-tune. `folder` is where each epoch is kept, from where a training goes on when
    `resume` says so; `key` names this very training, and `kept` is told of how many epochs and of how many that is.
    `corrected` are the places in `train` of photos of which somebody said what they show: such photos are no sample of
    what will be asked, and learnt like others they bend the whole to what is rare.
    `deadline` is when all must be done, the writing of the model too, on time.monotonic's clock.
    """

    dataset: Dataset
    spec: InputSpec
    train: Sequence[Pixels]
    roomy: Callable[[], Sequence[Pixels]]
    train_targets: Sequence[int]
    train_groups: Sequence[str]
    valid: Sequence[Pixels]
    valid_targets: Sequence[int]
    arch: str
    weights: str
    epochs: int | None
    batch_size: int | None
    device: torch.device
    report: Reporter
    seed: int
    folder: Path
    key: str
    corrected: frozenset[int] = frozenset()
    rivals: Sequence[str] = ()
    resume: bool = False
    deadline: float | None = None
    kept: Callable[[int, int], None] | None = None

    @property
    def apart(self) -> np.ndarray:
        """Which of `train` (n,) are learnt apart from the others: the corrected ones of labels that have others."""
        targets = np.array(self.train_targets, int)
        asked = np.isin(np.arange(len(targets)), list(self.corrected))
        usual = np.bincount(targets[~asked], minlength=len(self.dataset.labels))
        return asked & (usual[targets] >= FEW)

    @property
    def usual(self) -> Material:
        """The material without those."""
        if not (apart := self.apart).any():
            return self
        at = np.flatnonzero(~apart).tolist()

        def some(every: Sequence[Any]) -> list[Any]:
            return [every[place] for place in at]

        return replace(
            self, corrected=frozenset(), train=some(self.train), roomy=lambda: some(self.roomy()),
            train_targets=some(self.train_targets), train_groups=some(self.train_groups),
        )  # fmt: skip

    @property
    def side(self) -> int:
        """The shorter side of the `roomy` pixels."""
        return round(self.spec.size * ROOM)


def assemble(
    dataset: Dataset, pixels: Mapping[str, Pixels], roomy: Callable[[Sequence[Example]], Sequence[Pixels]], *,
    arch: str, spec: InputSpec, wanted: TrainSettings, device: torch.device, report: Reporter, folder: Path,
    rivals: Sequence[str] = (), resume: bool = False, deadline: float | None = None,
    kept: Callable[[int, int], None] | None = None, corrected: Collection[str] = (),
) -> Material:  # fmt: skip
    """The material of a training by `wanted` on a data set whose pixels are given by file, and read by `roomy` for
    augmentation where that is wanted; `corrected` by sha256, the rest as in Material."""
    told = (
        dataset.fingerprint,
        arch,
        wanted.weights_anywhere,
        "as many as fit" if deadline else wanted.epochs,
        wanted.batch_size,
    )
    number = {label: index for index, label in enumerate(dataset.labels)}
    train = dataset.part("train")
    valid = dataset.part("valid")
    return Material(
        dataset=dataset, spec=spec, arch=arch, weights=wanted.weights, epochs=wanted.epochs,
        train=[pixels[example.file] for example in train], roomy=cache(lambda: roomy(train)),
        train_targets=[number[example.label] for example in train],
        train_groups=[example.group for example in train],
        corrected=frozenset(place for place, example in enumerate(train) if example.sha256 in corrected),
        valid=[pixels[example.file] for example in valid], valid_targets=[number[example.label] for example in valid],
        batch_size=wanted.batch_size, device=device, report=report, seed=wanted.seed, folder=folder, rivals=rivals,
        key=repr((*told, wanted.seed, spec)), resume=resume, deadline=deadline, kept=kept,
    )  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """A network ready to answer, how it came about, and the plan it was trained by; `arch` is empty where it is the
    material's own.

    `similarities` are those of the photos learnt from as axes.held_out tells them. `answers` are the probabilities of
    the photos held back, where the recipe has found them.
    """

    network: nn.Sequential
    head: str
    history: tuple[dict[str, float], ...]
    best_epoch: int
    plan: dict[str, object] = field(default_factory=dict)
    similarities: np.ndarray | None = None
    arch: str = ""
    answers: np.ndarray | None = None
