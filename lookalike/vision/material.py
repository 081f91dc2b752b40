"""What a training starts from and what it ends with: the values that recipes take and give back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lookalike.photos.cache import Pixels
from lookalike.project.records import Dataset, InputSpec
from lookalike.report import Reporter


@dataclass(frozen=True)
class Material:
    """All a recipe works with. Pixels and targets run in parallel; `train` pixels are roomy, `valid` exact.

    `workspace` is a folder that is safe to delete, for timings; `folder` is where each epoch is kept, from where a
    training goes on when `resume` says so, and `kept` is told of how many epochs and of how many that is. `deadline`
    is when all must be done, the writing of the model too, on time.monotonic's clock.
    """

    dataset: Dataset
    spec: InputSpec
    side: int
    train: Sequence[Pixels]
    train_targets: Sequence[int]
    train_groups: Sequence[str]
    valid: Sequence[Pixels]
    valid_targets: Sequence[int]
    arch: str
    weights: str
    epochs: int
    batch_size: int | None
    device: torch.device
    report: Reporter
    seed: int
    workspace: Path
    folder: Path
    resume: bool = False
    deadline: float | None = None
    kept: Callable[[int, int], None] | None = None

    def key(self) -> str:
        """A name for this very training: photos, network and settings."""
        epochs = "as many as fit" if self.deadline else self.epochs
        told = (self.dataset.fingerprint, self.arch, self.weights, epochs, self.batch_size, self.seed, self.spec)
        return repr(told)


@dataclass(frozen=True)
class Trained:
    """A network ready to answer, how it came about, and the plan it was trained by.

    `held_out` are the similarities of the photos learnt from as means.held_out tells them, where they are those of
    photos that the network has not learnt to see.
    """

    network: nn.Sequential
    head: str
    history: tuple[dict[str, float], ...]
    best_epoch: int
    plan: dict[str, Any] = field(default_factory=dict)
    held_out: np.ndarray | None = None
