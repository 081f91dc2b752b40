"""A linear probe: the pretrained network as it is, and one linear layer fitted on what it sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from lookalike import metrics
from lookalike.project.records import InputSpec
from lookalike.vision.model import halves, normalise

STRENGTHS = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
FOLDS = 5


@dataclass(frozen=True)
class Probe:
    """weight (labels, features) and bias (labels,) on raw features; `held_out` (n, labels) are probabilities for each
    photo from a probe that never saw its group."""

    weight: np.ndarray
    bias: np.ndarray
    held_out: np.ndarray
    strength: float

    def answer(self, features: np.ndarray) -> np.ndarray:
        """Probabilities (n, labels)."""
        return _softmax(features @ self.weight.T + self.bias)

    def into(self, head: Any) -> None:
        """Make this the network's last layer."""
        with torch.no_grad():
            head[-1].weight.copy_(torch.from_numpy(self.weight))
            head[-1].bias.copy_(torch.from_numpy(self.bias))


@torch.no_grad()
def features(network: Any, spec: InputSpec, pixels: list[np.ndarray], batch: int = 32) -> np.ndarray:
    """What the head gets to see (n, features), float32, of the centre squares of uint8 photos."""
    network.eval()
    device = next(network.parameters()).device
    see, _ = halves(network)
    rows = []
    for start in range(0, len(pixels), batch):
        squares = np.stack([_centre_square(photo) for photo in pixels[start : start + batch]])
        photos = normalise(torch.from_numpy(squares).to(device), spec)
        if photos.shape[-1] != spec.size:
            photos = nn.functional.interpolate(photos, (spec.size, spec.size), mode="bilinear", antialias=True)
        rows.append(see(photos.contiguous(memory_format=torch.channels_last)).float().cpu().numpy())
    return np.concatenate(rows)


def _centre_square(photo: np.ndarray) -> np.ndarray:
    height, width = photo.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return photo[top : top + side, left : left + side]


def fit(seen: np.ndarray, targets: np.ndarray, groups: np.ndarray, labels: int) -> Probe:
    """Logistic regression on standardised features, as sure of itself as its held-out answers warrant.

    Of the strengths the one is taken whose held-out answers are likeliest once each is scaled by its own temperature
    (unscaled, a strength would win by being surer, not by knowing better), and the temperature goes into the weights.
    """
    with threadpool_limits(1):  # threads that wait for each other cost more than they save: 2.1 s against 0.2
        return _fit(seen, targets, groups, labels)


def _fit(seen: np.ndarray, targets: np.ndarray, groups: np.ndarray, labels: int) -> Probe:
    tried = {strength: _held_out(seen, targets, groups, labels, strength) for strength in STRENGTHS}
    temperatures = {strength: metrics.fit_temperature(tried[strength], targets) for strength in STRENGTHS}
    scaled = {strength: metrics.at_temperature(tried[strength], temperatures[strength]) for strength in STRENGTHS}
    strength = min(STRENGTHS, key=lambda value: metrics.losses(scaled[value], targets).mean())
    weight, bias = _logistic(seen, targets, labels, strength)
    temperature = np.float32(temperatures[strength])
    return Probe(weight / temperature, bias / temperature, scaled[strength], strength)


def _held_out(seen: np.ndarray, targets: np.ndarray, groups: np.ndarray, labels: int, strength: float) -> np.ndarray:
    """Probabilities for each photo from a probe fitted without its fold; copies of a photo share a fold."""
    from sklearn.model_selection import StratifiedGroupKFold

    answers = np.full((len(seen), labels), 1 / labels)
    folds = min(FOLDS, *(len(np.unique(groups[targets == label])) for label in range(labels)))
    if folds < 2:
        return answers
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for learn, hold in splitter.split(seen, targets, groups):
        weight, bias = _logistic(seen[learn], targets[learn], labels, strength)
        answers[hold] = _softmax(seen[hold] @ weight.T + bias)
    return answers


def _logistic(seen: np.ndarray, targets: np.ndarray, labels: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights on raw features: the standardisation is folded into them."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = seen.mean(axis=0), seen.std(axis=0) + 1e-3
    weight, bias = np.zeros((labels, seen.shape[1])), np.full(labels, -20.0)
    present = np.unique(targets)
    if len(present) == 1:
        bias[present] = 0
        return weight.astype(np.float32), bias.astype(np.float32)
    model = LogisticRegression(C=strength, max_iter=300).fit((seen - mean) / scale, targets)
    if len(present) == 2:
        rows, starts = np.stack([-model.coef_[0] / 2, model.coef_[0] / 2]), np.array([-0.5, 0.5]) * model.intercept_[0]
    else:
        rows, starts = model.coef_, model.intercept_
    weight[present] = rows / scale
    bias[present] = starts - (rows / scale) @ mean
    return weight.astype(np.float32), bias.astype(np.float32)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powered = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powered / powered.sum(axis=1, keepdims=True)
