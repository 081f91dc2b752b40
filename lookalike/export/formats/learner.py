"""A fastai Learner, for people who go on in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from lookalike.export.formats.base import Sample, Told
from lookalike.export.opened import OpenedRun
from lookalike.photos import images


class Learner:
    """What `load_learner` opens. A pickle, so only for people who trust its maker."""

    files: ClassVar[Mapping[str, str]] = {
        "learner.pkl": "a fastai Learner. A pickle runs code when it is opened: open it only if you trust its maker"
    }

    def write(self, folder: Path, opened: OpenedRun) -> None:
        """Write learner.pkl, which `fastai.load_learner` opens."""
        from lookalike.vision.learner import save_learner

        save_learner(opened.network, opened.run, opened.photos, folder / "learner.pkl")

    def ask(self, folder: Path, opened: OpenedRun, samples: Sequence[Sample]) -> Told:
        """As fastai answers for upright photos, which it makes square itself."""
        from lookalike.vision.learner import ask

        spec = opened.run.input
        upright = [np.asarray(images.framed(images.open_rgb(sample.data), spec)) for sample in samples]
        return Told(ask(folder / "learner.pkl", upright))
