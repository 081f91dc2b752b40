"""A finished run on people, opened again: its head and what it sees, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lookalike.errors import NotReadyError
from lookalike.people.head import Head

BATCH = 32


class Reference:
    """The run's own answers: features as the network in its model.onnx sees them, and the head from its weights."""

    def __init__(self, folder: Path) -> None:
        from lookalike.bundle.running import Session
        from lookalike.people import graph

        self.head = load_head(folder)
        self._session = Session(graph.backbone((folder / "model" / "model.onnx").read_bytes()))

    def ask(self, aligned: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (n, labels) and similarities (n,) of aligned faces (112, 112, 3)."""
        seen = [
            self._session.run(None, {"image": np.stack(aligned[start : start + BATCH])})[0]
            for start in range(0, len(aligned), BATCH)
        ]
        return self.head.answer(np.concatenate(seen))


def load_head(folder: Path) -> Head:
    """The head of the run in `folder`. Raises NotReadyError when its weights are damaged."""
    from safetensors.numpy import load_file

    path = folder / "weights.safetensors"
    try:
        parts = load_file(path)
        return Head("kept", parts["means"], parts["weight"], parts["bias"])
    except Exception as error:  # safetensors has its own kinds for a file that is not one
        reason = str(error).partition("\n")[0]
        raise NotReadyError(f"{path} is damaged: {reason}", "run `lookalike train` again") from None
