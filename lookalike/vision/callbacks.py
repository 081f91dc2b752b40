"""What fastai's training loop tells us and does for us. Of those that answer the same event the lower order is first:

 5  HalfPrecision   first, so that all others see plain tensors and full precision
11  DDP             (distributed.py) after fastai has put the network on its device
15  KeepBest        before EMA takes the averaged weights away again after measuring
16  StopOnNaN
17  EarlyStopping   after KeepBest has counted the epoch
20  EMA
60  Steps
70  Deadline
80  Checkpoint      (checkpoint.py) after all that it keeps is settled
"""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager
from typing import Any

import fastai.callback.schedule  # noqa: F401  gives Learner fit_one_cycle and fine_tune
import numpy as np
import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.fp16 import MixedPrecision
from fastai.callback.progress import ProgressCallback
from fastai.learner import Learner
from torch import nn

from lookalike import metrics
from lookalike.report import Reporter, Task
from lookalike.vision import distributed, states
from lookalike.vision.device import memory_format

PATIENCE = 0.4  # share of the epochs after which fine-tuning is given up when it is far worse than the linear probe
FAR_WORSE = 1.3  # times its loss


class HalfPrecision(Callback):
    """The planned memory format and half precision: in training steps only, measuring stays exact.

    With `freeze_norms` the batch statistics of the pretrained network stay as they are: small batches of few photos
    would only blur them.
    """

    order = 5

    def __init__(self, *, half: torch.dtype | None, freeze_norms: bool) -> None:
        self.half, self.freeze_norms = half, freeze_norms
        self.context: Any = None

    def before_train(self) -> None:
        for layer in self.model.modules() if self.freeze_norms else ():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.eval()

    def before_batch(self) -> None:
        photos = self.xb[0].as_subclass(torch.Tensor)  # plain tensors: type dispatch costs a little in every layer
        self.learn.xb = (photos.contiguous(memory_format=memory_format(photos.device)),)
        self.learn.yb = (self.yb[0].as_subclass(torch.Tensor),)
        if self.training and self.half:
            self.context = torch.autocast(photos.device.type, dtype=self.half)
            self.context.__enter__()

    def after_pred(self) -> None:
        self.leave()
        self.learn.pred = self.pred.float()

    def leave(self) -> None:
        """Back to full precision, wherever a step ended: else halved copies of old weights would stay in use."""
        if self.context is not None:
            self.context.__exit__(None, None, None)
            self.context = None


class GradScaling(MixedPrecision):
    """Gradients scaled for float16, by fastai; the precision itself is HalfPrecision's, in training steps only."""

    restored: dict[str, object] | None = None

    def before_fit(self) -> None:
        super().before_fit()
        if self.restored:
            self.learn.scaler.load_state_dict(self.restored)

    def before_batch(self) -> None: ...

    def after_pred(self) -> None: ...

    def after_loss(self) -> None: ...


