"""A trained network as one ONNX file that takes raw pixels and gives probabilities."""

from __future__ import annotations

import copy
import io
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from lookalike.project.records import InputSpec
from lookalike.vision import axes, model, wording

OPSET = 18


class _Deployed(nn.Module):
    """uint8 (n, size, size, 3) in, probabilities (n, labels) out: nothing is left for the caller to get wrong."""

    def __init__(self, network: nn.Module, spec: InputSpec) -> None:
        super().__init__()
        self.network = _for_one_size(network, spec.size)
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.tensor(spec.mean).mul(255).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(spec.std).mul(255).view(1, 3, 1, 1))

    def forward(self, image: torch.Tensor) -> Any:
        return self.network(self._normalised(image)).softmax(dim=1)

    def _normalised(self, image: torch.Tensor) -> torch.Tensor:
        return (image.permute(0, 3, 1, 2).float() - self.mean) / self.std


class _DeployedWithSimilarity(_Deployed):
    """The same with a second output: similarity (n,), as in axes.py."""

    def forward(self, image: torch.Tensor) -> Any:
        network: Any = self.network
        backbone, head = model.backbone_and_head(network)
        seen = backbone(self._normalised(image))
        return head(seen).softmax(dim=1), axes.similarity(seen, network.axes)


def _for_one_size(network: nn.Module, size: int) -> nn.Module:
    """A copy in which what layers compute from the size of their input is computed, since that size is known.

    Convolutions with TensorFlow's "same" padding: written into the graph as arithmetic on shapes it keeps onnxruntime
    from fusing it; measured on efficientnet_lite0, answers are equal to the last bit and come in about half the time.
    Pooling to several cells (alexnet, vgg): ONNX has no word for it, but for one size it is a product of matrices.
    """
    network = copy.deepcopy(network).cpu().eval()
    seen: dict[str, torch.Size] = {}
    hooks = [
        layer.register_forward_hook(lambda _, given, __, name=name: seen.update({name: given[0].shape[-2:]}))
        for name, layer in network.named_modules()
        if isinstance(layer, Conv2dSame) or (isinstance(layer, nn.AdaptiveAvgPool2d) and _cells(layer) != (1, 1))
    ]
    with torch.no_grad():
        network(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    for name, (height, width) in seen.items():
        parent, _, leaf = name.rpartition(".")
        layer = network.get_submodule(name)
        fixed = _padded(layer, height, width) if isinstance(layer, Conv2dSame) else _Pooled(layer, height, width)
        setattr(network.get_submodule(parent), leaf, fixed)
    return network


def _cells(layer: nn.AdaptiveAvgPool2d) -> tuple[int, int]:
    """Height and width of what adaptive pooling gives; 1 where it follows the input, as in no network so far."""
    told = layer.output_size
    height, width = told if isinstance(told, tuple) else (told, told)
    return height or 1, width or 1


class _Pooled(nn.Module):
    """Adaptive average pooling of pictures (n, c, height, width), as the averages over rows and over columns."""

    def __init__(self, layer: Any, height: int, width: int) -> None:
        super().__init__()
        down, across = _cells(layer)
        self.rows: torch.Tensor
        self.columns: torch.Tensor
        self.register_buffer("rows", nn.functional.adaptive_avg_pool1d(torch.eye(height), down).T)
        self.register_buffer("columns", nn.functional.adaptive_avg_pool1d(torch.eye(width), across))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.rows @ pictures @ self.columns


def _padded(layer: Conv2dSame, height: int, width: int) -> nn.Module:
    """The same convolution for inputs of one size: zeros around, then no padding of its own."""
    kernels, strides, dilations = (
        cast(tuple[int, int], way) for way in (layer.kernel_size, layer.stride, layer.dilation)
    )
    pads: list[int] = []
    for length, kernel, stride, dilation in zip(
        (width, height), kernels[::-1], strides[::-1], dilations[::-1], strict=True
    ):
        total = max((math.ceil(length / stride) - 1) * stride + (kernel - 1) * dilation + 1 - length, 0)
        pads += [total // 2, total - total // 2]
    plain = nn.Conv2d(layer.in_channels, layer.out_channels, kernels, strides, 0, dilations, layer.groups)
    plain.weight, plain.bias = layer.weight, layer.bias
    return nn.Sequential(nn.ZeroPad2d((pads[0], pads[1], pads[2], pads[3])), plain)


def to_onnx(network: Any, spec: InputSpec) -> bytes:
    """The network as a single ONNX model: input `image` (uint8, n x size x size x 3), outputs `probabilities`
    (n x labels) and, when the network knows the axes of its labels, `similarity` (n)."""
    kind = _DeployedWithSimilarity if network.axes.any() else _Deployed
    outputs = ["probabilities", "similarity"][: 2 if kind is _DeployedWithSimilarity else 1]
    return _traced(kind(network, spec), torch.zeros(1, spec.size, spec.size, 3, dtype=torch.uint8), "image", outputs)


def to_logits(network: nn.Module, spec: InputSpec) -> bytes:
    """The network as loaders of model hubs expect it: input `pixel_values` (float32, n x 3 x size x size, normalised),
    output `logits` (n x labels)."""
    fixed = _for_one_size(network, spec.size)
    return _traced(fixed, torch.zeros(1, 3, spec.size, spec.size), "pixel_values", ["logits"])


def _traced(network: nn.Module, example: torch.Tensor, name: str, outputs: list[str]) -> bytes:
    """The ONNX model of a network for any number of inputs like the example.

    The tracing exporter is used on purpose: it takes under a second where torch.export takes eight, and image
    classifiers have no control flow for it to lose. Callers compare the answers of both.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings(), wording.exporting():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval().cpu(),
            (example,),
            buffer,  # type: ignore[arg-type]  # the tracing exporter takes a file object as well
            dynamo=False,
            opset_version=OPSET,
            input_names=[name],
            output_names=outputs,
            dynamic_axes={port: {0: "n"} for port in (name, *outputs)},
        )
    return buffer.getvalue()


def to_torchscript(network: nn.Module, spec: InputSpec) -> bytes:
    """Probabilities as in `to_onnx`, traced for libtorch."""
    example = torch.zeros(2, spec.size, spec.size, 3, dtype=torch.uint8)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(_Deployed(network, spec).eval().cpu(), example), buffer)
    return buffer.getvalue()


@torch.inference_mode()
def ask_torchscript(path: Path, pixels: Sequence[np.ndarray]) -> np.ndarray:
    """Probabilities (n, labels) that a file of `to_torchscript` gives for uint8 photos (size, size, 3)."""
    scripted: Any = torch.jit.load(str(path))
    return torch.cat([scripted(torch.from_numpy(np.ascontiguousarray(one[None]))) for one in pixels]).numpy()
