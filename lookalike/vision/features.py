"""What the packaged network sees in a photo, as 1,280 numbers: for finding near-copies and odd ones out."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from lookalike.project.records import InputSpec
from lookalike.vision import weights
from lookalike.vision.model import normalise
from lookalike.vision.packaged import DEFAULT

SIZE = 192
WIDTH = 1280


@cache
def _network() -> Any:
    whole: Any = weights.create(DEFAULT)
    weights.load_into(whole, DEFAULT, "auto")
    return whole.eval().to(memory_format=torch.channels_last)


def spec(size: int = SIZE) -> InputSpec:
    """How photos must be read for `embed`: the centre square at `size` pixels."""
    mean, std = weights.normalisation(DEFAULT)
    return InputSpec(size, "crop", mean, std)


@torch.inference_mode()
def embed(pixels: np.ndarray, batch: int = 32) -> np.ndarray:
    """Features (n, WIDTH), float32, of uint8 photos (n, size, size, 3): averages over the last layer's picture."""
    wanted = spec(pixels.shape[1])
    rows = [np.zeros((0, WIDTH), np.float32)]
    for start in range(0, len(pixels), batch):
        part = torch.from_numpy(np.ascontiguousarray(pixels[start : start + batch]))
        images = normalise(part, wanted).contiguous(memory_format=torch.channels_last)
        rows.append(_network().forward_features(images).mean((2, 3)).numpy())
    return np.concatenate(rows)
