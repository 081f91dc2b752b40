"""Pretrained weights: from an installed package, from a file, or fetched by torchvision or timm."""

from __future__ import annotations

import argparse
import contextlib
import sys
import urllib.error
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import timm
import torch
from safetensors.torch import load_file
from torch import nn

from lookalike.errors import ConfigError, NetworkError
from lookalike.report import SILENT, Reporter
from lookalike.vision import states
from lookalike.vision.architectures import classifier_names, create, normalisation, resolve
from lookalike.vision.packaged import DEFAULT, PACKAGED, weights_file
from lookalike.vision.states import State

__all__ = ["create", "load_into", "normalisation", "resolve"]

DEEPEST = 4  # mappings within each other that are looked into
# What training programs keep beside the weights: the flags that timm was given, a best score, where it was written.
SCALAR: Any = np.float64(0).__reduce__()[0]  # what numpy pickles single numbers with, today and before 2.0
VALUES = [
    argparse.Namespace, PosixPath, np.dtype, np.dtypes.Float64DType, np.dtypes.Float32DType, np.dtypes.Int64DType,
    SCALAR, (SCALAR, "numpy.core.multiarray.scalar"),
]  # fmt: skip


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
        _fill(whole, arch, [state], weights, SILENT)
    else:
        _fill(whole, arch, [_download(arch)], weights, report)
    return True


def _fill(whole: nn.Module, arch: str, states_found: Sequence[State], source: str, report: Reporter) -> None:
    """Copy tensors by name, whatever common prefix the file gives them; or by position when no name is known.

    Of several sets of tensors the one that has most of the names is taken, and of none the largest. The classifier may
    be missing or another one: it is replaced. So may whole numbers, which count batches or index tables that the
    network has made itself.
    """
    own = whole.state_dict()
    heads = tuple(f"{name}." for name in classifier_names(whole, arch))
    needed = [name for name, tensor in own.items() if tensor.is_floating_point() and not name.startswith(heads)]
    state, prefix = max(
        ((state, _prefix(needed, state)) for state in states_found),
        key=lambda pair: (_named(needed, *pair), len(pair[0])),
    )
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
    return max(tried, key=lambda prefix: _named(needed, state, prefix))


def _named(needed: list[str], state: State, prefix: str) -> int:
    return sum(prefix + name in state for name in needed)


def _by_position(needed: list[str], own: State, state: State) -> State:
    """The file's tensors in their order, when the first of them have the very shapes; else none."""
    given = [tensor for tensor in state.values() if tensor.is_floating_point()]
    names = dict(zip(needed, given, strict=False))
    fits = len(given) >= len(needed) and all(own[name].shape == tensor.shape for name, tensor in names.items())
    return names if fits else {}


def _read_file(path: Path) -> list[State]:
    """Every set of tensors by name in a file: safetensors, or what torch writes, told apart by how it begins."""
    if not path.is_file():
        raise ConfigError(f"there is no weights file {path}", "--weights takes a file, none or auto")
    try:
        with path.open("rb") as file, torch.serialization.safe_globals(VALUES):
            if file.read(9)[8:] == b"{":
                return [load_file(path)]
            file.seek(0)  # told the path, torch would go by its ending
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # each format has its own kinds for "not what it says it is"
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError(f"{path} is not a file of plain weights: {reason}", "save a state dict") from None
    found = list(_states(content))
    if not found:
        raise ConfigError(f"{path} holds no weights by name", "save a state dict")
    return found


def _states(content: object, deepest: int = DEEPEST) -> Iterator[State]:
    """The sets of tensors by name in what a training program wrote: of the network, its running average and so on,
    wherever and under whatever name it keeps them."""
    if not isinstance(content, Mapping) or not deepest:
        return
    state = {
        name: value for name, value in content.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor) and value.layout == torch.strided
    }  # fmt: skip
    if state:
        yield state
    for value in content.values():
        yield from _states(value, deepest - 1)


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
