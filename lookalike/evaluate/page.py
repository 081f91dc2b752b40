"""The report: one HTML file that needs nothing else, and the same content as Markdown, both from the same sections."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from lookalike import html
from lookalike.evaluate import plots
from lookalike.evaluate.answers import Answers
from lookalike.evaluate.finding import told
from lookalike.evaluate.plots import MANY
from lookalike.evaluate.result import (
    advice,
    confusion_table,
    headline,
    label_table,
    losses_table,
    review_command,
    warnings,
    worth_seeing,
)
from lookalike.files import JsonObject, write_bytes, write_text
from lookalike.project.records import Evaluation, TrainedRun
from lookalike.report import Table
from lookalike.text import markdown, markup

WORST = "Worst photos"
CONFUSED = 100  # pairs of labels in the report


@dataclass
class ReportPart:
    """A part of the report: its title, what it says, pictures by name, tables."""

    title: str
    lines: list[str] = field(default_factory=list)
    pictures: list[tuple[str, bytes]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def write(folder: Path, trained: TrainedRun, evaluation: Evaluation, answers: Answers, heats: dict[str, bytes]) -> Path:
    """Write index.html, report.md and the pictures into `folder`. `heats` are pictures of what the network looked at,
    by file."""
    sections = list(_sections(trained, evaluation))
    for name, data in [picture for section in sections for picture in section.pictures]:
        write_bytes(folder / f"{name}.png", data)
    page = folder / "index.html"
    write_text(page, _html(trained, evaluation, sections, answers, heats))
    write_text(folder / "report.md", _markdown(trained, evaluation, sections))
    return page


def _sections(trained: TrainedRun, evaluation: Evaluation) -> Iterator[ReportPart]:
    """The report after its headline and before the facts, drawn from what every finding tells."""
    first, confused, titled = ReportPart(""), ReportPart("What it confuses"), []
    confused.tables = [confusion_table(evaluation, CONFUSED), label_table(evaluation)]
    if missing := plots.missing():
        confused.lines.append(f"Without pictures: {missing.message}; {missing.hint}.")
    else:
        confused.pictures += plots.draw(trained, evaluation).items()
    for name, finding, found in told(evaluation):
        section = ReportPart(finding.title) if finding.title else first
        section.lines += [_sentence(line) for line in (*finding.sentences(found), *finding.remarks(found))]
        section.tables += finding.tables(found)
        if not missing and (picture := finding.picture(found, evaluation)):
            (section if finding.title else confused).pictures.append((name.replace("_", "-"), picture))
        titled += [section] if finding.title else []
    yield from (
        first,
        confused,
        ReportPart(WORST, [_about_mistakes(trained, evaluation)], tables=[losses_table(evaluation)]),
    )
    yield from titled


def _html(
    trained: TrainedRun,
    evaluation: Evaluation,
    sections: Sequence[ReportPart],
    answers: Answers,
    heats: dict[str, bytes],
) -> str:
    a = evaluation.accuracy
    parts = [
        html.heading(_name(trained), 1),
        f"<p><span class=big>{a.value:.1%}</span> right, and very likely between {a.low:.1%} and {a.high:.1%}.</p>",
        html.paragraph(headline(evaluation)),
        *(html.paragraph(line, warn=True) for line in warnings(evaluation)),
    ]
    for section in sections:
        parts += [html.heading(section.title), *(html.paragraph(line) for line in section.lines)]
        parts += [html.plots(section.pictures, plots.CAPTIONS)]
        if section.title == WORST:
            command = review_command(trained.images)
            parts += [html.figures(_figure(row, answers, heats, command) for row in worth_seeing(evaluation))]
        else:
            parts += [html.table(table) for table in section.tables]
    parts += [html.heading("How it was made"), html.table(_facts(trained, evaluation))]
    return html.document(" or ".join(trained.labels[:4]), parts)


def _name(trained: TrainedRun) -> str:
    """The labels, or so many of them as a heading holds."""
    shown = " · ".join(trained.labels[:MANY])
    return shown if len(trained.labels) <= MANY else f"{shown} and {len(trained.labels) - MANY} more"


def _sentence(text: str) -> str:
    """A line as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:]}".removesuffix(".") + "."


