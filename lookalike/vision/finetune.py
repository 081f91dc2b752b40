"""Fine-tune a network from where it stands, within the memory and the time there is."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

import fastai.callback.schedule  # noqa: F401  gives Learner fit_one_cycle and fine_tune
import torch
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import OptimWrapper
from torch import nn

from lookalike.vision import checkpoint, data, distributed, plan, states
from lookalike.vision.callbacks import Averaged, Best, Quicker, Scaled, Steps, Until, quiet
from lookalike.vision.device import out_of_memory

if TYPE_CHECKING:
    from lookalike.vision.material import Material

FINE_TUNING_RATE = 3e-4
SCRATCH_RATE = 2e-3


def fit(
    network: nn.Module, early: list[nn.Module] | None, material: Material, chosen: plan.Plan, best: Best,
    kept: dict[str, Any] | None,
) -> plan.Plan:  # fmt: skip
    """Fine-tune all but the `early` layers, or without any train all of them from random weights; when memory runs out,
    go on after the last kept epoch with batches of half the size."""
    while True:
        try:
            _fit_once(network, early, material, chosen, best, kept)
            return chosen
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error) or chosen.batch_size < 4 or distributed.size() > 1:
                raise
        chosen = dataclasses.replace(chosen, batch_size=chosen.batch_size // 2)
        kept = checkpoint.load(material.folder, material.key())
        if not kept and best.state:
            states.load(network, best.state)
        material.report.warn(f"out of memory; going on with batches of {chosen.batch_size}")


def _fit_once(
    network: nn.Module, early: list[nn.Module] | None, material: Material, chosen: plan.Plan, best: Best,
    kept: dict[str, Any] | None,
) -> None:  # fmt: skip
    """Fine-tune in place, from where an earlier training was stopped if `kept` says so."""
    pretrained = early is not None
    early_ids = {id(p) for layer in early or () for p in layer.parameters()}

    def groups(whole: nn.Module) -> list[list[nn.Parameter]]:
        kept = [p for p in whole.parameters() if id(p) in early_ids]
        rest = [p for p in whole.parameters() if id(p) not in early_ids]
        return [kept, rest] if kept else [rest]

    dls = data.cached_loaders(
        (material.train, material.train_targets), (material.valid, material.valid_targets),
        labels=material.dataset.labels, spec=material.spec, training_size=chosen.size, side=material.side,
        batch_size=max(2, chosen.batch_size // distributed.size()), device=material.device,
    )  # fmt: skip
    network.to(memory_format=torch.channels_last if chosen.channels_last else torch.contiguous_format)
    averaged = Averaged()
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(chosen.precision)
    quick = Quicker(half=half, channels_last=chosen.channels_last, freeze_norms=pretrained)
    scaled = [Scaled()] if half is torch.float16 else []
    together = [distributed.Together()] if distributed.size() > 1 else []
    learner = Learner(
        dls, network, loss_func=CrossEntropyLossFlat(), splitter=groups, train_bn=not pretrained,
        opt_func=partial(OptimWrapper, opt=partial(torch.optim.AdamW, fused=True)), wd=0.05,
        cbs=[quick, averaged, best, *scaled, *together],
    )  # fmt: skip
    if early_ids:
        learner.freeze_to(1)
    learner.skipped_epochs = kept["epochs"] if kept else 0
    if kept:
        checkpoint.restore(learner, kept, averaged, best)
        material.report.note(f"going on after epoch {learner.skipped_epochs}")
    keep = checkpoint.Checkpoint(material, averaged, best)
    steps = len(dls.train) * (material.epochs - learner.skipped_epochs)
    with material.report.task("training", steps) as task, quiet(learner):
        rate = FINE_TUNING_RATE if pretrained else SCRATCH_RATE
        callbacks = [Steps(task), Until(material.deadline), keep]
        try:
            learner.fit_one_cycle(
                material.epochs, rate, pct_start=0.25, cbs=callbacks, start_epoch=learner.skipped_epochs
            )
        finally:
            quick.leave()
            _let_go(learner)


def _let_go(learner: Learner) -> None:
    """Free what a step took, after an error too, of which fastai tells no callback.

    The learner and its callbacks hold each other, and with them activations, gradients and the optimizer's state, in
    memory that the next try needs.
    """
    if learner.opt:
        learner.opt.zero_grad()
    learner._end_cleanup()
    learner.loss_grad = None
    learner.remove_cbs(list(learner.cbs))
