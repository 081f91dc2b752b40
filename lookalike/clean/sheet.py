"""The report of a cleaning: one HTML page with the counts and a contact sheet of what was set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from lookalike import html
from lookalike.clean.result import Cleaning, Finding
from lookalike.clean.undo import REPORT
from lookalike.errors import UnusablePhoto
from lookalike.files import write_text
from lookalike.photos.decode import Pool
from lookalike.project.paths import Project
from lookalike.report import Table
from lookalike.text import counted, markup

MOST = 300


def write(project: Project, result: Cleaning) -> Path:
    """Write quarantine/report.html and return its path."""
    thumbnails = _thumbnails(project, [finding.file for finding in result.aside[:MOST]], project.quarantine)
    suspects = [Finding(s["file"], s["label"], f"score {s['score']:.2f}", s["why"]) for s in result.likely_wrong]
    thumbnails |= _thumbnails(project, [finding.file for finding in suspects], project.images)
    path = project.quarantine / REPORT
    write_text(path, html.document("Cleaning", _page(result, suspects, thumbnails)))
    return path


def _thumbnails(project: Project, files: Sequence[str], root: Path) -> dict[str, bytes]:
    """JPEG pictures by file; none for what cannot be drawn."""
    if not files:
        return {}
    drawn = {}
    with Pool(min(2, len(files))) as pool:
        paths = [root / file for file in files]
        for file, (_, answer) in zip(files, pool.map("lookalike.photos.measure:thumbnail", paths), strict=True):
            if not isinstance(answer, UnusablePhoto):
                drawn[file] = answer
    return drawn


def _page(result: Cleaning, suspects: Sequence[Finding], thumbnails: dict[str, bytes]) -> Iterable[str]:
    yield html.heading(f"Cleaning of {counted(sum(result.before.values()), 'photo')}", 1)
    yield html.paragraph(f"Run {result.run}")
    after, purity = result.after, result.purity or {}
    rows = [
        (label, n, n - after[label], after[label], _percent(purity.get(label))) for label, n in result.before.items()
    ]
    yield _table(("label", "before", "set aside", "left", "labels that look right"), rows)
    yield _table(("reason", "photos"), Counter(finding.reason for finding in result.aside).most_common())
    if result.notes:
        yield html.heading("Only worth a look")
        yield _table(("reason", "photos"), Counter(finding.reason for finding in result.notes).most_common())
    if result.aside:
        yield html.heading("Set aside")
        yield html.figures(_figure(finding, thumbnails) for finding in result.aside[:MOST])
        yield html.paragraph("`lookalike clean --undo` brings them back.")
    if suspects:
        yield html.heading("Most suspect labels (still in the set)")
        yield html.figures(_figure(finding, thumbnails) for finding in suspects)
    if result.groups:
        yield html.heading("Copies of one photo")
        yield html.table(Table("", ("",), tuple((", ".join(group),) for group in result.groups)))


def _percent(share: float | None) -> str:
    return "" if share is None else f"about {share:.0%}"


def _table(columns: tuple[str, ...], rows: Iterable[Sequence[object]]) -> str:
    return html.table(Table("", columns, tuple(tuple(map(str, row)) for row in rows), columns[1:]))


def _figure(finding: Finding, thumbnails: dict[str, bytes]) -> str:
    pictures = [thumbnails[finding.file]] if finding.file in thumbnails else []
    words = markup(" ".join(part for part in (finding.detail, finding.other) if part))
    return html.figure(pictures, f"<b>{markup(finding.reason)}</b>{markup(finding.file)}<br>{words}")
