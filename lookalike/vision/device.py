"""Where to train."""

from __future__ import annotations

import torch

from lookalike.errors import ConfigError
from lookalike.vision import distributed


def choose(wanted: str) -> torch.device:
    """CUDA when there is one (of several, the one of this process), else the processor.

    Raises ConfigError when CUDA was asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError("there is no CUDA device that torch can use here", "use --device auto or cpu")
    if wanted == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", distributed.local_rank() % torch.cuda.device_count())
