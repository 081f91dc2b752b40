"""How much like the photos learnt from a photo is: the angle between what the last layer sees of it and each label's
mean of that.

Probabilities always add up to one, so a photo of something else also gets a label, and often a sure one. Its features
lie far from every label's mean all the same. Method: nearest class mean, T. Mensink et al., "Distance-Based Image
Classification: Generalizing to New Classes at Near-Zero Cost", IEEE TPAMI 35, 2013; here with the cosine, and only to
tell what is known from what is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from lookalike.project.records import InputSpec
from lookalike.vision.model import halves, normalise

SMALLEST = 1e-12  # in place of the length of a mean or of features that are all zero, whose similarity is 0


def fill(network: Any, seen: np.ndarray, targets: Sequence[int]) -> None:
    """Keep each label's mean of the features `seen` (n, features) in the network, as its buffer `means`.

    A label without photos keeps a mean of zeros.
    """
    means = np.zeros((network[1][-1].out_features, seen.shape[1]), np.float32)
    for label in set(targets):
        means[label] = seen[np.asarray(targets) == label].mean(axis=0)
    network.register_buffer("means", torch.from_numpy(means).to(next(network.parameters()).device))


def similarity(seen: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
    """The highest cosine (n,), float32, between features (n, features) and one of the means (labels, features)."""
    return (_unit(seen) @ _unit(means).T).amax(dim=1)


def _unit(rows: torch.Tensor) -> torch.Tensor:
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(SMALLEST)


@torch.no_grad()
def ask(network: Any, spec: InputSpec, pixels: Sequence[np.ndarray], batch: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, labels) and similarities (n,), float32, of uint8 photos (n, size, size, 3), n at least 1."""
    see, name = halves(network)
    probabilities, similarities = [], []
    for start in range(0, len(pixels), batch):
        part = torch.from_numpy(np.stack(pixels[start : start + batch])).to(network.means.device)
        seen = see(normalise(part, spec))
        probabilities.append(name(seen).softmax(dim=1).float().cpu().numpy())
        similarities.append(similarity(seen, network.means).float().cpu().numpy())
    return np.concatenate(probabilities), np.concatenate(similarities)
