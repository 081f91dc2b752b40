"""Where to train."""

from __future__ import annotations

import torch

from lookalike.errors import ConfigError


def choose(wanted: str) -> torch.device:
    """CUDA when there is one, else the processor. Raises ConfigError when CUDA was asked for and there is none."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError("there is no CUDA device that torch can use here", "use --device auto or cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")
