"""A network tried before any photo is read: at which size it works, that it can be trained and kept, and that ONNX says
the same.

What can't work is refused at once, with why, instead of after minutes of training.
"""

from __future__ import annotations

import numpy as np
import torch
from safetensors.torch import load, save
from torch import nn
from torch.nn import functional

from lookalike.errors import ConfigError
from lookalike.project.records import InputSpec
from lookalike.report import SILENT, Reporter
from lookalike.vision import architectures, model, states
from lookalike.vision.data import training_size
from lookalike.vision.device import fitting_precision, lay_out, memory_format

LARGEST_SIZE = 1024
TOLERANCE = 1e-3  # of a probability
HEADS = {"book": "book"}  # all other recipes end with one linear layer


def usable_size(
    arch: str, source: str, recipe: str, usual: int, *, told: bool = False, report: Reporter = SILENT
) -> int:
    """The side of the photos that this network will see: the `usual` one, its own, or the next it can take.

    With `told` the usual size is what was asked for, and no other will do. `source` and `recipe` are as in Material.
    Raises ConfigError when the network can't take that size, can't be trained, kept or written as ONNX, and when the
    weights don't fit.
    """
    if architectures.parameters(arch) * 4 >= architectures.LARGEST:
        raise ConfigError(
            f"{arch} is too large: its weights take more than the 2 GB that one ONNX file holds",
            "choose a smaller one of its family with --arch",
        )
    own = architectures.own_size(arch)
    first = usual if told or own is None else own
    network, _ = model.build(arch, 2, head=HEADS.get(recipe, "classifier"), source=source, size=first, report=report)
    size = first if own else _first_that_works(arch, network, first, told=told)
    if own:
        _require(arch, network, first, own)
    spec = InputSpec(size)
    _train_a_step(arch, network, size)
    _keep(arch, network, HEADS.get(recipe, "classifier"), size)
    _compare_onnx(arch, network, spec)
    return size


def takes(network: nn.Module, size: int) -> bool:
    """Whether the network can be asked at this size."""
    return _why_not(network, size) is None


@torch.no_grad()
def _why_not(network: nn.Module, size: int) -> str | None:
    """Why the network can't be asked at this size; None when it can."""
    training = network.training
    device = next(network.parameters()).device
    try:
        network.eval()(torch.zeros(1, 3, size, size, device=device))
    except Exception as error:  # networks have every kind of error for it
        return (str(error) or type(error).__name__).splitlines()[0]
    finally:
        network.train(training)
    return None


def _first_that_works(arch: str, network: nn.Module, usual: int, *, told: bool) -> int:
    reason = _why_not(network, usual)
    if reason is None:
        return usual
    larger = next((size for size in range(-(-(usual + 1) // 32) * 32, LARGEST_SIZE + 1, 32) if takes(network, size)), 0)
    if larger and not told:
        return larger
    hint = f"use --size {larger}" if larger else "choose another network with --arch"
    raise ConfigError(f"{arch} can't take photos of {usual} px: {reason}", hint)


def _require(arch: str, network: nn.Module, size: int, own: int) -> None:
    reason = _why_not(network, size)
    if reason is not None:
        raise ConfigError(f"{arch} can't take photos of {size} px: {reason}", f"use --size {own}")


def _train_a_step(arch: str, network: nn.Module, size: int) -> None:
    """One training step on two photos, as trainings take them here. Raises ConfigError when it can't."""
    here = torch.device("cpu")
    half = fitting_precision(network, here) == "bf16"
    lay_out(network, here)
    network.train()
    for layer in network.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.eval()
    side = training_size(size, lambda smaller: takes(network, smaller))
    try:
        photos = torch.zeros(2, 3, side, side).contiguous(memory_format=memory_format(here))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            answers = network(photos)
        functional.cross_entropy(answers.float(), torch.tensor([0, 1])).backward()
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError(f"{arch} can't be trained: {reason}", "choose another network with --arch") from None
    finally:
        network.zero_grad()
        network.eval()


def _keep(arch: str, network: nn.Module, head: str, size: int) -> None:
    """Raises ConfigError when the weights can't be written to a file or put back from it, as every run is opened."""
    again, _ = model.build(arch, 2, head=head, size=size)
    try:
        states.load(again, load(save(model.kept(network))))
    except Exception as error:  # safetensors and torch each have their own kinds
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError(f"{arch} can't be kept in a file: {reason}", "choose another network with --arch") from None


def _compare_onnx(arch: str, network: nn.Module, spec: InputSpec) -> None:
    """Raises ConfigError when the network can't be written as ONNX, or answers differently there."""
    from lookalike.bundle import running
    from lookalike.vision import onnx

    photos = np.random.default_rng(0).integers(0, 256, (3, spec.size, spec.size, 3), dtype=np.uint8)
    try:
        session = running.open_session(onnx.to_onnx(network, spec))  # with the limits that `predict` sets
        answers = session.run(["probabilities"], {"image": photos})[0]
    except Exception as error:  # the exporter and onnxruntime have many kinds
        reason = (str(error) or type(error).__name__).split("\n")[0].split(". ")[0][:160]
        raise ConfigError(
            f"{arch} can't be written as ONNX: {reason}", "choose another network with --arch; the README lists which"
        ) from None
    difference = float(abs(answers - model.predict(network, spec, photos)).max())
    if not difference <= TOLERANCE:
        raise ConfigError(
            f"{arch} gives other answers once written as ONNX (by {difference:.3f})",
            "choose another network with --arch",
        )
