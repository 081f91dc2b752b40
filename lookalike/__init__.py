"""From a few names to a working image classifier you can share."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookalike.bundle.model import Model as Model
    from lookalike.photos import images as images

__version__ = "0.1.0"

# onnxruntime 1.32 keeps a device id in the home folder and tells its maker how it is used, unless told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    """`from lookalike import Model` or `images`, loaded when asked for: the command line starts without them."""
    if name == "Model":
        return import_module("lookalike.bundle.model").Model
    if name == "images":
        return import_module("lookalike.photos.images")
    raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
