"""Where to train."""

from __future__ import annotations

import torch

from lookalike.errors import ConfigError


def choose(wanted: str) -> torch.device:
    """`cuda` when there is one (or `cuda` was asked for), else `cpu`. Raises ConfigError when it was and there is none."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError("there is no CUDA device that torch can use here", "use --device auto or cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")
