"""How a network learns. A recipe takes the material of a training and gives back a trained network.

The table of them is in plugins.py; a new one is one function and one line.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import torch
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import error_rate
from fastai.vision.learner import vision_learner
from torch import nn

from lookalike import metrics
from lookalike.vision import checkpoint, data, distributed, finetune, means, model, plan, probe, states, weights
from lookalike.vision.callbacks import Best, Steps, quiet
from lookalike.vision.material import Material, Trained


def linear_probe(material: Material) -> Trained:
    """The pretrained network as it is and one fitted linear layer: seconds."""
    network, _ = _built(material)
    network.to(material.device).to(memory_format=torch.channels_last)
    alike = _fit_probe(network, material)
    loss, right = _measure(network, material)
    row = {"epoch": 0, "valid_loss": loss, "accuracy": right}
    return Trained(network.cpu().eval(), "classifier", (row,), 0, held_out=alike)


def auto(material: Material) -> Trained:
    """A linear probe first, then all but the earliest layers fine-tuned from there, gently.

    What each part is worth was measured on small sets of web photos (see README, "How it learns"): starting from the
    probe means no epoch is spent on a random head; the earliest layers, with a tenth of the parameters and most of
    the arithmetic, stay as they are; batch statistics stay as they are; the weights are averaged.
    """
    network, pretrained = _built(material)
    torch.set_num_threads(distributed.threads())
    network.to(material.device).to(memory_format=torch.channels_last)
    best = Best(material.report)
    kept, alike = distributed.share(lambda: _kept(material)), None
    if pretrained and not kept:
        *measured, alike = distributed.share(lambda: _probed(network, material))
        distributed.same_weights(network)
        best.seed(network, *measured)
    early = model.early_layers(network[0]) if pretrained else []
    chosen, epochs = distributed.share(lambda: _planned(network, early, material, kept, pretrained))
    material.report.note(chosen.describe(len(material.train), epochs))
    if epochs:
        planned = dataclasses.replace(material, epochs=epochs, deadline=_training_ends(material, chosen))
        chosen = finetune.fit(network, early if pretrained else None, planned, chosen, best, kept)
    if best.broke:
        material.report.warn(f"the loss stopped being a number; the weights of epoch {best.best_epoch} are kept")
    if best.gave_up:
        material.report.note("fine-tuning was given up: the linear probe knows these photos better")
    if best.state:
        states.load(network, best.state)
    if best.best_epoch or not pretrained:
        _learn_means(network, material)  # else they are there since the probe
        alike = None
    elif kept:
        alike = distributed.share(lambda: _held_out(network, material))
    history = tuple(best.history)
    return Trained(network.cpu().eval(), "classifier", history, best.best_epoch, chosen.to_json(), alike)


def _built(material: Material) -> tuple[nn.Sequential, bool]:
    """The network with one linear layer for the labels, and whether its weights are pretrained."""
    labels, size = len(material.dataset.labels), material.spec.size
    return model.build(material.arch, labels, head="classifier", source=material.weights, size=size)


def _kept(material: Material) -> dict[str, Any] | None:
    """Where a stopped training goes on; None where one begins."""
    if not material.resume:
        return None
    kept = checkpoint.load(material.folder, material.key())
    if not kept:
        material.report.warn("what was kept of it is damaged or of another version; it starts anew")
    return kept


def held_back(trained: Trained, material: Material) -> np.ndarray:
    """Probabilities (n, labels) of the photos held back, found where the network was trained."""
    network = trained.network.to(material.device)
    answers = model.predict(network, material.spec, material.valid)
    network.cpu()
    return answers


def _probed(network: nn.Sequential, material: Material) -> tuple[float, float, np.ndarray]:
    """Loss and accuracy on the held-back photos of the linear probe, which is in the network's head from then on, and
    what `_fit_probe` tells."""
    alike = _fit_probe(network, material)
    return *_measure(network, material), alike


def _planned(
    network: nn.Module, early: list[nn.Module], material: Material, kept: dict[str, Any] | None, pretrained: bool
) -> tuple[plan.Plan, int]:
    """How to train here, and for how many epochs: those of a training that goes on are settled."""
    chosen = plan.choose(network, early, material, pretrained=pretrained)
    if kept:
        return chosen, kept["planned"]
    left = material.deadline - time.monotonic() if material.deadline else None
    return chosen, chosen.epochs(len(material.train), len(material.valid), material.epochs, left)


def _training_ends(material: Material, chosen: plan.Plan) -> float | None:
    """When the last epoch must be over, on time.monotonic's clock."""
    if material.deadline is None:
        return None
    return material.deadline - chosen.ending(len(material.train), len(material.valid))


def book(material: Material) -> Trained:
    """The fastai book's own recipe: DataBlock, vision_learner, fine_tune. Every number is fastai's default."""
    dls = data.book_loaders(
        material.dataset, material.spec, batch_size=material.batch_size or 64, device=material.device
    )
    filled, _ = model.build(
        material.arch, len(material.dataset.labels), head="book", source=material.weights, size=material.spec.size
    )
    learner = vision_learner(
        dls, weights.resolve(material.arch), pretrained=False, normalize=False, n_out=len(material.dataset.labels),
        loss_func=CrossEntropyLossFlat(), metrics=error_rate,
    )  # fmt: skip
    states.load(learner.model[0], filled[0].state_dict())
    best = Best(material.report)
    with material.report.task("training", len(dls.train) * (material.epochs + 1)) as task, quiet(learner):
        learner.fine_tune(material.epochs, cbs=[best, Steps(task)])
    if best.state:
        states.load(learner.model, best.state)
    _learn_means(learner.model, material)
    return Trained(learner.model.cpu().eval(), "book", tuple(best.history), best.best_epoch)


def _fit_probe(network: nn.Sequential, material: Material) -> np.ndarray:
    """Fill the network's last layer with a linear probe of what its body sees; how alike the photos learnt from are to
    each other, (n,)."""
    seen = probe.features(network, material.spec, list(material.train))
    groups = np.unique(np.array(material.train_groups), return_inverse=True)[1]
    targets, labels = np.array(material.train_targets), len(material.dataset.labels)
    fitted = probe.fit(seen, targets, groups, labels)
    fitted.into(network[1])
    means.fill(network, seen, material.train_targets)
    return means.held_out(seen, targets, groups, labels)


def _held_out(network: nn.Sequential, material: Material) -> np.ndarray:
    """The last of `_fit_probe`, for a training that goes on after it."""
    seen = probe.features(network.to(material.device), material.spec, list(material.train))
    groups = np.unique(np.array(material.train_groups), return_inverse=True)[1]
    return means.held_out(seen, np.array(material.train_targets), groups, len(material.dataset.labels))


def _learn_means(network: nn.Sequential, material: Material) -> None:
    """What the network, as it is now, sees in the photos of each label."""
    photos = list(material.train)
    if distributed.rank() == 0:
        means.fill(network, probe.features(network, material.spec, photos), material.train_targets)
    distributed.same_weights(network)


def _measure(network: nn.Module, material: Material) -> tuple[float, float]:
    """Mean loss and accuracy on the held-back photos."""
    answers = model.predict(network, material.spec, material.valid)
    return metrics.loss_at_best_temperature(answers, np.array(material.valid_targets))
