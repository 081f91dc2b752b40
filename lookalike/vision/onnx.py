"""A trained network as one ONNX file that takes raw pixels and gives probabilities."""

from __future__ import annotations

import io
import warnings

import torch
from torch import nn

from lookalike.records import InputSpec

OPSET = 18


class _Deployed(nn.Module):
    """uint8 (n, size, size, 3) in, probabilities (n, labels) out: nothing is left for the caller to get wrong."""

    def __init__(self, network: nn.Module, spec: InputSpec) -> None:
        super().__init__()
        self.network = network
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.tensor(spec.mean).mul(255).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(spec.std).mul(255).view(1, 3, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.network((image.permute(0, 3, 1, 2).float() - self.mean) / self.std).softmax(dim=1)


def to_onnx(network: nn.Module, spec: InputSpec) -> bytes:
    """The network as a single ONNX model: input `image` (uint8, n x size x size x 3), output `probabilities`.

    The tracing exporter is used on purpose: it takes under a second where torch.export takes eight, and image
    classifiers have no control flow for it to lose. Callers compare the answers of both.
    """
    deployed = _Deployed(network, spec).eval().cpu()
    example = torch.zeros(1, spec.size, spec.size, 3, dtype=torch.uint8)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            deployed,
            (example,),
            buffer,  # type: ignore[arg-type]  # the tracing exporter takes a file object as well
            dynamo=False,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["probabilities"],
            dynamic_axes={"image": {0: "n"}, "probabilities": {0: "n"}},
        )
    return buffer.getvalue()


def to_torchscript(network: nn.Module, spec: InputSpec) -> bytes:
    """The same function as `to_onnx` writes, traced for libtorch."""
    example = torch.zeros(2, spec.size, spec.size, 3, dtype=torch.uint8)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(_Deployed(network, spec).eval().cpu(), example), buffer)
    return buffer.getvalue()
