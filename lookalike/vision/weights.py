"""Pretrained weights: from an installed package, from a file, or fetched by torchvision or timm."""

from __future__ import annotations

import argparse
import contextlib
import sys
import urllib.error
from collections.abc import Mapping
from pathlib import Path

import timm
import torch
from torch import nn

from lookalike.errors import ConfigError, NetworkError
from lookalike.report import SILENT, Reporter
from lookalike.vision import states
from lookalike.vision.architectures import classifier_names, create, normalisation, resolve
from lookalike.vision.packaged import DEFAULT, PACKAGED, weights_file
from lookalike.vision.states import State

__all__ = ["create", "load_into", "normalisation", "resolve"]

WRAPPERS = ("state_dict", "model_state_dict", "state_dict_ema", "model_ema", "model", "net", "network", "weights")
"""Where training programs keep the weights in a file that holds more: Lightning, timm, fastai, DeiT and others."""


def load_into(whole: nn.Module, arch: str, weights: str, report: Reporter = SILENT) -> bool:
    """Fill a complete network (its own classifier included) with weights; False when there are none to use.

    `weights` is `auto`, `none` or a file of a state dict (.safetensors, or .pth read without running code). Raises
    ConfigError for a file that does not fit, NetworkError when `auto` would need a download that fails.
    """
    if weights == "none":
        return False
    if weights != "auto":
        _fill(whole, arch, _read_file(Path(weights)), weights, report)
    elif arch in PACKAGED:
        state = torch.load(weights_file(arch), map_location="cpu", weights_only=True)
        _fill(whole, arch, state, weights, SILENT)
    else:
        _fill(whole, arch, _download(arch), weights, report)
    return True


def _fill(whole: nn.Module, arch: str, state: State, source: str, report: Reporter) -> None:
    """Copy tensors by name, whatever common prefix the file gives them; or by position when no name is known.

    The classifier may be missing or another one: it is replaced. So may whole numbers, which count batches or index
    tables that the network has made itself.
    """
    own = whole.state_dict()
    heads = tuple(f"{name}." for name in classifier_names(whole, arch))
    needed = [name for name, tensor in own.items() if tensor.is_floating_point() and not name.startswith(heads)]
    prefix = _prefix(needed, state)
    found = {name: state[prefix + name] for name in own if prefix + name in state}
    if not any(name in found for name in needed):
        found = _by_position(needed, own, state)
        if found:
            report.warn(f"the names in {source} are not those of {arch}; its tensors were taken in their order")
    unfit = [name for name in needed if name not in found or found[name].shape != own[name].shape]
    if unfit:
        some = ", ".join(unfit[:3]) + (f" and {len(unfit) - 3} more" if len(unfit) > 3 else "")
        raise ConfigError(
            f"the weights ({source}) do not fit {arch}: {len(needed) - len(unfit)} of {len(needed)} tensors agree; "
            f"missing or of another shape: {some}",
            "name the network they were made for with --arch",
        )
    if not all(bool(found[name].isfinite().all()) for name in needed):
        raise ConfigError(f"the weights ({source}) hold values that are no numbers", "use another file")
    fitting = {name: tensor for name, tensor in found.items() if tensor.shape == own[name].shape}
    states.load(whole, fitting, strict=False)


def _prefix(needed: list[str], state: State) -> str:
    """What the file puts before the network's own names ("module.", "model.", ...): the prefix that fits most."""
    anchors = [needed[0], needed[len(needed) // 2], needed[-1]]
    tried = {"": None} | {key.removesuffix(name): None for name in anchors for key in state if key.endswith("." + name)}
    return max(tried, key=lambda prefix: sum(prefix + name in state for name in needed))


def _by_position(needed: list[str], own: State, state: State) -> State:
    """The file's tensors in their order, when the first of them have the very shapes; else none."""
    given = [tensor for tensor in state.values() if tensor.is_floating_point()]
    names = dict(zip(needed, given, strict=False))
    fits = len(given) >= len(needed) and all(own[name].shape == tensor.shape for name, tensor in names.items())
    return names if fits else {}


def _read_file(path: Path) -> State:
    if not path.is_file():
        raise ConfigError(f"there is no weights file {path}", "--weights takes a file, none or auto")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with torch.serialization.safe_globals([argparse.Namespace]):  # the flags that timm keeps: a bag of values
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each format has its own kinds for "not what it says it is"
        raise ConfigError(
            f"{path} is not a file of plain weights: {error}".splitlines()[0], "save a state dict"
        ) from None
    state = _unwrapped(content)
    if not state:
        raise ConfigError(f"{path} holds no weights by name", "save a state dict")
    return state


def _unwrapped(content: object) -> State:
    """The tensors by name in what a training program wrote; none when there are none."""
    while isinstance(content, Mapping):
        state = {
            name: value for name, value in content.items()
            if isinstance(name, str) and isinstance(value, torch.Tensor) and value.layout == torch.strided
        }  # fmt: skip
        if state:
            return state
        content = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
    return {}


def _download(arch: str) -> State:
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
            f"either give a file (--weights FILE), or use the network whose weights are installed (--arch {DEFAULT})",
        ) from None
