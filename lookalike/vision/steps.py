"""What several recipes do: build the network, find the one that knows the photos best, fit a linear probe, measure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lookalike import metrics
from lookalike.vision import axes, distributed, inference, model, probe
from lookalike.vision.device import lay_out
from lookalike.vision.material import Material, Trained

BETTER = 0.9  # times the loss of a cheaper network: less is not worth a slower one
LOOKED_AT = 400  # photos that networks are compared on
PATIENT = 4  # times what the first network took: with less time left no other one is tried


@dataclass(frozen=True)
class ProbedNetwork:
    """A network with a linear probe as its last layer, how well that names photos held back in turn, and how similar
    the photos learnt from are to each other (n,), as axes.held_out tells it."""

    arch: str
    network: nn.Sequential
    held_out: probe.HeldOut
    similarities: np.ndarray


@dataclass(frozen=True)
class _Candidate:
    arch: str
    network: nn.Sequential
    seen: np.ndarray
    fitted: probe.Probe


def built(material: Material, arch: str) -> tuple[nn.Sequential, bool]:
    """The network with one linear layer for the labels, where it is trained, and whether its weights are pretrained."""
    labels, size = len(material.dataset.labels), material.spec.size
    network, pretrained = model.build(arch, labels, head="classifier", source=material.weights, size=size)
    lay_out(network, material.device)
    return network, pretrained


def probed(material: Material) -> ProbedNetwork:
    """Fit a linear probe of what a network sees: of the one that knows the photos best, where several may be taken."""
    best = _best(material)
    seen, fitted = best.seen, best.fitted
    targets, groups, labels = _targets(material)
    if len(seen) < len(targets):
        seen = probe.features(best.network, material.spec, material.train)
        fitted = probe.fit_apart(seen, targets, groups, labels, material.apart)
    fitted.into(best.network[1])
    axes.fill(best.network, seen, material.train_targets)
    return ProbedNetwork(best.arch, best.network, fitted.held_out, axes.held_out(seen, targets, groups, labels))


def _best(material: Material) -> _Candidate:
    """Of a material's networks the one whose linear probe names photos held back in turn best, as far as time allows.

    A dearer one must be clearly better. The loss on photos held back in turn foretells that on new ones well: on ants
    and bees, ten times measured on the fifth that was left, 0.088 and 0.088 for efficientnet_lite0, 0.062 and 0.060 for
    lite2; on whole photos of athletes 0.21 and 0.18, 0.23 and 0.23.
    """
    most = LOOKED_AT if material.rivals else len(material.train)
    started = time.monotonic()
    best = _candidate(material, material.arch, most)
    took = time.monotonic() - started
    told = {best.arch: best.fitted.held_out.loss}
    for arch in material.rivals:
        if material.deadline and material.deadline - time.monotonic() < PATIENT * took:
            break
        found = _candidate(material, arch, most)
        told[arch] = found.fitted.held_out.loss
        if told[arch] < BETTER * told[best.arch]:
            best = found
    if material.rivals:
        material.report.note(_race(material.rivals, told, best.arch))
    return best


def _race(rivals: Sequence[str], told: dict[str, float], taken: str) -> str:
    """Which network is taken and why, from the losses of those that were tried."""
    losses = ", ".join(f"{arch} {loss:.3f}" for arch, loss in told.items())
    line = f"{taken} is taken: loss of a linear probe on photos held back in turn: {losses}"
    if min(told.values()) < told[taken]:
        line += "; a larger one must be a tenth better"
    untried = [arch for arch in rivals if arch not in told]
    return f"{line}; no time to try {' and '.join(untried)}" if untried else line


def _candidate(material: Material, arch: str, most: int) -> _Candidate:
    """What a network sees in the photos, in at most so many of them, and a linear probe of that."""
    targets, groups, labels = _targets(material)
    some = slice(None, None, max(1, -(-len(targets) // most)))
    network, _ = built(material, arch)
    seen = probe.features(network, material.spec, material.train[some])
    fitted = probe.fit_apart(seen, targets[some], groups[some], labels, material.apart[some])
    return _Candidate(arch, network, seen, fitted)


def _targets(material: Material) -> tuple[np.ndarray, np.ndarray, int]:
    groups = np.unique(np.array(material.train_groups), return_inverse=True)[1]
    return np.array(material.train_targets), groups, len(material.dataset.labels)


def learn_axes(network: nn.Sequential, material: Material) -> np.ndarray:
    """Keep in the network what it, as it is now, sees in the photos of each label; their similarities to each other
    then, as in ProbedNetwork."""

    def learn() -> np.ndarray:
        seen = probe.features(network.to(material.device), material.spec, material.train)
        axes.fill(network, seen, material.train_targets)
        return axes.held_out(seen, *_targets(material))

    found = distributed.share(learn)
    distributed.same_weights(network)
    return found


def answers(network: nn.Module, material: Material) -> np.ndarray:
    """Probabilities (n, labels) of the photos held back."""
    scores = inference.ask(network, material.spec, material.valid)
    return torch.from_numpy(scores).softmax(dim=1).numpy()


def losses(answered: np.ndarray, material: Material) -> tuple[np.ndarray, float]:
    """The loss of each photo held back (n,), at the temperature that suits those `answers`, and accuracy."""
    return metrics.losses_at_best_temperature(answered, np.array(material.valid_targets))


def held_back(trained: Trained, material: Material) -> np.ndarray:
    """Probabilities (n, labels) of the photos held back, found where the network was trained unless they are known."""
    if trained.answers is not None and not material.corrected:  # these change the network once more
        return trained.answers
    network = trained.network.to(material.device)
    found = answers(network, material)
    network.cpu()
    return found
