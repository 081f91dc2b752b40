"""How much like the photos learnt from a photo is: the angle between what the last layer sees of it and the nearest
of a few means of that.

Probabilities always add up to one, so a photo of something else also gets a label, and often a sure one. Its features
lie far from the means of all labels all the same. Method: nearest class multiple centroids, T. Mensink et al.,
"Distance-Based Image Classification: Generalizing to New Classes at Near-Zero Cost", IEEE TPAMI 35, 2013; here with
the cosine, and only to tell what is known from what is not. The photos of a label show it in several ways, so one mean
lies between them, where other things lie too; but a mean of a few odd photos, cut-outs on white among ants, lets in
whatever looks like those. So each is drawn to the mean of its label, the more the fewer photos it stands on (shrinkage,
as of C. Stein, 1956).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from lookalike import logistic
from lookalike.project.records import InputSpec
from lookalike.vision.model import backbone_and_head, means_each, normalise

SMALLEST = 1e-12  # in place of the length of a mean or of features that are all zero, whose similarity is 0
PHOTOS = 5  # of a label for each of its means
DRAWN = 6  # with so many photos a mean lies half-way to that of its label
MOST = 500  # photos of a label that are looked at


def fill(network: Any, seen: np.ndarray, targets: Sequence[int]) -> None:
    """Keep the means of the features `seen` (n, features) in the network, as its buffer `means`.

    Where a label needs fewer, the first one is repeated; of one without photos they are zeros.
    """
    labels = network[1][-1].out_features
    means = np.zeros((labels, means_each(labels), seen.shape[1]), np.float32)
    for label in set(targets):
        found = _of_label(seen[np.asarray(targets) == label], means.shape[1])
        means[label] = found[np.arange(means.shape[1]) % len(found)]
    flat = torch.from_numpy(means.reshape(-1, seen.shape[1]))
    network.register_buffer("means", flat.to(next(network.parameters()).device))


def _of_label(seen: np.ndarray, most: int) -> np.ndarray:
    """Means (at most `most`, features) of a label's features, by k-means on their directions, each drawn to the mean of
    all of them."""
    from sklearn.cluster import KMeans

    seen = seen[:: -(-len(seen) // MOST)]
    units = seen / np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), SMALLEST)
    clusters, middle = max(1, min(most, len(seen) // PHOTOS)), units.mean(axis=0, keepdims=True)
    if clusters == 1:
        return middle
    with threadpool_limits(1):  # the same means on every number of cores
        fitted = KMeans(clusters, n_init=2, random_state=0).fit(units)
    sizes = np.bincount(fitted.labels_, minlength=clusters)[:, None]
    return np.asarray((sizes * fitted.cluster_centers_ + DRAWN * middle) / (sizes + DRAWN), np.float32)


def held_out(seen: np.ndarray, targets: np.ndarray, groups: np.ndarray, labels: int) -> np.ndarray:
    """The similarity (n,) of each photo to the means of the others, five folds; copies of a photo share a fold.

    It is that of a new photo only where the network did not learn its features `seen` from these very photos.
    """
    most, similarities = means_each(labels), np.zeros(len(seen), np.float32)
    for learn, hold in logistic.folds(targets, groups):
        means = np.concatenate([_of_label(seen[learn][targets[learn] == label], most) for label in set(targets[learn])])
        similarities[hold] = similarity(torch.from_numpy(seen[hold]), torch.from_numpy(means)).numpy()
    return similarities


def similarity(seen: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
    """The highest cosine (n,), float32, between features (n, features) and one of the means (means, features)."""
    return (_unit(seen) @ _unit(means).T).amax(dim=1)


def _unit(rows: torch.Tensor) -> torch.Tensor:
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(SMALLEST)


@torch.no_grad()
def ask(network: Any, spec: InputSpec, pixels: Sequence[np.ndarray], batch: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, labels) and similarities (n,), float32, of uint8 photos (n, size, size, 3), n at least 1."""
    backbone, head = backbone_and_head(network)
    probabilities, similarities = [], []
    for start in range(0, len(pixels), batch):
        part = torch.from_numpy(np.stack(pixels[start : start + batch])).to(network.means.device)
        seen = backbone(normalise(part, spec))
        probabilities.append(head(seen).softmax(dim=1).float().cpu().numpy())
        similarities.append(similarity(seen, network.means).float().cpu().numpy())
    return np.concatenate(probabilities), np.concatenate(similarities)
