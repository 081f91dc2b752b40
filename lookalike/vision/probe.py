"""A linear probe: the pretrained network as it is, and one linear layer fitted on what it sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lookalike import logistic, metrics
from lookalike.errors import NotReadyError
from lookalike.project.records import InputSpec
from lookalike.vision import inference
from lookalike.vision.model import backbone_and_head

STRENGTHS = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
UNTOLD = 3e-2  # the strength where no photo can be held back


@dataclass(frozen=True)
class HeldOut:
    """How well a strength names photos that were held back in turn: the temperature that suits its answers, their loss
    at that, each label counting the same, and the share named rightly."""

    strength: float
    temperature: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Probe:
    """weight (labels, features) and bias (labels,) on raw features."""

    weight: np.ndarray
    bias: np.ndarray
    held_out: HeldOut

    def into(self, head: Any) -> None:
        """Make this the network's last layer."""
        with torch.no_grad():
            head[-1].weight.copy_(torch.from_numpy(self.weight))
            head[-1].bias.copy_(torch.from_numpy(self.bias))


def features(network: Any, spec: InputSpec, pixels: Sequence[np.ndarray]) -> np.ndarray:
    """What the head gets to see (n, features), float32, of uint8 photos (size, size, 3).

    Raises NotReadyError when some of it is no number: weights that are of no use here, or were lost in training.
    """
    backbone, _ = backbone_and_head(network)
    seen = inference.ask(backbone, spec, pixels)
    if not np.isfinite(seen).all():
        told = "the network sees no numbers in these photos, only infinity or none: its weights are of no use"
        raise NotReadyError(told, "choose another network with --arch, or other weights")
    return seen


def fit_apart(seen: np.ndarray, targets: np.ndarray, groups: np.ndarray, labels: int, apart: np.ndarray) -> Probe:
    """The same as `fit` where some photos (n, bool) are no sample of what will be asked: they are learnt only where
    that names the others better, held back in turn."""
    usual = ~apart
    plain = fit(seen[usual], targets[usual], groups[usual], labels)
    if not apart.any():
        return plain
    whole = fit(seen, targets, groups, labels, judged=usual)
    return whole if whole.held_out.loss < plain.held_out.loss else plain


def fit(
    seen: np.ndarray, targets: np.ndarray, groups: np.ndarray, labels: int, judged: np.ndarray | None = None
) -> Probe:
    """Logistic regression on standardised features (n, features), as sure of itself as its held-out answers warrant.

    Only the photos `judged` (n, bool) are held back, all of them where it is None.

    Of the strengths the one is taken whose held-out answers are likeliest once each is scaled by its own temperature
    (unscaled, a strength would win by being surer, not by knowing better), and the temperature goes into the weights.
    """
    mean, scale = seen.mean(axis=0), seen.std(axis=0) + 1e-3
    # Turned so that no axis is empty: the penalty does not feel it, and fewer photos than features cost less.
    left, lengths, turn = np.linalg.svd((seen - mean) / scale, full_matrices=False)
    turned = left * lengths
    with logistic.one_thread():
        chosen = min(
            (_measured(turned, targets, groups, labels, strength, judged) for strength in STRENGTHS),
            key=lambda found: (round(found.loss, 4), found.strength),  # a last digit must not turn the choice
        )
        weight, bias = logistic.fit(turned, targets, labels, chosen.strength)
    weight = weight @ turn / scale / chosen.temperature
    bias = bias / chosen.temperature - weight @ mean
    return Probe(weight.astype(np.float32), bias.astype(np.float32), chosen)


def _measured(
    seen: np.ndarray, targets: np.ndarray, groups: np.ndarray, labels: int, strength: float, judged: np.ndarray | None
) -> HeldOut:
    answers, told = logistic.held_out(seen, targets, groups, labels, strength, judged)
    if not told.any():
        return HeldOut(strength, 1.0, abs(math.log(strength / UNTOLD)), 0.0)
    answers, targets = answers[told], targets[told]
    even = metrics.even(targets)
    temperature = metrics.fit_temperature(answers, targets, even)
    losses = metrics.losses(metrics.at_temperature(answers, temperature), targets)
    return HeldOut(strength, temperature, float((even * losses).mean()), float((answers.argmax(1) == targets).mean()))
