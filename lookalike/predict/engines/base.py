"""What every engine does with a part, wherever that happens, and what it needs for it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from lookalike.bundle import bundle
from lookalike.bundle.running import Session
from lookalike.errors import NotReadyError
from lookalike.files import sha256_file
from lookalike.photos.decode import Pool
from lookalike.predict import output, pixels, rows
from lookalike.predict.photos import Source
from lookalike.predict.plan import PartsFolder, Terms, photos_of
from lookalike.project.records import Prediction
from lookalike.settings.fields import NetworkSettings

BATCH = 16


@dataclass(frozen=True)
class Answered:
    """A part: the bytes of its file, and how often each answer and each reason is in it."""

    part: int
    rows: bytes
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Work:
    """What is to be answered, and how: `model` is the folder of a bundle, `jobs` how many photos are decoded at the
    same time, where that was asked for."""

    folder: PartsFolder
    model: Path
    network: NetworkSettings
    jobs: int | None = None


class Engine(Protocol):
    """A way to answer many parts."""

    def require(self) -> None:
        """See that what it needs is installed. Raises MissingExtraError."""

    def answers(self, work: Work, parts: Iterator[int]) -> Generator[Answered]:
        """Each of the parts with its answers, in whatever order; parts are taken only as fast as they are answered.

        Whoever asks closes it.
        """


class PartWorker:
    """Answers one part after the other with its own decoders and its own opened model.

    Raises NotReadyError, also when the model is not the one of the terms.
    """

    def __init__(self, model: Path, terms: Terms, network: NetworkSettings, *, jobs: int | None, threads: int) -> None:
        self.terms, self.network = terms, network
        self._open = ExitStack()
        description = bundle.check(model, terms.threshold)
        if sha256_file(model / "model.json") != terms.model:
            raise NotReadyError(f"{model} is not the model this was begun with", "run the same command again")
        session = self._open.enter_context(Session(model / "model.onnx", threads=threads))
        self.pool = self._open.enter_context(Pool(jobs))
        self.model = bundle.opened(model, description, session=session)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def answer(self, part: int, lines: bytes) -> Answered:
        """The answers for one part of a plan, which `lines` lists."""
        done = Answered(part, b"")
        first = part * self.terms.size + 1
        written = rows.written(_counted(self._predictions(lines), done), first, self.terms.top, self.terms.form)
        return Answered(part, written, done.counts, done.reasons)

    def _predictions(self, lines: bytes) -> Iterator[Prediction]:
        sources: deque[Source] = deque()
        fetched = pixels.fetched(photos_of(lines), self.network)
        for prediction in self.model.answers(pixels.decoded(self.pool, fetched, self.model.reader, sources), BATCH):
            sources.popleft()
            yield prediction


def _counted(predictions: Iterable[Prediction], done: Answered) -> Iterator[Prediction]:
    for prediction in predictions:
        if prediction.reason:
            done.reasons[prediction.reason] += 1
        else:
            done.counts[output.answer(prediction)] += 1
        yield prediction
