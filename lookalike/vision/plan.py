"""A plan before the work: which precision, memory format and batch size are fastest here, and how long it will take."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from lookalike.files import write_json
from lookalike.vision import architectures, distributed, model, trial
from lookalike.vision.data import training_size
from lookalike.vision.device import out_of_memory

if TYPE_CHECKING:
    from lookalike.vision.material import Material

TRIAL_BATCH = 4
CLOSE = 1.25  # times the fastest
MOST_PHOTOS = 64
# Photos in a batch. Of a network that starts from random weights every layer is trained, and batches of 8 take a fifth
# longer a photo than batches of 16 while it learns no more from them (resnet18 at 128 px on ants and bees, three seeds,
# accuracy and loss: 0.664 and 0.62 at 8, 0.662 and 0.63 at 16, 0.640 and 0.64 at 32).
LEAST, LEAST_FROM_NOTHING = 8, 16
MOST_EPOCHS = 20
MEASURING = 0.4  # of a photo, in training steps: no way back, but a somewhat larger picture
WRITING = 2.0  # seconds, mostly for the ONNX file
LEAST_SIZE = 128


@dataclass(frozen=True)
class Plan:
    """What was chosen. `size` is the side of the training squares in pixels, `step_ms` one photo's share of a training
    step in milliseconds, `tried` all timings."""

    size: int
    precision: str
    channels_last: bool
    batch_size: int
    step_ms: float
    tried: dict[str, float]

    def describe(self, photos: int, epochs: int) -> str:
        """One line for the user."""
        seconds = photos * epochs * self.step_ms / 1000
        form = "channels last" if self.channels_last else "contiguous"
        return f"plan: {self.precision}, {form}, batches of {self.batch_size}; about {_time(seconds)} of training"

    def epochs(self, photos: int, held: int, wanted: int, seconds: float | None) -> int:
        """As many as wanted; with a limit in seconds as many as fit, up to MOST_EPOCHS, and none when not even one."""
        if seconds is None:
            return wanted
        each = (photos + MEASURING * held) * self.step_ms / 1000
        return max(0, min(MOST_EPOCHS, int((seconds - self.ending(photos, held)) / each)))

    def ending(self, photos: int, held: int) -> float:
        """Seconds for what comes after the last epoch: measuring, and writing the model."""
        return WRITING + MEASURING * (photos + held) * self.step_ms / 1000

    def to_json(self) -> dict[str, Any]:
        """As kept in run.json."""
        return asdict(self)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def choose(network: nn.Module, early: list[nn.Module], material: Material, *, pretrained: bool) -> Plan:
    """Time a few steps each way and take the fastest. On CUDA only half precision and channels last are tried."""
    batch = material.batch_size or _batch_size(len(material.train), LEAST if pretrained else LEAST_FROM_NOTHING)
    frozen = {id(p) for layer in early for p in layer.parameters()}
    size = training_size(material.spec.size, lambda smaller: trial.takes(network, smaller))
    tried = _remembered(network, frozen, material, size, batch)
    best = min(tried, key=tried.__getitem__)
    return Plan(size, best.split()[0], best.endswith("last"), batch, tried[best], tried)


def _remembered(network: nn.Module, frozen: set[int], material: Material, size: int, batch: int) -> dict[str, float]:
    """Timings of each way, taken once: another choice would give slightly other weights from the same seed."""
    path = material.workspace / "plan.json"
    on_gpu = material.device.type == "cuda"
    count = batch if on_gpu else min(batch, TRIAL_BATCH)  # on a GPU a photo's share depends on how many there are
    name = torch.cuda.get_device_name(material.device) if on_gpu else f"{distributed.threads()} cores"
    where = f"{name} by {count}"
    key = f"{material.arch} {size} {len(frozen)} torch {torch.__version__} {where}"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if key not in known:
        known[key] = _timings(network, frozen, size, material.device, count)
        write_json(path, known)
    timings: dict[str, float] = known[key]
    return timings


def _timings(network: nn.Module, frozen: set[int], size: int, device: torch.device, count: int) -> dict[str, float]:
    """Each way's time by name. What comes close is timed again, in case the machine was busy for a moment."""
    timings: dict[str, float] = {}
    for _ in range(2):
        for precision, form in _ways(device):
            name = f"{precision} {'channels_last' if form is torch.channels_last else 'contiguous'}"
            if timings.get(name, 0) <= CLOSE * min(timings.values(), default=0):
                taken = _time_within_memory(network, frozen, size, precision, form, count)
                timings[name] = min(taken, timings.get(name, math.inf))
    return timings


def _ways(device: torch.device) -> list[tuple[str, torch.memory_format]]:
    """What may be fastest here: precisions, and how pictures lie in memory."""
    if device.type == "cuda":
        half = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        return [(half, torch.channels_last)]
    return [
        (precision, form) for precision in ("fp32", "bf16") for form in (torch.channels_last, torch.contiguous_format)
    ]


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
    precision, form = _ways(device)[0]
    count = TRIAL_BATCH if device.type == "cpu" else _batch_size(photos, LEAST)
    step = math.inf
    for _ in range(2):  # a process's first steps are slow
        taken = _time_within_memory(network, frozen, side, precision, form, count)
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


def _time_within_memory(
    network: nn.Module, frozen: set[int], size: int, precision: str, form: torch.memory_format, count: int
) -> float:
    """_time_step with so many photos, or with as many as memory takes."""
    while True:
        try:
            return _time_step(network, frozen, size, precision, form, count)
        except (MemoryError, RuntimeError) as error:
            if count < 4 or not out_of_memory(error):
                raise
        count //= 2


def _time_step(
    network: nn.Module, frozen: set[int], size: int, precision: str, form: torch.memory_format, count: int
) -> float:
    """Milliseconds a photo of one forward and backward pass with `count` photos, after one to warm up."""
    network.to(memory_format=form).train()
    was = [parameter.requires_grad for parameter in network.parameters()]
    for parameter in network.parameters():
        parameter.requires_grad_(id(parameter) not in frozen)
    for layer in network.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.eval()
    device = next(network.parameters()).device
    photos = torch.randn(count, 3, size, size, device=device).contiguous(memory_format=form)
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
