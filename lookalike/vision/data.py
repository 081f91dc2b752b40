"""Batches for training: cached pixels in, fastai DataLoaders out; and the book's own loaders."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from fastai.data.core import DataLoaders, TfmdDL
from fastai.data.transforms import IndexSplitter, Normalize
from fastai.torch_core import TensorCategory, TensorImage
from fastai.vision.augment import aug_transforms

from lookalike.photos.cache import Pixels
from lookalike.project.records import Dataset, InputSpec
from lookalike.vision import distributed
from lookalike.vision.augment import Augmented, Normalised


def training_size(size: int, takes: Callable[[int], bool] = lambda _: True) -> int:
    """The side of training pictures for a network that will be asked at `size`: about nine tenths of it.

    Training squares are zoomed into, so things are larger in them than in the whole photo; a network that is asked at
    a somewhat higher resolution than it was trained at sees them in the same size again (H. Touvron et al., "Fixing
    the train-test resolution discrepancy", 2019), and each step costs four fifths. Measured on faces at 160 px, five
    seeds, loss at the best temperature: 0.058 trained at 160, 0.061 at 144, 0.128 at 128.

    `takes` says whether the network can be asked at a size: one that can't is trained at `size` itself.
    """
    smaller = max(64, round(size * 0.9 / 16) * 16)
    return smaller if size > 64 and takes(smaller) else size


class _Squares:
    """A data set of equal squares cut from cached pixels: anywhere for training, from the centre for measuring."""

    n_inp = 1

    def __init__(self, pixels: Sequence[Pixels], labels: Sequence[int], side: int, *, anywhere: bool) -> None:
        self.pixels, self.labels, self.side, self.anywhere = pixels, labels, side, anywhere
        self.split_idx = 0 if anywhere else 1  # tells fastai which of the batch transforms apply

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        photo = self.pixels[index]
        down, across = photo.shape[0] - self.side, photo.shape[1] - self.side
        if self.anywhere:
            top, left = (int(torch.randint(room + 1, ())) for room in (down, across))
        else:
            top, left = down // 2, across // 2
        return photo[top : top + self.side, left : left + self.side], self.labels[index]


class _Share(TfmdDL):
    """This process's share of the photos, the same number for each of those that train together.

    They shuffle alike, since checkpoint.Checkpoint gives each epoch an order of its own, and each takes every nth.
    """

    def get_idxs(self) -> list[int]:
        shuffled = list(super().get_idxs())
        filled = shuffled + shuffled[: distributed.size() - 1]  # enough for the last process
        return filled[distributed.rank() :: distributed.size()][: self._count()]

    def __len__(self) -> int:
        return self._count() // self.bs if self.drop_last else math.ceil(self._count() / self.bs)

    def _count(self) -> int:
        return math.ceil(len(self.dataset) / distributed.size())


def _batch(items: Sequence[tuple[np.ndarray, int]]) -> tuple[TensorImage, TensorCategory]:
    photos = torch.from_numpy(np.stack([photo for photo, _ in items])).permute(0, 3, 1, 2)
    return TensorImage(photos), TensorCategory(torch.tensor([label for _, label in items]))


def cached_loaders(
    train: tuple[Sequence[Pixels], Sequence[int]],
    valid: tuple[Sequence[Pixels], Sequence[int]],
    *,
    labels: Sequence[str],
    spec: InputSpec,
    training_size: int,
    side: int,
    batch_size: int,
    device: torch.device,
) -> DataLoaders:
    """Loaders over cached pixels: training squares of `side` pixels are augmented in batches, on the device, and
    come out at `training_size`; measuring squares are spec.size already.

    No worker processes: cutting a square is a copy of memory, and starting workers in each epoch costs more than all
    the copies (measured: 4 s an epoch against 0.01 s).
    """
    common: dict[str, object] = {"num_workers": 0, "device": device, "create_batch": _batch, "do_setup": False}
    loaders = [
        _Share(
            _Squares(*train, side, anywhere=True), bs=batch_size, shuffle=True,
            drop_last=len(train[0]) // distributed.size() > batch_size,
            after_batch=[Augmented(replace(spec, size=training_size))], **common,
        ),
        TfmdDL(
            _Squares(*valid, spec.size, anywhere=False), bs=2 * batch_size, after_batch=[Normalised(spec)],
            **common,
        ),
    ]  # fmt: skip
    for loader in loaders:
        loader.dataset.vocab, loader.dataset.c = list(labels), len(labels)
    return DataLoaders(*loaders, device=device)


def book_loaders(dataset: Dataset, spec: InputSpec, *, batch_size: int, device: torch.device) -> DataLoaders:
    """The book's DataBlock over our split: items resized to a square, aug_transforms(mult=2) on batches.

    From J. Howard and S. Gugger, "Deep Learning for Coders with fastai and PyTorch", chapter 2.
    """
    from fastai.data.block import CategoryBlock, DataBlock
    from fastai.vision.augment import Resize
    from fastai.vision.data import ImageBlock

    examples = [example for example in dataset.examples if example.part != "test"]
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock(vocab=list(dataset.labels), sort=False)),
        get_x=lambda example: Path(dataset.root) / example.file,
        get_y=lambda example: example.label,
        splitter=IndexSplitter([i for i, example in enumerate(examples) if example.part == "valid"]),
        item_tfms=Resize(spec.size),
        batch_tfms=[*aug_transforms(mult=2), Normalize.from_stats(spec.mean, spec.std, cuda=device.type == "cuda")],
    )
    return block.dataloaders(examples, bs=batch_size, device=device)
