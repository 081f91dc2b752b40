"""This machine: the decoders and the model that `predict` uses for a table on the screen, part after part."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from lookalike.predict.engines.base import Answered, PartWorker, Work


class Local:
    """Nothing but this machine's cores."""

    def require(self) -> None:
        """Nothing more is needed."""

    def answers(self, work: Work, parts: Iterator[int]) -> Generator[Answered]:
        """The parts in order."""
        terms = work.folder.plan.terms
        with PartWorker(work.model, terms, work.network, jobs=work.jobs, threads=0) as worker:
            for part in parts:
                yield worker.answer(part, work.folder.lines(part))
