"""A plan before the work: precision, batch size and how long it will take.

What could change the weights is chosen without a clock: the same seed ends the same, whatever else the machine does.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from lookalike.vision import architectures, model, trial
from lookalike.vision.data import training_size
from lookalike.vision.device import fitting_precision, lay_out, memory_format, out_of_memory

if TYPE_CHECKING:
    from lookalike.vision.material import Material

TRIAL_BATCH = 4
MOST_PHOTOS = 64
# Photos in a batch. Of a network that starts from random weights every layer is trained, and batches of 8 take a fifth
# longer a photo than batches of 16 while it learns no more from them (resnet18 at 128 px on ants and bees, three seeds,
# accuracy and loss: 0.664 and 0.62 at 8, 0.662 and 0.63 at 16, 0.640 and 0.64 at 32).
LEAST, LEAST_FROM_NOTHING = 8, 16
MOST_EPOCHS = 20
MEASURING = 0.4  # of a photo, in training steps: no backward pass, but a somewhat larger picture
WRITING = 2.0  # seconds, mostly for the ONNX file
LEAST_SIZE = 128


@dataclass(frozen=True)
class Plan:
    """What was chosen. `size` is the side of the training squares in pixels, `step_ms` one photo's share of a training
    step in milliseconds."""

    size: int
    precision: str
    batch_size: int
    step_ms: float
    epochs: int = 0

    def describe(self, photos: int) -> str:
        """Precision, batch size and the time that so many photos will take, as a line before the training."""
        seconds = photos * self.epochs * self.step_ms / 1000
        return f"plan: {self.precision}, batches of {self.batch_size}; about {_time(seconds)} of training"

    def affordable_epochs(self, photos: int, held: int, seconds: float) -> int:
        """As many as fit, up to MOST_EPOCHS, and none when not even one does."""
        each = (photos + MEASURING * held) * self.step_ms / 1000
        return max(0, min(MOST_EPOCHS, int((seconds - self.ending(photos, held)) / each)))

    def ending(self, photos: int, held: int) -> float:
        """Seconds for what comes after the last epoch: measuring, and writing the model."""
        return WRITING + MEASURING * (photos + held) * self.step_ms / 1000

    def to_json(self) -> dict[str, object]:
        """As kept in plan.json."""
        return asdict(self)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def choose(network: nn.Sequential, material: Material, epochs: int, seconds: float | None, *, pretrained: bool) -> Plan:
    """How to train here for so many epochs, or with a limit in seconds for as many as fit."""
    batch = material.batch_size or _batch_size(len(material.train), LEAST if pretrained else LEAST_FROM_NOTHING)
    frozen = {id(p) for layer in model.early_layers(network[0]) if pretrained for p in layer.parameters()}
    size = training_size(material.spec.size, lambda smaller: trial.takes(network, smaller))
    precision, on_gpu = fitting_precision(network, material.device), material.device.type == "cuda"
    count = batch if on_gpu else min(batch, TRIAL_BATCH)  # on a GPU a photo's share depends on how many there are
    tries = 1 if seconds is None else 2  # a process's first steps are slow: without a limit only a line tells of it
    step = min(_time_within_memory(network, frozen, size, precision, count) for _ in range(tries))
    chosen = Plan(size, precision, batch, step, epochs)
    if seconds is None:
        return chosen
    return replace(chosen, epochs=chosen.affordable_epochs(len(material.train), len(material.valid), seconds))


def affordable_size(arch: str, size: int, photos: int, seconds: float, device: torch.device) -> int:
    """The largest size up to `size`, in steps of 32, at which a linear probe and an epoch fit; at least LEAST_SIZE.

    Size comes before epochs: a probe that sees more is worth more than fine-tuning at half the size. A network that
    is made for one size keeps it.
    """
    if architectures.own_size(arch):
        return size
    network, _ = model.build(arch, 2, head="classifier")
    frozen = {id(p) for layer in model.early_layers(network[0]) for p in layer.parameters()}
    side = training_size(size, lambda smaller: trial.takes(network, smaller))
    network.to(device)
    precision = fitting_precision(network, device)
    count = TRIAL_BATCH if device.type == "cpu" else _batch_size(photos, LEAST)
    step = math.inf
    for _ in range(2):  # a process's first steps are slow
        taken = _time_within_memory(network, frozen, side, precision, count)
        step = min(step, taken / 1000)
    wanted = photos * step * (MEASURING + 1) + WRITING
    if wanted <= seconds:
        return size
    share = max(0.0, seconds - WRITING) / (wanted - WRITING)
    wished = max(min(size, LEAST_SIZE), min(size, int(size * math.sqrt(share)) // 32 * 32))
    return next(smaller for smaller in (*range(wished, size, 32), size) if trial.takes(network, smaller))


def _batch_size(photos: int, least: int) -> int:
    """Sixteen steps an epoch at least, as far as that leaves batches of `least`; no more than MOST_PHOTOS."""
    return max(least, min(MOST_PHOTOS, 2 ** int(math.log2(max(1, photos / 16)))))


def _time_within_memory(network: nn.Module, frozen: set[int], size: int, precision: str, count: int) -> float:
    """_time_step with so many photos, or with as many as memory takes."""
    while True:
        try:
            return _time_step(network, frozen, size, precision, count)
        except (MemoryError, RuntimeError) as error:
            if count < 4 or not out_of_memory(error):
                raise
        count //= 2


def _time_step(network: nn.Module, frozen: set[int], size: int, precision: str, count: int) -> float:
    """Milliseconds a photo of one forward and backward pass with `count` photos, after one to warm up."""
    device = next(network.parameters()).device
    lay_out(network, device)
    network.train()
    was = [parameter.requires_grad for parameter in network.parameters()]
    for parameter in network.parameters():
        parameter.requires_grad_(id(parameter) not in frozen)
    for layer in network.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.eval()
    photos = torch.randn(count, 3, size, size, device=device).contiguous(memory_format=memory_format(device))
    targets = torch.zeros(count, dtype=torch.long, device=device)
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    best = math.inf
    try:
        for _ in range(2):
            started = time.perf_counter()
            with torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32"):
                answers = network(photos)
            functional.cross_entropy(answers.float(), targets).backward()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            best = min(best, time.perf_counter() - started)
            network.zero_grad()
    finally:
        network.zero_grad()
        for parameter, wanted in zip(network.parameters(), was, strict=True):
            parameter.requires_grad_(wanted)
    return best * 1000 / count
