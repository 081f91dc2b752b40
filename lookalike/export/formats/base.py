"""What a form of a trained network is: it says what it is, writes its files, and answers from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from lookalike.export.opened import OpenedRun


@dataclass(frozen=True)
class Sample:
    """A photo of the proof: the bytes of its file, and its pixels as the network sees them, uint8 (size, size, 3)."""

    data: bytes
    pixels: np.ndarray


class Told(NamedTuple):
    """What a form answers: probabilities (n, labels), and similarities (n,) when it tells them."""

    probabilities: np.ndarray
    similarity: np.ndarray | None = None


class Format(Protocol):
    """A form of a trained network. `files` has each file that it writes, in words for the model card, which may hold
    {size}, {labels} and {more}."""

    files: ClassVar[Mapping[str, str]]

    def write(self, folder: Path, opened: OpenedRun) -> None:
        """Write its files into a folder."""

    def ask(self, folder: Path, opened: OpenedRun, samples: Sequence[Sample]) -> Told:
        """What its files in a folder answer, without temperature, read as whoever uses them will read them."""
