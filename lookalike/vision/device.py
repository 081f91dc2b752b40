"""Where to train, and what differs from place to place."""

from __future__ import annotations

import os

import torch
from fastai.torch_core import default_device, set_seed
from torch import nn

from lookalike.errors import ConfigError
from lookalike.report import SILENT, Reporter
from lookalike.vision import distributed

MEMORY = ("can't allocate memory", "out of memory", "ALLOC_FAILED", "ALLOCATION_FAILED", "unable to find an engine")
"""What errors say that come of too little memory: the system's, CUDA's, cuBLAS's and cuDNN's, cuDNN without room."""


def choose(wanted: str, report: Reporter = SILENT) -> torch.device:
    """CUDA when there is one that works (of several, the one of this process), else the processor.

    Raises ConfigError when CUDA was asked for and there is none, or when processes would have to share one.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError("there is no CUDA device that torch can use here", "use --device auto or cpu")
    device = torch.device("cpu")
    if wanted != "cpu" and torch.cuda.is_available():
        device = _cuda(wanted, report)
    default_device(device.type == "cuda")  # fastai starts CUDA unless told
    return device


def _cuda(wanted: str, report: Reporter) -> torch.device:
    here, devices = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
    if here > devices:
        raise ConfigError(f"{here} processes would share {devices} CUDA devices", f"use --nproc-per-node {devices}")
    device = torch.device("cuda", distributed.local_rank())
    try:
        torch.zeros(1, device=device).add_(1).item()
    except Exception as error:  # too old for this torch, or taken; torch has several kinds for it
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if wanted == "cuda":
            raise ConfigError(f"the CUDA device can't be used: {reason}", "use --device cpu") from None
        report.warn(f"the CUDA device can't be used ({reason}); training on the processor")
        return torch.device("cpu")
    return device


def memory_format(device: torch.device) -> torch.memory_format:
    """How pictures and weights lie in memory where the network computes.

    On every processor and network measured pictures with their channels last are as fast or faster (a step of
    efficientnet_lite0 18 ms a photo against 28, of resnet18 22 against 25). On a GPU steps take as long either way (an
    H200: efficientnet_lite0 0.42 ms a photo with channels first and 0.48 with them last, resnet18 0.20 and 0.19), but
    cuDNN compiles the depthwise convolutions of each new shape: 1.7 s for each size of a batch, 8 s for the first step.
    """
    return torch.channels_last if device.type == "cpu" else torch.contiguous_format


def lay_out(network: nn.Module, device: torch.device) -> None:
    """Put a network there, its weights as `memory_format` says. torch's own way refuses weights of five dimensions, as
    networks of pictures may have, too (lambda_resnet)."""
    network.to(device)
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.contiguous(memory_format=memory_format(device))


def fitting_precision(network: nn.Module, device: torch.device) -> str:
    """bf16, fp16 or fp32: half where the device computes it natively and the network gains by it.

    On processors those of depthwise convolutions don't: a step of efficientnet_lite0 takes 18 ms a photo in fp32 and 25
    in bf16, one of resnet18 22 and 11.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    native = able.get("avx512_bf16") or able.get("amx_bf16")
    depthwise = any(isinstance(layer, nn.Conv2d) and layer.groups > 1 for layer in network.modules())
    return "bf16" if native and not depthwise else "fp32"


def out_of_memory(error: Exception) -> bool:
    """Whether it came of too little memory."""
    known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return known or any(words in str(error) for words in MEMORY)


def repeatable(seed: int, device: torch.device) -> None:
    """The same seed, data and machine give the same network from here on, and a GPU computes as exactly as a processor
    wherever half precision is not asked for."""
    set_seed(seed, reproducible=True)
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = False  # 10 bits of each factor: the exported model would answer otherwise
        for kind in ("flash", "mem_efficient", "cudnn"):  # they add up gradients in any order
            getattr(torch.backends.cuda, f"enable_{kind}_sdp")(False)
