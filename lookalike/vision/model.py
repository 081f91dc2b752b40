"""Networks: build one for a set of labels, save it, load it again, ask it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.torch_core import apply_init
from fastai.vision.learner import TimmBody, create_body, create_head, num_features_model
from safetensors.torch import load_file, save_file
from torch import nn

from lookalike.errors import ConfigError, NotReadyError
from lookalike.files import replacing
from lookalike.project.paths import load_run as read_run
from lookalike.project.records import InputSpec, TrainedRun
from lookalike.report import SILENT, Reporter
from lookalike.vision import architectures, states, weights

WEIGHTS_FILE = "weights.safetensors"
EARLY_SHARE = 0.10
AXES, MOST_AXES = 3, 256  # of one label, and of all labels together: they are part of the model


def linear_head(features: int, labels: int, *, average: bool = False) -> nn.Sequential:
    """Dropout and one linear layer on features (n, features), or on pictures of them which it averages first: the
    smallest head, and one a linear probe can fill."""
    first = nn.AdaptiveAvgPool2d(1) if average else nn.Identity()
    return nn.Sequential(first, nn.Flatten(), nn.Dropout(0.0), nn.Linear(features, labels))


def build(
    arch: str, labels: int, *, head: str, source: str = "none", size: int | None = None, report: Reporter = SILENT
) -> tuple[nn.Sequential, bool]:
    """A network `nn.Sequential(body, head)` for photos of `size` pixels, and whether its body is pretrained.

    `head` is `classifier` (a linear layer where the network's own classifier was), `book` (fastai's own body and head)
    or `linear` (fastai's body, averaged, and a linear layer: what runs of earlier versions hold). `source` says which
    weights fill the body, as in weights.load_into. The buffer `axes` (labels, axes, features) of the network is all
    zeros until axes.fill.
    """
    whole: Any = weights.create(arch)
    pretrained = weights.load_into(whole, arch, source, report)
    whole = architectures.at_size(whole, arch, size)
    body: Any
    if head == "classifier":
        body, features = architectures.backbone(whole, arch)
        top: Any = linear_head(features, labels)
    else:
        body, features, picture = _as_fastai_cuts(whole, arch)
        top = linear_head(features, labels, average=picture)
    if head == "book":
        top = create_head(features, labels, pool=picture)
        apply_init(top, nn.init.kaiming_normal_)
    network = nn.Sequential(body, top)
    network.register_buffer("axes", torch.zeros(labels, axes_each(labels), top[-1].in_features))
    return network, pretrained


def _as_fastai_cuts(whole: Any, arch: str) -> tuple[object, int, bool]:
    """fastai's body of a network, how many features it gives, and whether as pictures, still to be averaged.

    Raises ConfigError for a network that fastai can't cut.
    """
    try:
        if isinstance(weights.resolve(arch), str):
            whole.reset_classifier(0)
            body = TimmBody(whole)
            return body, whole.num_features, bool(body.needs_pool)
        body = create_body(whole, pretrained=False)
        return body, num_features_model(body), True
    except Exception as error:  # it guesses where the head begins, and fails in many ways
        raise ConfigError(
            f"fastai can't cut {arch} for the book's recipe ({type(error).__name__})", "leave out --recipe book"
        ) from None


def axes_each(labels: int) -> int:
    """How many axes of what it sees a network for so many labels keeps of each, see axes.py."""
    return max(1, min(AXES, MOST_AXES // labels))


def backbone_and_head(network: Any) -> tuple[nn.Sequential, nn.Sequential]:
    """What leads from normalised photos to features (n, features), and from these to the labels' scores: the last
    linear layer, with the dropout before it."""
    body, head = network
    return nn.Sequential(body, *head[:-2]), head[-2:]


def early_layers(body: nn.Module) -> list[nn.Module]:
    """The leading layers that together hold at most EARLY_SHARE of the body's parameters.

    They take most of the arithmetic and have the least to learn.
    """
    total = sum(p.numel() for p in body.parameters())
    early, held = [], 0
    for layer in _in_order(body):
        held += sum(p.numel() for p in layer.parameters())
        if held > EARLY_SHARE * total:
            break
        early.append(layer)
    return early


def _in_order(module: nn.Module) -> list[nn.Module]:
    """The layers of a body in the order of the data, containers opened."""
    layers: list[nn.Module] = []
    for child in module.children():
        containers = isinstance(child, (nn.Sequential, nn.ModuleList)) or child is getattr(module, "model", None)
        layers += _in_order(child) if containers else [child]
    return layers


def save(network: nn.Module, path: Path) -> None:
    """Write the weights to `path` in one step."""
    with replacing(path) as part:
        save_file(kept(network), part)


def kept(network: nn.Module) -> states.State:
    """The weights as a file keeps them: each for itself, though some networks (coat) use numbers in several places."""
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def load_run(folder: Path) -> tuple[TrainedRun, nn.Sequential]:
    """A finished run and its network, ready to answer. Raises NotReadyError when the weights are damaged."""
    run = read_run(folder)
    return run, filled(run, folder / WEIGHTS_FILE)


def filled(run: TrainedRun, path: Path) -> nn.Sequential:
    """The network of a run with the weights in a file, ready to answer. Raises NotReadyError when they do not fit."""
    network: Any
    network, _ = build(run.arch, len(run.labels), head=run.head, size=run.input.size)
    try:
        state: dict[str, Any] = {"axes": network.axes, **load_file(path)}  # the oldest runs have none
        if (means := state.pop("means", None)) is not None:  # older ones have means: as many subspaces of one axis
            state["axes"] = nn.functional.normalize(means, dim=1)[:, None]
        network.register_buffer("axes", torch.zeros_like(state["axes"]))
        states.load(network, state)
    except Exception as error:  # safetensors and torch each have their own kinds for a file that does not fit
        reason = str(error).splitlines()[0]
        raise NotReadyError(f"{path} is damaged: {reason}", "run `lookalike train` again") from None
    return network.eval()


def normalise(pixels: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """uint8 (n, size, size, 3) to float32 (n, 3, size, size), as the network wants it."""
    mean = torch.tensor(spec.mean, device=pixels.device).mul(255)
    std = torch.tensor(spec.std, device=pixels.device).mul(255)
    return ((pixels.float() - mean) / std).permute(0, 3, 1, 2)


@torch.no_grad()
def predict(
    network: nn.Module, spec: InputSpec, pixels: np.ndarray | Sequence[np.ndarray], batch: int = 32
) -> np.ndarray:
    """Probabilities (n, labels), float32, of uint8 photos (n, size, size, 3).

    Not in inference mode: what some networks keep between calls (convit) could not be trained on afterwards.
    """
    device = next(network.parameters()).device
    rows = []
    for start in range(0, len(pixels), batch):
        part = torch.from_numpy(np.ascontiguousarray(pixels[start : start + batch])).to(device)
        rows.append(network(normalise(part, spec)).softmax(dim=1).float().cpu())
    return torch.cat(rows).numpy() if rows else np.zeros((0, 0), np.float32)
