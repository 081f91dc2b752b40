"""Is one run better than another, or only luckier?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lookalike import metrics
from lookalike.bundle import bundle
from lookalike.errors import ConfigError, NotReadyError
from lookalike.photos.cache import PixelCache, exact
from lookalike.project import dataset as datasets
from lookalike.project.paths import Project, load_run
from lookalike.project.records import Accuracy, Example
from lookalike.report import SILENT, Block, Reporter, Table
from lookalike.text import counted

CERTAIN = 0.05


@dataclass(frozen=True)
class CompareResult:
    """Two runs on the photos that neither learnt from."""

    kind: ClassVar[str] = "compare"
    runs: tuple[str, str]
    photos: int
    accuracy: tuple[Accuracy, Accuracy]
    only_first: int
    only_second: int
    p_value: float

    @property
    def verdict(self) -> str:
        """In words; nothing is called better that chance explains."""
        if self.p_value >= CERTAIN:
            return "no difference that chance would not explain"
        better = self.runs[0] if self.only_first > self.only_second else self.runs[1]
        return f"{better} is better"

    def data(self) -> dict[str, object]:
        """Counts, the test and the verdict."""
        return {
            "runs": list(self.runs),
            "photos": self.photos,
            "right": [accuracy.right for accuracy in self.accuracy],
            "accuracy": [accuracy.to_json() for accuracy in self.accuracy],
            "only_first": self.only_first,
            "only_second": self.only_second,
            "p_value": self.p_value,
            "verdict": self.verdict,
        }

    def show(self) -> Iterable[Block]:
        """Both runs' accuracy with its interval, then the verdict with its p-value."""
        rows = []
        for name, a in zip(self.runs, self.accuracy, strict=True):
            rows.append((name, f"{a.value:.3f}", f"{a.low:.3f} to {a.high:.3f}", f"{a.balanced:.3f}"))
        fewest = f"{self.accuracy[0].fewest} of {self.accuracy[0].scarcest}"
        title = f"{counted(self.photos, 'photo')} that neither learnt from, {fewest}"
        yield Table(title, ("run", "accuracy", "95 % interval", "balanced"), tuple(rows))
        yield f"right only with the first: {self.only_first}, only with the second: {self.only_second}"
        yield f"{self.verdict} (exact McNemar test, p = {self.p_value:.3f})"


def run(project: Project, names: tuple[str, str], *, report: Reporter = SILENT) -> CompareResult:
    """Ask both runs about the same photos, and test the difference pair by pair.

    Raises NotReadyError when a run is missing or they share no photo that both held back, ConfigError when their
    labels differ.
    """
    folders = [project.run_dir(name) for name in names]
    runs = [load_run(folder) for folder in folders]
    if runs[0].labels != runs[1].labels:
        raise ConfigError("the two runs tell different labels apart", "compare runs on the same labels")
    held = [
        {e.sha256: e for e in datasets.examples_of(folder, trained) if e.part != "train"}
        for folder, trained in zip(folders, runs, strict=True)
    ]
    shared = [held[0][sha256] for sha256 in sorted(held[0].keys() & held[1].keys())]
    cache = PixelCache(project)
    right: list[np.ndarray] = []
    usable = np.ones(len(shared), dtype=bool)
    for folder, trained in zip(folders, runs, strict=True):
        places = [(project.locate(trained.images) / e.file, e.sha256) for e in shared]
        model = bundle.of_run(folder, trained)
        model.reader.prepare()
        pixels, _ = cache.get(places, exact(trained.input), report=report)
        usable &= np.array([seen is not None for seen in pixels], dtype=bool)
        right.append(_right(model, shared, pixels, trained.labels))
    if not usable.any():
        raise NotReadyError("the two runs held back no photo in common", "train both with the same --seed and --valid")
    first, second = (answers[usable] for answers in right)
    labels = runs[0].labels
    actual = np.array([labels.index(example.label) for example in shared])[usable]
    return CompareResult(
        runs=(runs[0].id, runs[1].id),
        photos=int(usable.sum()),
        accuracy=(metrics.accuracy(first, actual, labels), metrics.accuracy(second, actual, labels)),
        only_first=int((first & ~second).sum()),
        only_second=int((~first & second).sum()),
        p_value=metrics.paired_p_value(first, second),
    )


def _right(model: bundle.OnnxModel, examples: list[Example], pixels: list[Any], labels: tuple[str, ...]) -> np.ndarray:
    """Whether the model names each photo rightly, (n,); False for photos that can't be read."""
    answers = [
        seen is not None and labels[int(model.ask_each([np.asarray(seen)])[0][0].argmax())] == example.label
        for example, seen in zip(examples, pixels, strict=True)
    ]
    return np.array(answers, dtype=bool)
