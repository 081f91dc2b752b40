"""A trained network under the names that timm gives its layers, as loaders of model hubs build it anew."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from torch import nn

from lookalike.files import JsonObject
from lookalike.project.records import TrainedRun
from lookalike.vision import architectures, states
from lookalike.vision.model import normalise, save


def at_temperature(network: Any, temperature: float) -> nn.Module:
    """A copy whose scores are divided by the temperature, so that their softmax is the probabilities at it."""
    network = copy.deepcopy(network).cpu().eval()
    last = network[1][-1]
    with torch.no_grad():
        for tensor in (last.weight, last.bias):
            tensor.div_(temperature)
    return network


def to_timm(network: Any, run: TrainedRun) -> tuple[JsonObject, nn.Module] | None:
    """How timm builds a network like this one (`architecture`, and of its input `fixed_input_size`, by
    which timm tells it the size in pixels), and that network filled.

    None where timm knows none whose layers have the same names and shapes: torchvision's own networks mostly, and
    those of the book's recipe, whose head is fastai's.
    """
    builder = architectures.resolve(run.arch)
    name = (builder if isinstance(builder, str) else run.arch).partition(".")[0]
    body = getattr(network[0], "model", None)
    if body is None or not timm.is_model(name):
        return None
    fixed = architectures.own_size(name) is not None
    sized: dict[str, Any] = {"img_size": run.input.size} if fixed else {}
    try:
        whole: Any = timm.create_model(name, pretrained=False, num_classes=len(run.labels), **sized)
        own, state = whole.state_dict(), dict(body.state_dict())
        last = network[1][-1]
        for layer in architectures.classifier_names(whole, name):
            for part in ("weight", "bias"):
                state[f"{layer}.{part}"] = getattr(last, part).reshape(own[f"{layer}.{part}"].shape)
        states.load(whole, state)
    except Exception:  # each network has its own kinds for weights that are another's
        return None
    return {"architecture": name, "fixed_input_size": fixed}, whole.eval()


def write(network: nn.Module, path: Path) -> None:
    """Write the weights of `to_timm` to `path`."""
    save(network, path)


@torch.no_grad()
def ask(folder: Path, run: TrainedRun, pixels: Sequence[np.ndarray]) -> np.ndarray:
    """Probabilities (n, labels) of uint8 photos (size, size, 3) by the network that timm loads from a hub's folder.

    Raises whatever timm raises for a folder that it can't load.
    """
    network = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    rows = [network(normalise(torch.from_numpy(one[None].copy()), run.input)).softmax(dim=1) for one in pixels]
    return torch.cat(rows).numpy()
