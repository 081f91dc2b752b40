"""A training that was stopped goes on from its last kept epoch, and ends as if it had never been stopped."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.torch_core import set_seed

from lookalike.files import replacing
from lookalike.vision import distributed, states
from lookalike.vision.callbacks import EMA, GradScaling, KeepBest

if TYPE_CHECKING:
    from lookalike.vision.material import Material
    from lookalike.vision.plan import Plan

NAME = "training.pt"
SHARE = 0.25  # of the training's time may go into keeping it


def load(folder: Path, key: str) -> dict[str, Any] | None:
    """What was kept of the training called `key`, or None. Read as plain tensors: nothing in it can run."""
    try:
        kept = torch.load(folder / NAME, map_location="cpu", weights_only=True)
    except Exception:  # no file, or one that was damaged: the training simply starts anew
        return None
    return kept if kept.get("key") == key else None


class Checkpoint(Callback):
    """Keeps everything after each epoch; each epoch has randomness of its own, so that going on changes nothing.

    Where epochs are so short, or the disk so slow, that this would cost more than a quarter of the time, some are
    passed over: resnet18 from random weights takes 0.6 s for an epoch of 94 photos and up to 0.4 s to write its 180 MB.
    """

    order = 80

    def __init__(self, material: Material, chosen: Plan, average: EMA, best: KeepBest) -> None:
        self.material, self.chosen, self.average, self.best = material, chosen, average, best
        self.key, self.seed = material.key, material.seed

    def before_fit(self) -> None:
        self.began, self.spent = time.monotonic(), 0.0

    def before_train(self) -> None:
        set_seed(self.seed + 1000 * (self.epoch + 1) + 1_000_003 * distributed.rank())
        self.dls.train.rng = random.Random(self.seed + self.epoch)

    def after_epoch(self) -> None:
        started = time.monotonic()
        costly = self.spent > SHARE * (started - self.began)
        if costly or self.epoch < self.learn.skipped_epochs or distributed.rank():
            return
        scaler = getattr(self.learn, "scaler", None)
        kept = {
            "key": self.key, "epochs": self.epoch + 1, "planned": self.n_epoch,
            "network": distributed.alone(self.model).state_dict(),
            "optimizer": _plain(self.opt.state_dict()), "average": self.average.average, "steps": self.average.count,
            "history": self.best.history, "best_epoch": self.best.best_epoch, "best_loss": self.best.best_loss,
            "best": {} if self.best.best_epoch == self.epoch + 1 else self.best.state,  # else it is the average
            "first": [] if self.best.first is None else self.best.first.tolist(),
            "scaler": scaler.state_dict() if scaler else {}, "plan": self.chosen.to_json(), "arch": self.material.arch,
        }  # fmt: skip
        self._write(kept)
        self.spent += time.monotonic() - started

    def _write(self, kept: dict[str, Any]) -> None:
        """Replace what was kept before. Where there is no room for it the training goes on all the same."""
        try:
            with replacing(self.material.folder / NAME) as part:
                torch.save(kept, part)
            if self.material.kept:
                self.material.kept(kept["epochs"], kept["planned"])
        except (OSError, RuntimeError) as error:  # torch makes either of a full disk
            reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
            self.material.report.warn(f"epoch {kept['epochs']} can't be kept: {reason}")


def _plain(value: Any) -> Any:
    """The same without numpy's numbers, which plain tensor files may not hold."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def restore(learner: Learner, kept: dict[str, Any], average: EMA, best: KeepBest) -> None:
    """Put a learner, its averaged weights and its best epoch where they were."""
    states.load(learner.model, kept["network"])
    learner.create_opt()
    learner.opt.load_state_dict(kept["optimizer"])
    for parameter, state in learner.opt.opt.state.items():
        for name, value in state.items():
            if value.shape == parameter.shape:  # fused AdamW takes for granted that both lie alike in memory
                state[name] = torch.empty_like(parameter).copy_(value)
    average.restored = (kept["average"], kept["steps"])
    best.history, best.best_epoch = list(kept["history"]), kept["best_epoch"]
    best.best_loss, best.state = kept["best_loss"], kept["best"] or {k: v.clone() for k, v in kept["average"].items()}
    best.first = np.array(kept["first"]) if kept["first"] else None
    for callback in learner.cbs:
        if isinstance(callback, GradScaling):
            callback.restored = kept["scaler"]
