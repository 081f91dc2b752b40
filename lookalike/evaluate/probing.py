"""Photos of a run as a linear probe sees them: what can be asked again and again without training a network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from PIL import Image

from lookalike import logistic, metrics
from lookalike.photos import images
from lookalike.photos.cache import PixelCache, Pixels, near
from lookalike.project import dataset as datasets
from lookalike.project.paths import Project
from lookalike.project.records import Example, InputSpec, TrainedRun
from lookalike.report import Reporter

MOST = 500  # photos looked at; more would take minutes and hardly sharpen the answers
SIZE = 192


class Probed:
    """Photos with their labels as numbers `targets` (n,) and their groups of copies as numbers `groups` (n,).

    The network looks at the photos when `features` is first asked for.
    """

    def __init__(
        self, pixels: Sequence[Pixels], targets: Sequence[int], groups: Sequence[str], size: int = SIZE
    ) -> None:
        self._pixels, self._size = list(pixels), size
        self.targets = np.array(targets)
        self.groups = np.unique(np.array(groups), return_inverse=True)[1]

    def different(self, label: int) -> int:
        """How many photos of a label there are, copies counted once."""
        return len(np.unique(self.groups[self.targets == label]))

    @cached_property
    def features(self) -> np.ndarray:
        """What the packaged network sees (n, at most n), standardised and turned so that no axis is empty.

        A ridge penalty does not feel the turn, so the probe answers as it would on all 1,280 numbers, only sooner.
        """
        from lookalike.vision.features import embed

        seen = embed(np.stack([_square(photo, self._size) for photo in self._pixels])).astype(float)
        left, scales, _ = np.linalg.svd((seen - seen.mean(axis=0)) / (seen.std(axis=0) + 1e-3), full_matrices=False)
        return left * scales

    @cached_property
    def strength(self) -> float:
        """The strength that names held-out photos best, of those that a training tries."""
        from lookalike.vision.probe import STRENGTHS

        labels = self.targets.max() + 1

        def loss(strength: float) -> float:
            answers, told = logistic.held_out(self.features, self.targets, self.groups, labels, strength)
            return float(metrics.losses_at_best_temperature(answers[told], self.targets[told])[0].mean())

        return min(STRENGTHS, key=loss)

    def folds(self, seed: int, *, ignore_copies: bool = False) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Photos to learn from and photos to hold back, in turn. Copies stay together, unless `ignore_copies`."""
        yield from logistic.folds(self.targets, np.arange(len(self.targets)) if ignore_copies else self.groups, seed)

    def wrong(self, learn: np.ndarray, hold: np.ndarray) -> np.ndarray:
        """Which of the photos `hold` a probe that learnt from the photos `learn` names wrongly (len(hold),)."""
        weight, bias = logistic.fit(self.features[learn], self.targets[learn], self.targets.max() + 1, self.strength)
        return (self.features[hold] @ weight.T + bias).argmax(axis=1) != self.targets[hold]


def probe_photos(project: Project, trained: TrainedRun, *, report: Reporter) -> Probed:
    """The photos of a run, or a sample of them, with whole groups of copies; those that can't be read are left out."""
    split = datasets.examples_of(project.run_dir(trained.id), trained)
    examples = sample(split, MOST // len(trained.labels))
    root, cache = project.locate(trained.images), PixelCache(project)
    places = [(root / example.file, example.sha256) for example in examples]
    pixels, _ = cache.get(places, near(trained.input), report=report)
    rows = [(example, seen) for example, seen in zip(examples, pixels, strict=True) if seen is not None]
    return Probed(
        [seen for _, seen in rows],
        [trained.labels.index(example.label) for example, _ in rows],
        [example.group or example.sha256 for example, _ in rows],
        min(SIZE, trained.input.size),
    )


def _square(photo: Pixels, size: int) -> Pixels:
    return images.fit(Image.fromarray(photo), InputSpec(size))


def sample(examples: Sequence[Example], each: int) -> list[Example]:
    """At least `each` photos of every label where there are so many, the same ones every time."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in sorted(examples, key=lambda example: example.sha256):
        groups[example.group or example.sha256].append(example)
    taken: list[Example] = []
    counts: dict[str, int] = defaultdict(int)
    for members in groups.values():
        if any(counts[example.label] < each for example in members):
            taken += members
            for example in members:
                counts[example.label] += 1
    return taken
