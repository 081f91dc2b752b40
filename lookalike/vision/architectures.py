"""Networks by name: what builds one, how its weights expect colours, and at which size it looks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import timm
import torch
import torchvision
from torch import nn
from torch.overrides import TorchFunctionMode
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from lookalike.errors import ConfigError
from lookalike.files import JsonObject
from lookalike.plugins import nearest
from lookalike.vision import states
from lookalike.vision.packaged import DEFAULT, PACKAGED

COMMON = (DEFAULT, "resnet18", "resnet34", "resnet50", "convnext_tiny", "mobilenet_v3_large", "vit_b_16")  # told first
LARGEST = 2**31  # bytes that one ONNX file may hold, a limit of protobuf
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
# Two networks of torchvision have a second, auxiliary classifier for training from nothing; and their weights turn
# ImageNet's normalisation into this one themselves unless told that it is done.
AUXILIARY = ("googlenet", "inception_v3")
HUB = ("hf_hub:", "hf-hub:", "timm/")  # before the name of timm, where its weights are published
FIXED_SIZE = ("maxvit", "vit_")  # how torchvision's networks of one size are called


def resolve(arch: str) -> str | Callable[..., nn.Module]:
    """What builds the network called `arch`: a torchvision function, or a timm model name, as that of its weights too.

    Raises ConfigError with the nearest name when neither library knows it.
    """
    if arch in PACKAGED:
        return f"tf_{arch}"
    if arch in torchvision.models.list_models(module=torchvision.models):
        return getattr(torchvision.models, arch)
    asked = arch
    for place in HUB:
        arch = arch.removeprefix(place)
    name = arch.partition(".")[0]  # after the point a name of pretrained weights may stand
    if timm.is_model(arch) and (name == arch or arch in timm.list_pretrained(f"{name}.*")):
        return arch
    known = [*COMMON, *torchvision.models.list_models(module=torchvision.models), *timm.list_models()]
    if timm.is_model(name):
        known = [name, *timm.list_pretrained(f"{name}.*")]
    raise ConfigError(f"there is no network called {asked!r}", nearest(arch, list(dict.fromkeys(known))))


def normalisation(arch: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and standard deviation per channel (0..1 scale) that the network's pretrained weights expect."""
    builder = resolve(arch)
    if isinstance(builder, str):
        config = timm.get_pretrained_cfg(builder)
        if config is not None:
            (r, g, b), (x, y, z) = config.mean, config.std
            return (r, g, b), (x, y, z)
        return HALF, HALF
    return (HALF, HALF) if arch in AUXILIARY else (IMAGENET_MEAN, IMAGENET_STD)


def own_size(arch: str) -> int | None:
    """The side in pixels of the photos a network is made for, when it is made for one size; else None."""
    builder = resolve(arch)
    if isinstance(builder, str):
        config = timm.get_pretrained_cfg(builder)
        return config.input_size[-1] if config is not None and config.fixed_input_size else None
    return 224 if arch.startswith(FIXED_SIZE) else None


def create(arch: str) -> nn.Module:
    """The complete network `arch`, with its own classifier and random weights."""
    builder = resolve(arch)
    if isinstance(builder, str):
        return timm.create_model(builder, pretrained=False)
    return builder(weights=None, **({"aux_logits": False, "init_weights": False} if arch in AUXILIARY else {}))


class _Unmade(TorchFunctionMode):
    """While it is open, what layers would fill with weights takes no memory; what networks compute with does."""

    def __torch_function__(
        self, func: Callable[..., object], types: object, args: Sequence[object] = (), kwargs: JsonObject | None = None
    ) -> object:
        kwargs = kwargs or {}
        return func(*args, **{**kwargs, "device": "meta"} if func is torch.empty else kwargs)


def parameters(arch: str) -> int:
    """How many numbers the network's weights are, found without making any."""
    for nowhere in (torch.device("meta"), _Unmade()):  # some networks compute while they are made, on the one or other
        with contextlib.suppress(NotImplementedError, RuntimeError), nowhere:
            return sum(parameter.numel() for parameter in create(arch).parameters())
    return sum(parameter.numel() for parameter in create(arch).parameters())


def at_size(whole: Any, arch: str, size: int | None) -> nn.Module:
    """The network for photos of `size` pixels, with the weights it has; itself unless it is made for another size.

    Position embeddings are interpolated. Raises ConfigError when the network can't be made to take that size.
    """
    own = own_size(arch)
    if own is None or size in (None, own):
        return whole
    builder = resolve(arch)
    try:
        if isinstance(builder, str):
            whole.set_input_size(img_size=(size, size))
            return whole
        if isinstance(whole, VisionTransformer):
            weights = interpolate_embeddings(size, whole.patch_size, whole.state_dict())
            sized = builder(weights=None, image_size=size)
        else:
            weights, sized = whole.state_dict(), builder(weights=None, input_size=(size, size))
        states.load(sized, weights)
    except Exception as error:  # each network has its own kinds for a size it can't take
        reason = "" if isinstance(error, AttributeError) or not str(error) else f": {str(error).splitlines()[0]}"
        raise ConfigError(f"{arch} is made for {own} px and can't take {size}{reason}", f"use --size {own}") from None
    return sized


def classifier_names(whole: Any, arch: str) -> tuple[str, ...]:
    """Names of the layers that turn features into the scores of the labels the network came with."""
    if isinstance(resolve(arch), str):
        told = (getattr(whole, "pretrained_cfg", None) or {}).get("classifier") or ()
        return (told,) if isinstance(told, str) else tuple(told)
    names = [name for name, layer in whole.named_modules() if isinstance(layer, (nn.Linear, nn.Conv2d))]
    return (names[-1],)  # of torchvision's networks, always the last layer with weights


def backbone(whole: Any, arch: str) -> tuple[nn.Sequential, int]:
    """The network without its classifier, and how many features that classifier was given.

    Made of the libraries' own parts, so that a pickled learner needs no part of ours. It gives (n, features).
    """
    if isinstance(resolve(arch), str):
        whole.reset_classifier(0)
        features = getattr(whole, "head_hidden_size", None) or whole.num_features
    else:
        (name,) = classifier_names(whole, arch)
        layer = whole.get_submodule(name)
        features = layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels
        whole.set_submodule(name, nn.Identity())
    body = nn.Sequential()
    body.add_module("model", whole)
    return body, features
