"""What `evaluate` finds out besides the accuracy.

Each finding is a class of its own, listed in plugins.py or brought by an installed package. Terminal, page, Markdown
and JSON are drawn from what it tells, and know none of them by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lookalike import plugins
from lookalike.bundle.bundle import OnnxModel
from lookalike.errors import missing_package
from lookalike.evaluate.answers import Answers
from lookalike.evaluate.probing import Probed, probe_photos
from lookalike.project import dataset as datasets
from lookalike.project.paths import Project
from lookalike.project.records import Evaluation, Example, TrainedRun
from lookalike.report import Reporter, Table
from lookalike.settings.fields import Settings

if TYPE_CHECKING:
    from lookalike.people.eyes import PhotoFaces

Row = tuple[Example, "PhotoFaces"]  # a photo of people with what it shows


@dataclass(frozen=True)
class Measured:
    """What a finding may look at: a run with its answers to the photos held back, what follows from those alone
    (`evaluation`), and its model with temperature and limits. Of people, `rows` are the photos with their faces."""

    project: Project
    settings: Settings
    folder: Path
    trained: TrainedRun
    answers: Answers
    evaluation: Evaluation
    model: OnnxModel
    report: Reporter
    rows: list[Row]

    @property
    def of_people(self) -> bool:
        """Whether the labels are persons, told apart by their faces."""
        return self.trained.input.crop == "aligned"

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        """All photos of the run, on whichever side."""
        return datasets.examples_of(self.folder, self.trained)

    @cached_property
    def photos(self) -> Probed:
        """The photos as a linear probe sees them."""
        self.report.note("finding out what copies and more photos would change")
        return probe_photos(self.project, self.trained, report=self.report)


class EvaluationFinding:
    """One thing to find out. All but `find` may be left as it is here.

    `title` heads its section in the report; without one, what it tells stands with the headline. Where one of the
    packages that it `needs` is not installed, it is left out, and a line says so.
    """

    title: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()

    def find(self, run: Measured) -> dict[str, object]:
        """What was found, in JSON types: this is what the others are given. Nothing where it has no meaning."""
        raise NotImplementedError

    def warnings(self, found: dict[str, object], evaluation: Evaluation) -> list[str]:
        """What to know before believing the number."""
        return []

    def sentences(self, found: dict[str, object]) -> list[str]:
        """What was found, in plain words."""
        return []

    def remarks(self, found: dict[str, object]) -> list[str]:
        """What the report alone says besides."""
        return []

    def tables(self, found: dict[str, object]) -> list[Table]:
        """Numbers for the report."""
        return []

    def facts(self, found: dict[str, object]) -> list[tuple[str, str]]:
        """Names and values for the report's last table, of how the run was made."""
        return []

    def picture(self, found: dict[str, object], evaluation: Evaluation) -> bytes | None:
        """A PNG for the report."""
        return None


def search(run: Measured) -> dict[str, dict[str, object]]:
    """What every finding of the table and of installed packages found, by name."""
    found = {}
    for name in plugins.names("finding"):
        finding = plugins.find("finding", name)()
        if missing := [package for package in finding.needs if not find_spec(package)]:
            why = missing_package(missing[0])
            run.report.note(f"{name} are not looked for: {why.message}; {why.hint}")
        elif told := finding.find(run):
            found[name] = told
    return found


def told(evaluation: Evaluation) -> Iterator[tuple[str, EvaluationFinding, dict[str, object]]]:
    """Each finding that found something, with its name and what it found."""
    for name, found in evaluation.findings.items():
        yield name, plugins.find("finding", name)(), found
