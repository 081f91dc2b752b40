"""What the damaged-file tests run in child processes."""

from __future__ import annotations

import numpy as np

from lookalike.bundle.running import open_session
from lookalike.errors import NotReadyError


def open_model(data: bytes) -> str:
    """Open a model, and run it once if it opens."""
    try:
        session = open_session(data, threads=1)
    except NotReadyError:
        return "refused"
    try:
        session.run(None, {session.get_inputs()[0].name: np.zeros((1, 64, 64, 3), np.uint8)})
    except Exception:
        return "refused"
    return "ran"


def open_weights(data: bytes) -> str:
    """Read a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        load(data)
    except SafetensorError:
        return "refused"
    return "read"
