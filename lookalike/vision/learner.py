"""A trained network as a fastai Learner, for people who go on in a notebook."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fastai.callback.progress import ProgressCallback
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.transforms import Normalize, parent_label
from fastai.learner import Learner, load_learner
from fastai.losses import CrossEntropyLossFlat
from fastai.vision.augment import Resize, ResizeMethod
from fastai.vision.data import ImageBlock
from torch import nn

from lookalike.project.records import TrainedRun

METHODS = {"crop": ResizeMethod.Crop, "squish": ResizeMethod.Squish, "pad": ResizeMethod.Pad}


def save_learner(network: nn.Module, run: TrainedRun, photos: Sequence[Path], path: Path) -> None:
    """Write the pickle that `fastai.load_learner` reads, made of parts that fastai and torch have themselves."""
    spec = run.input
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock(vocab=list(run.labels), sort=False)),
        get_y=parent_label,
        item_tfms=Resize(spec.size, method=METHODS[spec.resize], pad_mode="zeros"),
        batch_tfms=Normalize.from_stats(spec.mean, spec.std),
    )
    loaders = block.dataloaders([*photos[:2], *photos[:2]], bs=1, num_workers=0, verbose=False)
    network = copy.deepcopy(network).cpu()
    learner = Learner(loaders, network, loss_func=CrossEntropyLossFlat(), path=path.parent.resolve())
    learner.export(path.name)


def ask(path: Path, photos: Sequence[np.ndarray]) -> np.ndarray:
    """Probabilities (n, labels) that a learner file, just written by ourselves, gives for upright RGB photos."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        learner = load_learner(path)
    learner.remove_cb(ProgressCallback)
    loader = learner.dls.test_dl(list(photos), bs=8, num_workers=0)
    probabilities, _ = learner.get_preds(dl=loader)
    return probabilities.numpy()