def _about_mistakes(trained: TrainedRun, evaluation: Evaluation) -> str:
    if not evaluation.mistakes:
        sure = "these are those it was not sure of" if worth_seeing(evaluation) else "and it was sure of every photo"
        return f"No mistakes; {sure}."
    command = review_command(trained.images)
    boxed = trained.input.crop == "aligned"
    shown = "the boxes of all faces" if boxed else "what the network looked at, brightest where it counted most"
    return (
        f"Mistakes come with {shown}."
        f" `{command}` opens on the mistakes ({len(evaluation.mistakes)}), worst first, to move photos or set them"
        " aside."
    )


def _figure(row: JsonObject, answers: Answers, heats: dict[str, bytes], command: str) -> str:
    seen = answers.pixels[row["file"]]
    pictures = [_jpeg(seen)] if seen.shape[0] == seen.shape[1] else []  # of people, all faces or none
    if row["file"] in heats:
        pictures.append(heats[row["file"]])
    wrong = row["predicted"] != row["actual"]
    said = f"taken for {row['predicted']}" if wrong else "right, but not sure"
    advised = advice(row)
    todo = f"<br>{markup(advised[:1].upper() + advised[1:])} <code>{markup(command)}</code>" if wrong else ""
    caption = (
        f"<b>{markup(row['actual'])}</b> {markup(said)} ({row['probability']:.0%}), loss {row['loss']:.2f}"
        f"<br>{markup(row['file'])}{todo}"
    )
    return html.figure(pictures, caption)


def _facts(trained: TrainedRun, evaluation: Evaluation) -> Table:
    """Data, settings and versions, for whoever wants to repeat it."""
    rows = [
        ("run", trained.id),
        ("made", trained.created),
        ("network", f"{trained.arch}, recipe {trained.recipe}, {trained.input.size} px, seed {trained.seed}"),
        ("data", f"fingerprint {trained.fingerprint}, from {trained.images}"),
        *((f"photos of {label}", _counted(counts)) for label, counts in trained.counts.items()),
        ("kept epoch", f"{trained.best_epoch} of {len(trained.history) - 1}, chosen on the photos held back"),
        *(fact for _, finding, found in told(evaluation) for fact in finding.facts(found)),
    ]
    rows.append(("settings", ", ".join(f"{name} {value}" for name, value in trained.settings.items())))
    rows.append(("versions", ", ".join(f"{name} {version}" for name, version in trained.versions.items())))
    return Table("", ("", ""), tuple(rows))


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {part}" for part, count in counts.items() if count)


def _markdown(trained: TrainedRun, evaluation: Evaluation, sections: Sequence[ReportPart]) -> str:
    lines = [f"# {markdown(_name(trained))}", "", markdown(headline(evaluation)), ""]
    lines += [f"> {markdown(line)}\n" for line in warnings(evaluation)]
    for section in [*sections, ReportPart("How it was made", tables=[_facts(trained, evaluation)])]:
        lines += [f"## {section.title}", ""] if section.title else []
        lines += [f"{markdown(line)}\n" for line in section.lines]
        for table in [table for table in section.tables if table.rows]:
            lines += [f"{table.title}\n"] if table.title else []
            lines += _markdown_rows(table)
    return "\n".join(lines)


def _markdown_rows(table: Table) -> Iterator[str]:
    for number, row in enumerate([table.columns, *table.rows]):
        yield "| " + " | ".join(map(markdown, row)) + " |"
        if number == 0:
            yield "|" + " --- |" * len(row)
    yield ""


def _jpeg(pixels: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
