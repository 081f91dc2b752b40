"""From photos to answers: each is counted, printed and sorted as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from lookalike.bundle import bundle
from lookalike.bundle.running import Session
from lookalike.errors import PASSING, NotReadyError
from lookalike.photos.decode import Pool
from lookalike.predict import output, pixels, watch
from lookalike.predict.photos import Named, Source
from lookalike.project.records import Prediction
from lookalike.project.sorted import SortedPhotos
from lookalike.report import Reporter
from lookalike.settings.fields import Settings

BATCH = 16


class AnswerStream:
    """What happens to each answer: it is counted, printed and its photo sorted before the next one is asked for."""

    def __init__(self, folder: Path, pool: Pool, session: Session, settings: Settings, report: Reporter) -> None:
        self.pool, self.session, self.settings, self.report = pool, session, settings, report
        wanted = settings.predict
        self.folder, self.description = folder, bundle.check(folder, wanted.threshold)
        self.reader = bundle.reader(folder, self.description)
        self.sorted = SortedPhotos(wanted.sort_into) if wanted.sort_into else None
        streams = wanted.csv or wanted.jsonl or wanted.watch is not None
        self.result = output.Predictions(self.description, wanted.top, printed=streams)
        self.table = output.CsvLines(self.description.labels, people=self.description.input.crop == "aligned")
        if wanted.csv:
            report.emit(self.table.header())

    @cached_property
    def model(self) -> bundle.OnnxModel:
        """Opened when first asked for, so that the first photos are decoded meanwhile. Raises NotReadyError."""
        return bundle.opened(self.folder, self.description, session=self.session)

    def of(self, named: Iterable[Named]) -> Iterator[Prediction]:
        """Answer photo after photo, in order."""
        sources: deque[Source] = deque()
        fetched = pixels.fetched(named, self.settings.network)
        decoded = pixels.decoded(self.pool, fetched, self.reader, sources)
        for prediction in self.model.answers(decoded, BATCH):
            source = sources.popleft()
            if self.sorted:
                self._sort(self.sorted, prediction, source)
            self._print(prediction)
            self.result.add(prediction)
            yield prediction

    def _sort(self, sorted_photos: SortedPhotos, prediction: Prediction, source: Source) -> None:
        try:
            output.sort_into(sorted_photos, prediction, source)
        except OSError as error:
            reason = error.strerror or str(error)
            hint = "the photos sorted so far are kept"
            raise NotReadyError(f"cannot write into {sorted_photos.root}: {reason}", hint, result=self.result) from None

    def watch(self) -> None:
        """Answer for what arrives in the watched folder until Ctrl-C, which is how this is meant to end."""
        folder = self.settings.predict.watch
        if folder is None:
            return
        self.report.note(f"watching {folder}; Ctrl-C ends it")
        try:
            arrivals = watch.Arrivals(folder)
            for batch in arrivals:
                for prediction in self.of(batch):
                    if prediction.reason in PASSING:
                        arrivals.again(Path(prediction.file).name)
        except KeyboardInterrupt:
            return

    def _print(self, prediction: Prediction) -> None:
        wanted = self.settings.predict
        if wanted.csv:
            self.report.emit(self.table.line(prediction))
        elif wanted.jsonl:
            self.report.emit(output.jsonl_line(prediction, wanted.top))
        elif wanted.watch:
            self.report.emit(output.plain_line(prediction))
