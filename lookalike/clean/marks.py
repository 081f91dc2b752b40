"""Decisions as a file, for people who review elsewhere: one CSV row for each photo, and the same file read back.

Columns: file, label, status, reason, detail, group, decision. A decision is empty, `keep`, `aside`, or `label: NAME`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lookalike.decisions import aside, decide
from lookalike.errors import ConfigError, in_words
from lookalike.files import read_rows, write_rows
from lookalike.project import lists
from lookalike.project.manifest import Manifest
from lookalike.project.paths import Project
from lookalike.report import Block, Table
from lookalike.settings.fields import CleanSettings
from lookalike.text import csv_rows

COLUMNS = ("file", "label", "status", "reason", "detail", "group", "decision")


@dataclass(frozen=True)
class Marks:
    """The result of writing or carrying out decisions; `run` is what `--undo-run` takes."""

    kind: ClassVar[str] = "marks"
    path: str
    done: dict[str, int]
    refused: tuple[tuple[str, str], ...] = ()
    run: str = ""

    def data(self) -> dict[str, object]:
        """Counts of the decisions by kind, each one refused with its reason, and the file written or read."""
        refused = [{"file": file, "why": why} for file, why in self.refused]
        return {"run": self.run, "path": self.path, "done": self.done, "refused": refused}

    def show(self) -> Iterator[Block]:
        """How many of each, and what could not be done."""
        yield ", ".join(f"{count} {what}" for what, count in self.done.items()) + f" ({self.path})"
        if self.refused:
            yield Table("not done", ("file", "why"), self.refused)


def export(project: Project, manifest: Manifest, settings: CleanSettings) -> Marks:
    """Write what the manifest says about every photo, with the decisions taken so far."""
    assert settings.export_marks
    state = aside.reconcile(project, manifest)
    rows = [
        (r.file, r.label, r.status, r.reason, r.detail, r.group, decide.decision_of(r))
        for r in sorted(state.files.values(), key=lambda record: record.file)
        if (project.images / r.file).exists() or (project.quarantine / r.file).exists()
    ]
    write_rows(settings.export_marks, COLUMNS, rows)
    return Marks(str(settings.export_marks), {"photos written": len(rows)})


def apply(project: Project, manifest: Manifest, settings: CleanSettings) -> Marks:
    """Carry out the decisions of a file. A row that cannot be done is listed; the others are. Raises ConfigError."""
    assert settings.apply
    state, run = aside.reconcile(project, manifest), aside.new_run()
    done, refused = {"kept": 0, "set aside": 0, "moved": 0}, []
    for file, decision in _read(settings.apply):
        action, _, label = (part.strip() for part in decision.partition(":"))
        try:
            what = decide.decide(project, manifest, state, decide.Wish(file, action, label), by=run)
            done[what.done] += what.changed
        except decide.DecisionError as error:
            refused.append((file, str(error)))
    return Marks(str(settings.apply), done, tuple(refused), run)


def _read(path: Path) -> list[tuple[str, str]]:
    """File and decision of each decided row. Raises ConfigError when the file cannot be used."""
    hint = "write one with `clean --export-marks FILE`"
    try:
        rows = read_rows(path, ("file", "decision"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", hint) from None
    except ValueError as error:
        rows = _from_a_spreadsheet(path, f"{path} cannot be read: {in_words(error)}", hint)
    decided = ((row.get("file", ""), row.get("decision", "").strip()) for row in rows)
    return [(file, decision) for file, decision in decided if decision]


def _from_a_spreadsheet(path: Path, message: str, hint: str) -> list[dict[str, str]]:
    """The same with another delimiter or in another encoding. Raises ConfigError with the message."""
    try:
        found = lists.read(path.read_bytes(), ("file",), addresses=False)
    except lists.ListError:
        raise ConfigError(message, hint) from None
    if not any("decision" in row.values for row in found):
        raise ConfigError(message, hint)
    table = io.StringIO(newline="")
    csv.writer(table).writerows([("file", "decision"), *((row.name, row.values.get("decision", "")) for row in found)])
    table.seek(0)
    return list(csv_rows(table))
