"""Fine-tune a network from where it stands, within the memory and the time there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from fastai.learner import Learner
from fastai.optimizer import OptimWrapper
from torch import nn
from torch.nn import functional

from lookalike.vision import checkpoint, data, distributed, model, plan, states
from lookalike.vision.callbacks import (
    EMA,
    Deadline,
    EarlyStopping,
    GradScaling,
    HalfPrecision,
    KeepBest,
    Steps,
    StopOnNaN,
    quiet,
)
from lookalike.vision.device import lay_out, out_of_memory

if TYPE_CHECKING:
    from lookalike.vision.material import Material

FINE_TUNING_RATE = 3e-4
SCRATCH_RATE = 2e-3


def fit(
    network: nn.Sequential, material: Material, chosen: plan.Plan, best: KeepBest, kept: dict[str, object] | None, *,
    pretrained: bool,
) -> plan.Plan:  # fmt: skip
    """Fine-tune all but the early layers, or train all of them from random weights; when memory runs out, go on after
    the last kept epoch with batches of half the size."""
    while True:
        try:
            _fit_once(network, material, chosen, best, kept, pretrained)
            return chosen
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error) or chosen.batch_size < 4 or distributed.size() > 1:
                raise
        chosen = dataclasses.replace(chosen, batch_size=chosen.batch_size // 2)
        kept = checkpoint.load(material.folder, material.key)
        if not kept and best.state:
            states.load(network, best.state)
        material.report.warn(f"out of memory; going on with batches of {chosen.batch_size}")


def _fit_once(
    network: nn.Sequential, material: Material, chosen: plan.Plan, best: KeepBest, kept: dict[str, object] | None,
    pretrained: bool,
) -> None:  # fmt: skip
    """Fine-tune in place, from where an earlier training was stopped if `kept` says so."""
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(chosen.precision)
    precision, average = HalfPrecision(half=half, freeze_norms=pretrained), EMA()
    learner = _learner(network, material, chosen, pretrained)
    learner.add_cbs([precision, average, best, StopOnNaN(best), EarlyStopping(best)])
    learner.add_cbs([GradScaling()] if half is torch.float16 else [])
    learner.add_cbs([distributed.DDP()] if distributed.size() > 1 else [])
    learner.skipped_epochs = kept["epochs"] if kept else 0
    if kept:
        checkpoint.restore(learner, kept, average, best)
        material.report.note(f"going on after epoch {learner.skipped_epochs}")
    steps = len(learner.dls.train) * (chosen.epochs - learner.skipped_epochs)
    with material.report.task("training", steps) as task, quiet(learner):
        rate = FINE_TUNING_RATE if pretrained else SCRATCH_RATE
        keep = checkpoint.Checkpoint(material, chosen, average, best)
        callbacks = [Steps(task), Deadline(material.deadline), keep]
        try:
            learner.fit_one_cycle(
                chosen.epochs, rate, pct_start=0.25, cbs=callbacks, start_epoch=learner.skipped_epochs
            )
        finally:
            precision.leave()
            _let_go(learner)


def _learner(network: nn.Sequential, material: Material, chosen: plan.Plan, pretrained: bool) -> Learner:
    """fastai's learner for the network, its early layers frozen if it is pretrained."""
    early = {id(p) for layer in model.early_layers(network[0]) if pretrained for p in layer.parameters()}

    def groups(whole: nn.Module) -> list[list[nn.Parameter]]:
        frozen = [p for p in whole.parameters() if id(p) in early]
        rest = [p for p in whole.parameters() if id(p) not in early]
        return [frozen, rest] if frozen else [rest]

    dls = data.cached_loaders(
        (material.roomy(), material.train_targets), (material.valid, material.valid_targets),
        labels=material.dataset.labels, spec=material.spec, training_size=chosen.size, side=material.side,
        batch_size=max(2, chosen.batch_size // distributed.size()), device=material.device,
    )  # fmt: skip
    lay_out(network, material.device)
    learner = Learner(
        dls, network, loss_func=LogitAdjusted(material.train_targets), splitter=groups, train_bn=not pretrained,
        opt_func=partial(OptimWrapper, opt=partial(torch.optim.AdamW, fused=True)), wd=0.05,
    )  # fmt: skip
    if early:
        learner.freeze_to(1)
    return learner


class LogitAdjusted(nn.Module):
    """Cross-entropy of scores (n, labels) with the logarithm of each label's share of the photos added: so the scores
    themselves favour no label for having more of them, as those of the linear probe (logistic.py)."""

    def __init__(self, targets: Sequence[int]) -> None:
        super().__init__()
        counts = torch.bincount(torch.as_tensor(targets))
        self.prior = (counts / counts.sum()).clamp_min(1e-6).log()

    def forward(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(scores + self.prior.to(scores.device), targets)


def _let_go(learner: Learner) -> None:
    """Free what a step took, after an error too, of which fastai tells no callback.

    The learner and its callbacks hold each other, and with them activations, gradients and the optimizer's state, in
    memory that the next try needs.
    """
    if learner.opt:
        learner.opt.zero_grad()
    learner.dl = learner.pred = learner.loss = learner.loss_grad = None
    learner.xb = learner.yb = (None,)
    learner.remove_cbs(list(learner.cbs))
