"""A linear probe first, then all but the earliest layers fine-tuned from there, gently, where that promises much."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import torch
from torch import nn

from lookalike.vision import checkpoint, distributed, finetune, plan, states, steps
from lookalike.vision.callbacks import KeepBest
from lookalike.vision.material import EPOCHS, Material, Trained
from lookalike.vision.probe import HeldOut

# Without --epochs, a network is fine-tuned where its linear probe names more than one in twenty of the photos held back
# in turn wrongly, or so many that there is much to learn from them. Ants and bees (0.03 wrong, 10 photos) lost by it
# whatever was tried, and it takes four fifths of the time; whole photos of athletes (0.1 wrong) gain.
FEW_WRONG = 0.05
MANY_WRONG = 30


def auto(material: Material) -> Trained:
    """Probe, then fine-tune, and keep what names the photos held back best.

    What each part is worth was measured on small sets of web photos (see README, "How it learns"): starting from the
    probe means no epoch is spent on a random head; the earliest layers, with a tenth of the parameters and most of
    the arithmetic, stay as they are; batch statistics stay as they are; the weights are averaged.
    """
    torch.set_num_threads(distributed.threads())
    kept, best = distributed.share(lambda: _kept(material)), KeepBest(material.report)
    pretrained, found, arch, answers = material.weights != "none", None, material.arch, None
    if kept:
        arch = kept["arch"]
    elif pretrained:
        found = steps.probed(material) if distributed.rank() == 0 else None
        arch, held_out = distributed.share(lambda: _told(found))
        material = dataclasses.replace(material, epochs=_epochs(material, held_out))
    network = found.network if found else steps.built(_refilled(material) if kept else material, arch)[0]
    if pretrained and not kept:
        distributed.same_weights(network)
        answers = distributed.share(lambda: steps.answers(network, material))
        best.seed(network, *steps.losses(answers, material))
    usual = material.usual
    chosen = distributed.share(lambda: _planned(network, usual, kept, pretrained))
    if chosen:
        material.report.note(chosen.describe(len(usual.train)))
        planned = dataclasses.replace(usual, arch=arch, deadline=_training_ends(material, chosen))
        chosen = finetune.fit(network, planned, chosen, best, kept, pretrained=pretrained)
    ended = _ended(network, material, best, chosen, found, arch)
    return ended if best.best_epoch else dataclasses.replace(ended, answers=answers)


def _refilled(material: Material) -> Material:
    """A training whose network gets what was kept of it: the file that it began with may be gone by now."""
    return dataclasses.replace(material, weights="none")


def _told(found: steps.ProbedNetwork | None) -> tuple[str, HeldOut]:
    """What the leading process found, for the others."""
    assert found
    return found.arch, found.held_out


def _epochs(material: Material, held_out: HeldOut) -> int:
    """How many epochs of fine-tuning: as many as were asked for, else none where they promise little."""
    if material.epochs is not None or material.deadline:
        return EPOCHS if material.epochs is None else material.epochs
    wrong = (1 - held_out.accuracy) * len(material.train)
    if 1 - held_out.accuracy > FEW_WRONG or wrong > MANY_WRONG:
        return EPOCHS
    material.report.note(
        f"not fine-tuned: the linear probe names {held_out.accuracy:.3f} of the photos held back in turn rightly, and "
        "fine-tuning would hardly better that (--epochs 5 does it all the same)"
    )
    return 0


def _kept(material: Material) -> dict[str, Any] | None:
    """Where a stopped training goes on; None where one begins."""
    if not material.resume:
        return None
    kept = checkpoint.load(material.folder, material.key)
    if not kept and (material.folder / checkpoint.NAME).exists():
        material.report.warn("what was kept of it is damaged or of another version; it starts anew")
    elif not kept:
        material.report.note("it was stopped before an epoch was kept; it begins again with its settings and photos")
    return kept


def _planned(
    network: nn.Sequential, material: Material, kept: dict[str, Any] | None, pretrained: bool
) -> plan.Plan | None:
    """How to train here, and for how many epochs: those of a training that goes on are settled. None for not at all."""
    if kept:
        return plan.Plan(**kept["plan"])
    epochs = EPOCHS if material.epochs is None else material.epochs
    if not epochs:
        return None
    material.roomy()  # read before the time that is left is shared out
    left = material.deadline - time.monotonic() if material.deadline else None
    chosen = plan.choose(network, material, epochs, left, pretrained=pretrained)
    return chosen if chosen.epochs else None


def _training_ends(material: Material, chosen: plan.Plan) -> float | None:
    """When the last epoch must be over, on time.monotonic's clock."""
    if material.deadline is None:
        return None
    return material.deadline - chosen.ending(len(material.train), len(material.valid))


def _ended(
    network: nn.Sequential, material: Material, best: KeepBest, chosen: plan.Plan | None,
    found: steps.ProbedNetwork | None, arch: str,
) -> Trained:  # fmt: skip
    """The network of the best epoch, with what it sees in the photos of each label."""
    if best.broke:
        material.report.warn(f"the loss stopped being a number; the weights of epoch {best.best_epoch} are kept")
    if best.gave_up:
        material.report.note("fine-tuning was given up: the linear probe knows these photos better")
    if best.state:
        states.load(network, best.state)
    similarities = found.similarities if found else None
    if distributed.share(lambda: bool(best.best_epoch or not found)):  # else the axes are there since the probe
        similarities = steps.learn_axes(network, material)
    told = {"arch": arch, **(chosen.to_json() if chosen else {"epochs": 0})}
    if found:
        told["strength"] = found.held_out.strength
    history = tuple(best.history)
    return Trained(network.cpu().eval(), "classifier", history, best.best_epoch, told, similarities, arch)
