"""Counting, without torch: how often right, how sure of that, what is taken for what, how honest probabilities are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lookalike.project.records import Accuracy, Rate

Z95 = 1.959963984540054


def rate(right: int, total: int) -> Rate:
    """A share of successes with its 95 % Wilson score interval (E. B. Wilson, JASA 22, 1927); 0..1 when total is 0."""
    if total == 0:
        return Rate(0.0, 0.0, 1.0, 0, 0)
    share = right / total
    centre = (share + Z95**2 / (2 * total)) / (1 + Z95**2 / total)
    half = Z95 / (1 + Z95**2 / total) * math.sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2))
    return Rate(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)), right, total)


def accuracy(right: np.ndarray, actual: np.ndarray, labels: Sequence[str]) -> Accuracy:
    """How often right, from whether each photo is (n,) and its label as a number (n,). Labels without photos are left
    out of the balanced one."""
    counts = np.bincount(actual, minlength=len(labels))
    recalls = np.bincount(actual, weights=right, minlength=len(labels))[counts > 0] / counts[counts > 0]
    scarcest, whole = int(counts.argmin()), rate(int(right.sum()), len(right))
    balanced = float(recalls.mean()) if len(recalls) else 0.0
    return Accuracy(**whole.to_json(), balanced=balanced, scarcest=labels[scarcest], fewest=int(counts[scarcest]))


def confusion(actual: Sequence[int] | np.ndarray, predicted: Sequence[int] | np.ndarray, labels: int) -> np.ndarray:
    """Counts (labels, labels): row i, column j is how often label i was taken for label j."""
    table = np.zeros((labels, labels), dtype=int)
    np.add.at(table, (np.asarray(actual, dtype=int), np.asarray(predicted, dtype=int)), 1)
    return table


def per_label(table: np.ndarray, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Photos, precision, recall and F1 of each label; a rate of nothing is 0."""
    scores = {}
    for index, label in enumerate(labels):
        hit, told, real = int(table[index, index]), int(table[:, index].sum()), int(table[index].sum())
        precision, recall = hit / told if told else 0.0, hit / real if real else 0.0
        f1 = 2 * precision * recall / (precision + recall) if hit else 0.0
        scores[label] = {"photos": real, "precision": precision, "recall": recall, "f1": f1}
    return scores


def losses(probabilities: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """-ln of the probability given to the right label, for each row."""
    return -np.log(np.maximum(probabilities[np.arange(len(actual)), actual], 1e-12))


def at_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(logits / T) from the softmax at 1: p^(1/T), normalised."""
    if temperature == 1:
        return probabilities
    scaled = np.log(np.maximum(probabilities, 1e-30)) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    powered = np.exp(scaled)
    return powered / powered.sum(axis=1, keepdims=True)


def even(actual: np.ndarray) -> np.ndarray:
    """Weights (n,), 1 on average, with which every label counts the same."""
    counts = np.bincount(actual)
    return len(actual) / (np.count_nonzero(counts) * counts[actual])


def fit_temperature(probabilities: np.ndarray, actual: np.ndarray, weights: np.ndarray | float = 1.0) -> float:
    """The temperature that makes the probabilities likeliest (C. Guo et al., ICML 2017), between 0.25 and 8.

    Each photo counts with its weight, if `weights` (n,) are given.

    Ten made-up answers at temperature 1 hold it back when there are few photos. One-dimensional and convex in log T,
    so a golden-section search finds it.
    """
    if len(actual) == 0:
        return 1.0

    def cost(log_t: float) -> float:
        scaled = at_temperature(probabilities, math.exp(log_t))
        return float((weights * losses(scaled, actual)).sum() + 10 * log_t**2)

    low, high = math.log(0.25), math.log(8)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if cost(left) < cost(right) else (left, high)
    return math.exp((low + high) / 2)


def losses_at_best_temperature(probabilities: np.ndarray, actual: np.ndarray) -> tuple[np.ndarray, float]:
    """The loss of each row (n,) once scaled by the fitted temperature, and accuracy."""
    scaled = at_temperature(probabilities, fit_temperature(probabilities, actual))
    return losses(scaled, actual), float((probabilities.argmax(axis=1) == actual).mean())


def calibration(probabilities: np.ndarray, actual: np.ndarray, bins: int = 10) -> tuple[float, list[dict[str, float]]]:
    """Expected calibration error and its bins, each with as many photos as the next.

    The error is the mean gap between how sure the network says it is and how often it is right (M. Naeini et al.,
    AAAI 2015); bins of equal mass make it usable on small sets (J. Nixon et al., CVPR 2019 workshops).
    """
    if len(actual) == 0:
        return 0.0, []
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == actual
    order = np.argsort(sure, kind="stable")
    rows, error = [], 0.0
    for part in np.array_split(order, max(1, min(bins, len(order) // 10 or 1))):
        said, was = float(sure[part].mean()), float(right[part].mean())
        error += abs(said - was) * len(part) / len(order)
        rows.append({"confidence": said, "accuracy": was, "photos": len(part)})
    return error, rows


def paired_p_value(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided exact McNemar test: could two answerers on the same photos be equally good?

    `first` and `second` say for each photo whether it was right. Source: Q. McNemar, Psychometrika 12, 1947, in the
    exact binomial form.
    """
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    differing = only_first + only_second
    if differing == 0:
        return 1.0
    tail = sum(math.comb(differing, k) for k in range(min(only_first, only_second) + 1)) / 2**differing
    return min(1.0, 2 * tail)
