"""What a network looked at: Grad-CAM (R. Selvaraju et al., ICCV 2017) laid over the photo."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lookalike.photos.cache import Pixels
from lookalike.vision import model


def overlays(folder: Path, photos: dict[str, Pixels]) -> dict[str, bytes]:
    """A JPEG for each photo (size, size, 3) by name: the photo, dimmed where it did not count for the answer given.

    `folder` is the run's. Networks without pictures inside (most transformers have rows of tokens) give none.
    """
    run, network = model.load_run(folder)
    made = {}
    for name, pixels in photos.items():
        heat = _heat(network, model.normalise(torch.from_numpy(np.array(pixels))[None], run.input))
        if heat is not None:
            made[name] = _overlay(pixels, heat)
    return made


def _heat(network: torch.nn.Module, photo: torch.Tensor) -> np.ndarray | None:
    """Where the last picture inside the network raised the winning label, (h, w) in 0..1."""
    pictures: list[torch.Tensor] = []

    def keep(_: torch.nn.Module, __: object, seen: object) -> None:
        if isinstance(seen, torch.Tensor) and seen.dim() == 4 and seen.requires_grad:
            channels, height, width = seen.shape[1:]
            if channels > height == width > 1:  # else it is no picture, or lies with its channels last
                pictures[:] = [seen]

    leaves = [layer for layer in network.modules() if not list(layer.children())]
    hooks = [leaf.register_forward_hook(keep) for leaf in leaves]
    answer = network(photo)[0]
    for hook in hooks:
        hook.remove()
    if not pictures:
        return None
    (picture,) = pictures
    (slope,) = torch.autograd.grad(answer[int(answer.argmax())], picture)
    heat = (slope.mean((2, 3), keepdim=True) * picture).sum(1).relu()[0].detach().numpy()
    return heat / heat.max() if heat.max() > 0 else heat


def _overlay(pixels: Pixels, heat: np.ndarray) -> bytes:
    size = pixels.shape[1], pixels.shape[0]
    mask = (
        np.asarray(Image.fromarray((heat * 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC), float) / 255
    )
    lit = pixels * (0.25 + 0.75 * mask[..., None])
    buffer = io.BytesIO()
    Image.fromarray(lit.round().clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
