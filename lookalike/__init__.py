"""From a few names to a working image classifier you can share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lookalike.bundle.model import Model as Model

__version__ = "0.1.0"

# onnxruntime 1.32 keeps a device id in the home folder and tells its maker how it is used, unless told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> type[Model]:
    """`from lookalike import Model`, loaded when it is asked for: the command line starts without it."""
    if name == "Model":
        from lookalike.bundle.model import Model

        return Model
    raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
