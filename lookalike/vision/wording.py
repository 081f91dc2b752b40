"""What networks compute that ONNX, or the exporter, has no word for, said in words they have, with equal answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lookalike.files import JsonObject


def _unfold(tensor: torch.Tensor, dimension: int, size: int, step: int) -> torch.Tensor:
    """`tensor.unfold`: blocks of one dimension, which may overlap (halonet), as the places they are taken from."""
    dimension %= tensor.ndim
    starts = torch.arange(0, tensor.shape[dimension] - size + 1, step)
    places = (starts[:, None] + torch.arange(size)).flatten()
    return tensor.index_select(dimension, places).unflatten(dimension, (len(starts), size)).movedim(dimension + 1, -1)


def _fold(
    blocks: torch.Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> torch.Tensor:
    """`functional.fold`: blocks (n, c x kernel, places) added up to pictures (volo), as a transposed convolution."""
    out, kernel, apart, around, step = (_pair(way) for way in (output_size, kernel_size, dilation, padding, stride))
    reach = [apart[way] * (kernel[way] - 1) + 1 for way in (0, 1)]
    places = [(out[way] + 2 * around[way] - reach[way]) // step[way] + 1 for way in (0, 1)]
    left = [out[way] + 2 * around[way] - reach[way] - (places[way] - 1) * step[way] for way in (0, 1)]
    cells = kernel[0] * kernel[1]
    channels = int(blocks.shape[-2]) // cells
    each = torch.from_numpy(np.tile(np.eye(cells, dtype=np.float32), (channels, 1))).view(-1, 1, *kernel)
    pictures = blocks.unflatten(-1, places)
    return functional.conv_transpose2d(pictures, each, None, step, around, left, channels, apart)


def _pair(way: Any) -> tuple[int, int]:
    return (int(way), int(way)) if isinstance(way, (int, torch.Tensor)) else (int(way[0]), int(way[1]))


def _rms_norm(
    given: torch.Tensor, normalized_shape: Sequence[int], weight: torch.Tensor | None = None, eps: float | None = None
) -> torch.Tensor:
    """`functional.rms_norm` (gemma's and its kin), as arithmetic."""
    over = tuple(range(-len(normalized_shape), 0))
    eps = torch.finfo(given.dtype).eps if eps is None else eps
    normed = given * torch.rsqrt(given.pow(2).mean(over, keepdim=True) + eps)
    return normed if weight is None else normed * weight


def _interpolate(given: torch.Tensor, size: Any = None, *told: Any, **how: Any) -> torch.Tensor:
    """`functional.interpolate` to a size with anti-aliasing (naflexvit), as two products: each side is linear."""
    if not how.get("antialias") or size is None:
        return functional.interpolate(given, size, *told, **how)
    down, across = (_matrix(int(old), new, how) for old, new in zip(given.shape[-2:], _pair(size), strict=True))
    return down.T @ given @ across


def _matrix(old: int, new: int, how: JsonObject) -> torch.Tensor:
    """What takes a line of `old` numbers to one of `new` (old, new); a constant for who traces.

    Each line is there twice: torch 2.10 gives wrong numbers for pictures that are one pixel high or wide.
    """
    lines = torch.eye(old).view(old, 1, 1, old).expand(-1, -1, 2, -1).contiguous()
    return torch.from_numpy(functional.interpolate(lines, (2, new), **how)[:, 0, 0].numpy())


def _tile(given: torch.Tensor, *dims: Any) -> torch.Tensor:
    """`tensor.tile` (hiera's abswin), which the exporter would decide on while the model runs."""
    told = tuple(dims[0]) if isinstance(dims[0], Sequence) else dims
    return given.repeat(*[1] * (given.ndim - len(told)), *told)


def _adaptive_max_pool2d(given: torch.Tensor, output_size: Any, return_indices: bool = False) -> torch.Tensor:
    """`functional.adaptive_max_pool2d` (bat_resnext), as the largest of each of so many rows, then of columns."""
    for dimension, cells in zip((-2, -1), _pair(output_size), strict=True):
        length = int(given.shape[dimension])
        bounds = [(cell * length // cells, -(-(cell + 1) * length // cells)) for cell in range(cells)]
        parts = [given.narrow(dimension, start, end - start) for start, end in bounds]
        given = torch.cat([part.amax(dimension, keepdim=True) for part in parts], dimension)
    return given


WORDS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.Tensor.unfold: _unfold,
    torch.Tensor.tile: _tile,
    functional.adaptive_max_pool2d: _adaptive_max_pool2d,
    functional.fold: _fold,
    functional.rms_norm: _rms_norm,
    functional.interpolate: _interpolate,
}


class _Wording(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: Sequence[Any] = (), kwargs: JsonObject | None = None
    ) -> Any:
        return WORDS.get(func, func)(*args, **(kwargs or {}))


@contextmanager
def exporting() -> Iterator[None]:
    """While it is open, networks compute in words that ONNX has; and the exporter keeps its graph to itself where it
    fails: torch takes a function for its answer there, and would print thousands of lines among ours."""
    with _Wording(), mock.patch.object(torch._C, "_jit_onnx_log", lambda *_: None):
        yield