class EMA(Callback):
    """Measures, and at the end keeps, a running average of the weights: steadier than the last step on small sets.

    Method: B. Polyak and A. Juditsky, SIAM J. Control Optim. 30, 1992, as an exponential average with a warm-up.
    """

    order = 20

    def __init__(self, decay: float = 0.98) -> None:
        self.decay = decay
        self.restored: tuple[dict[str, torch.Tensor], int] | None = None

    def before_fit(self) -> None:
        self.average = states.copied(distributed.alone(self.model))
        self.count = 0
        if self.restored:
            kept, self.count = self.restored
            for name, value in self.average.items():  # into what is on the right device, laid out as the network is
                value.copy_(kept[name])

    def after_batch(self) -> None:
        if not self.training:
            return
        self.count += 1
        weight = 1 - min(self.decay, (1 + self.count) / (10 + self.count))
        state = distributed.alone(self.model).state_dict()
        moving = [name for name, value in state.items() if value.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([self.average[name] for name in moving], [state[name] for name in moving], weight)
            for name in state.keys() - set(moving):
                self.average[name].copy_(state[name])

    def before_validate(self) -> None:
        self._exchange()

    def after_validate(self) -> None:
        self._exchange()

    def _exchange(self) -> None:
        """The network's own weights against their average, without copying either."""
        for name, value in distributed.alone(self.model).state_dict(keep_vars=True).items():
            value.data, self.average[name] = self.average[name], value.data


class KeepBest(Callback):
    """Keeps the weights of the epoch that named held-back photos best, and one row of history for each epoch.

    The loss is taken at the temperature that suits the epoch: else one would win by being surer, not by knowing better.
    Runs while the averaged weights are in place. The network as it is before training gives way only to an epoch that
    is better by more than chance: by one standard error of the difference, photo by photo. (On 51 brain scans an epoch
    of loss 0.392 took the place of a probe of 0.412, and accuracy fell from 0.88 to 0.80.)
    """

    order = 15

    def __init__(self, report: Reporter) -> None:
        self.report = report
        self.history: list[dict[str, float]] = []
        self.best_epoch, self.broke, self.gave_up = 0, False, False
        self.state: dict[str, torch.Tensor] = {}
        self.best_loss = math.inf
        self.first: np.ndarray | None = None

    def seed(self, network: nn.Module, losses: np.ndarray, accuracy: float) -> None:
        """Count the network as it is before training as epoch 0, given its loss on each photo held back (n,)."""
        self.first = losses
        self.history.append({"epoch": 0, "valid_loss": float(losses.mean()), "accuracy": accuracy})
        self._keep(network, 0, float(losses.mean()))

    def before_epoch(self) -> None:
        self.started = time.perf_counter()
        self.losses: list[float] = []

    def before_validate(self) -> None:
        self.stepped = time.perf_counter()
        self.answers: list[torch.Tensor] = []
        self.targets: list[torch.Tensor] = []

    def after_pred(self) -> None:
        if not self.training:
            self.answers.append(self.pred.detach().float().cpu())
            self.targets.append(self.yb[0].cpu())

    def after_loss(self) -> None:
        if self.training:
            self.losses.append(float(self.loss.detach()))

    def after_validate(self) -> None:
        probabilities, targets = torch.cat(self.answers).softmax(dim=1).numpy(), torch.cat(self.targets).numpy()
        losses, accuracy = distributed.share(lambda: metrics.losses_at_best_temperature(probabilities, targets))
        if not np.isfinite(losses).all():
            self.broke = True
            return
        row: dict[str, float] = {
            "epoch": self.history[-1]["epoch"] + 1 if self.history else 1,
            "train_loss": sum(self.losses) / max(1, len(self.losses)),
            "valid_loss": float(losses.mean()),
            "accuracy": accuracy,
            "steps": self.stepped - self.started,
            "seconds": time.perf_counter() - self.started,
        }
        self.history.append(row)
        if row["valid_loss"] < self.best_loss - self._chance(losses):
            self._keep(distributed.alone(self.model), int(row["epoch"]), row["valid_loss"])
        told = f"loss {row['valid_loss']:.3f}, accuracy {accuracy:.3f} on photos held back"
        self.report.note(f"epoch {row['epoch']:.0f}: {told}")

    def _chance(self, losses: np.ndarray) -> float:
        """By how much an epoch may be better than what was there before training for no reason."""
        if self.best_epoch or self.first is None:
            return 0.0
        return float((self.first - losses).std() / math.sqrt(len(losses)))

    def _keep(self, network: nn.Module, epoch: int, loss: float) -> None:
        self.best_loss, self.best_epoch = loss, epoch
        self.state = states.copied(network)


class StopOnNaN(Callback):
    """Ends the training when the loss is no number any more; what was best before stays."""

    order = 16

    def __init__(self, best: KeepBest) -> None:
        self.best = best

    def after_validate(self) -> None:
        if self.best.broke:
            raise CancelFitException

    def after_loss(self) -> None:
        if self.training and distributed.any_of(not math.isfinite(float(self.loss.detach())), self.loss.device):
            self.best.broke = True
            raise CancelFitException


class EarlyStopping(Callback):
    """Gives fine-tuning up when it is far behind the linear probe it began with."""

    order = 17

    def __init__(self, best: KeepBest) -> None:
        self.best = best

    def after_epoch(self) -> None:
        best, row = self.best, self.best.history[-1]
        late = row["epoch"] >= math.ceil(PATIENCE * self.n_epoch)
        if best.first is not None and late and best.best_epoch == 0 and row["valid_loss"] > FAR_WORSE * best.best_loss:
            best.gave_up = True
            raise CancelFitException


class Steps(Callback):
    """One step of progress for each batch trained on."""

    order = 60

    def __init__(self, task: Task) -> None:
        self.task = task

    def after_batch(self) -> None:
        if self.training:
            self.task.advance(1, f"epoch {self.epoch + 1}/{self.n_epoch}, loss {float(self.smooth_loss):.3f}")


class Deadline(Callback):
    """Ends the training in time: the batch under way is the last; what was best before stays."""

    order = 70

    def __init__(self, deadline: float | None) -> None:
        self.deadline = deadline

    def after_batch(self) -> None:
        if not self.training or self.deadline is None:
            return
        if distributed.any_of(time.monotonic() > self.deadline, self.loss.device):
            raise CancelFitException


def quiet(learner: Learner) -> AbstractContextManager[object]:
    """Without fastai's own bars and printed rows: the Reporter shows what there is to see."""
    learner.remove_cbs([callback for callback in learner.cbs if isinstance(callback, ProgressCallback)])
    return learner.no_logging()
