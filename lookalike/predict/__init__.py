"""Say what is on photos, with an exported model: one or a hundred thousand, in constant memory, without torch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from lookalike import bundle, models
from lookalike.config import PredictSettings, Settings
from lookalike.decode import Pool, cores
from lookalike.errors import ConfigError, Interrupted, NetworkError, NotReadyError
from lookalike.predict import output, photos, pixels, watch
from lookalike.predict.photos import Named, Source
from lookalike.project import Project
from lookalike.records import Prediction
from lookalike.report import SILENT, Reporter

BATCH = 16


def run(project: Project, settings: Settings, names: list[str], *, report: Reporter = SILENT) -> output.Predictions:
    """Answer for every photo that `names` and the settings mean.

    Raises NotReadyError when there is no model or not one photo could be read, NetworkError when all were addresses
    and none could be fetched, Interrupted on Ctrl-C; the last three with the answers so far.
    """
    wanted = settings.predict
    _check(wanted, names)
    folder = models.locate(project, wanted.model)
    total = photos.count(names)
    jobs = min(wanted.jobs or cores(), total or 1) if total is not None and not wanted.watch else wanted.jobs
    with Pool(jobs) as pool:  # its processes start while the model loads
        model = bundle.load(folder, threshold=wanted.threshold)
        answers = _Answers(model, pool, settings, report)
        try:
            with (SILENT if total in (0, 1) else report).task("photos", total) as task:
                for prediction in answers.of(photos.expand(names)):
                    task.advance(status=prediction.reason)
            if names:
                _check_any(answers.result, names)
            if wanted.watch:
                answers.watch()
        except KeyboardInterrupt:
            raise Interrupted("stopped", "the answers so far were kept", result=answers.result) from None
    if answers.result.printed:
        report.note(answers.result.summary())
    return answers.result


def _check(wanted: PredictSettings, names: list[str]) -> None:
    if not names and not wanted.watch:
        raise ConfigError("there is nothing to look at", "name photos or folders, or use --watch FOLDER")
    if wanted.csv and wanted.jsonl:
        raise ConfigError("--csv and --jsonl exclude each other", "choose one")
    if wanted.watch and not wanted.watch.is_dir():
        raise ConfigError(f"--watch {wanted.watch}: there is no such folder", "make it first")


class _Answers:
    """What happens to each answer: it is counted, printed and its photo sorted before the next one is asked for."""

    def __init__(self, model: bundle.Model, pool: Pool, settings: Settings, report: Reporter) -> None:
        self.model, self.pool, self.settings, self.report = model, pool, settings, report
        wanted = settings.predict
        streams = wanted.csv or wanted.jsonl or wanted.watch is not None
        self.result = output.Predictions(model.description, wanted.top, printed=streams)
        self.table = output.CsvLines(model.description.labels)
        if wanted.csv:
            report.emit(self.table.header())

    def of(self, named: Iterable[Named]) -> Iterator[Prediction]:
        """Answer photo after photo, in order."""
        sources: deque[Source] = deque()
        fetched = pixels.fetched(named, self.settings.network)
        decoded = pixels.decoded(self.pool, fetched, self.model.reader, sources)
        for prediction in self.model.answers(decoded, BATCH):
            source = sources.popleft()
            if folder := self.settings.predict.sort_into:
                self._sort(folder, prediction, source)
            self._print(prediction)
            self.result.add(prediction)
            yield prediction

    def _sort(self, folder: Path, prediction: Prediction, source: Source) -> None:
        try:
            output.sort_into(folder, prediction, source)
        except OSError as error:
            reason = error.strerror or str(error)
            hint = "the photos sorted so far are kept"
            raise NotReadyError(f"cannot write into {folder}: {reason}", hint, result=self.result) from None

    def watch(self) -> None:
        """Answer for what arrives in the watched folder until Ctrl-C, which is how this is meant to end."""
        folder = self.settings.predict.watch
        if folder is None:
            return
        self.report.note(f"watching {folder}; Ctrl-C ends it")
        try:
            for batch in watch.arrivals(folder):
                deque(self.of(batch), maxlen=0)
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


def _check_any(result: output.Predictions, names: list[str]) -> None:
    """A command that got no answer at all did not do its work."""
    if result.counts:
        return
    if not result.total:
        raise NotReadyError("there is not one photo in " + ", ".join(names), "name photos, or a folder that holds some")
    kind = NetworkError if all(map(photos.is_address, names)) else NotReadyError
    raise kind(f"none of the {result.total} photos could be used", "the rows above say why", result=result)
