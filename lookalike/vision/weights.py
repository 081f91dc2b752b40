"""Pretrained weights: from an installed package, from a file, or fetched by torchvision or timm."""

from __future__ import annotations

import contextlib
import re
import sys
import urllib.error
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import timm
import torch
from safetensors.torch import load_file
from torch import nn

from lookalike.errors import ConfigError, NetworkError, in_words
from lookalike.report import SILENT, Reporter
from lookalike.vision import states
from lookalike.vision.architectures import classifier_names, create, normalisation, resolve
from lookalike.vision.packaged import DEFAULT, PACKAGED, weights_file
from lookalike.vision.states import State

__all__ = ["create", "load_into", "normalisation", "resolve"]

_NUMBER = re.compile(r"\d+")
DEEPEST = 4  # mappings within each other that are looked into
# What programs keep beside the weights, for the older of torch's formats: it does not tell without being read.
BESIDE = (
    "argparse.Namespace", "pathlib.PosixPath", "numpy.dtype", "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar", "numpy.core.multiarray._reconstruct", "numpy.ndarray", "_codecs.encode",
)  # fmt: skip


class _StandIn(list[object]):  # torch lets lists be appended to, and so may this be
    """In place of whatever is neither a tensor nor plain: a program's settings, the state of its random numbers. It
    takes what it is given and does nothing, so nothing of a stranger's is called."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def __setstate__(self, _: object) -> None: ...


def _a_dict(*_: object) -> dict[object, object]:
    return {}


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
    unfit = [name for name in needed if name not in found or not _fits(found[name], own[name])]
    if unfit:
        raise ConfigError(
            f"the weights ({source}) do not fit {arch}: {len(needed) - len(unfit)} of {len(needed)} tensors agree; "
            f"missing or of another shape: {_some(unfit)}",
            "name the network they were made for with --arch",
        )
    names = [name.removeprefix(prefix) for name in state if name.startswith(prefix)]
    if blocks := _more_blocks(whole, arch, own, names):
        raise ConfigError(
            f"the weights ({source}) are those of a larger network than {arch}: it has no {_some(blocks)}",
            "name the network they were made for with --arch",
        )
    if not all(bool(found[name].float().isfinite().all()) for name in needed):
        raise ConfigError(f"the weights ({source}) hold values that are no numbers", "use another file")
    fitting = {name: tensor for name, tensor in found.items() if tensor.shape == own[name].shape}
    states.load(whole, fitting, strict=False)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _more_blocks(whole: nn.Module, arch: str, own: State, names: Iterable[str]) -> list[str]:
    """Those of a file's names that the network has under other numbers only: parts of a larger network of its kind,
    whose first blocks alone would see nothing. What the classifier is made of may differ."""
    heads = {name.partition(".")[0] for name in classifier_names(whole, arch)}
    known = {_NUMBER.sub("#", name) for name in own}
    return [
        name for name in names
        if name not in own and name.partition(".")[0] not in heads and _NUMBER.sub("#", name) in known
    ]  # fmt: skip


def _fits(given: torch.Tensor, own: torch.Tensor) -> bool:
    """Whole numbers in place of fractions are steps of some scale, which is not told."""
    return given.shape == own.shape and given.is_floating_point()


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
        with path.open("rb") as file:
            if file.read(9)[8:] == b"{":
                return [load_file(path)]
            file.seek(0)  # told the path, torch would go by its ending
            content = _plainly(file)
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {in_words(error)}", "--weights takes a file, none or auto") from None
    except Exception as error:  # each format has its own kinds for "not what it says it is"
        _, told, what = str(error).partition(" GLOBAL ")
        reason = f"it could run code ({what.split()[0]})" if told else "it is of another kind, or damaged"
        raise ConfigError(f"{path} is not a file of plain weights: {reason}", "save a state dict") from None
    if isinstance(content, _StandIn):
        raise ConfigError(f"{path} is not a file of plain weights: a whole network was pickled", "save a state dict")
    found = list(_states(content))
    if not found:
        raise ConfigError(f"{path} holds no weights by name", "save a state dict")
    return found


def _plainly(file: BinaryIO) -> object:
    """What torch wrote: tensors and plain values as they are, all else as stand-ins."""
    try:
        others: Sequence[str] = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except ValueError:
        others = BESIDE
    file.seek(0)
    dicts = ("collections.defaultdict",)
    allowed: list[Any] = [(_a_dict if name in dicts else _StandIn, name) for name in others]
    with torch.serialization.safe_globals(allowed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(file, map_location="cpu", weights_only=True)


def _is_plain(value: object) -> bool:
    """Whether it is a tensor of numbers that can be copied as they are."""
    if not isinstance(value, torch.Tensor) or value.layout != torch.strided:
        return False
    return not (value.is_quantized or value.is_meta or value.is_complex())


def _states(content: object, deepest: int = DEEPEST) -> Iterator[State]:
    """The sets of tensors by name in what a training program wrote: of the network, its running average and so on,
    wherever and under whatever name it keeps them."""
    if isinstance(content, (list, tuple)):
        content = dict(enumerate(content))
    if not isinstance(content, Mapping) or not deepest:
        return
    state = {
        name: value for name, value in content.items()
        if isinstance(name, str) and _is_plain(value)
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
