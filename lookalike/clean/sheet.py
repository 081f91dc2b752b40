"""The report of a cleaning: one HTML page with the counts and a contact sheet of what was set aside."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from lookalike.clean.aside import REPORT
from lookalike.clean.result import Cleaning, Finding
from lookalike.errors import UnusablePhoto
from lookalike.files import write_text
from lookalike.photos.decode import Pool
from lookalike.project.paths import Project
from lookalike.text import markup

MOST = 300

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #8884 }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
.sheet { display: flex; flex-wrap: wrap; gap: .8rem }
figure { width: 170px; margin: 0; font-size: 12px; overflow-wrap: anywhere }
figure img, .none { width: 160px; height: 120px; object-fit: contain; background: #8882; border-radius: 6px }
.none { display: grid; place-items: center; opacity: .6 }
b { display: block }
"""


def write(project: Project, result: Cleaning) -> Path:
    """Write quarantine/report.html and return its path."""
    thumbnails = _thumbnails(project, [finding.file for finding in result.aside[:MOST]], project.quarantine)
    suspects = [Finding(s["file"], s["label"], f"score {s['score']:.2f}", s["why"]) for s in result.likely_wrong]
    thumbnails |= _thumbnails(project, [finding.file for finding in suspects], project.images)
    path = project.quarantine / REPORT
    write_text(path, "".join(_page(result, suspects, thumbnails)))
    return path


def _thumbnails(project: Project, files: Sequence[str], root: Path) -> dict[str, str]:
    """Pictures as data: addresses, by file; none for what cannot be drawn."""
    if not files:
        return {}
    drawn = {}
    with Pool(min(2, len(files))) as pool:
        paths = [root / file for file in files]
        for file, (_, answer) in zip(files, pool.map("lookalike.photos.measure:thumbnail", paths), strict=True):
            if not isinstance(answer, UnusablePhoto):
                drawn[file] = "data:image/jpeg;base64," + base64.b64encode(answer).decode()
    return drawn


def _page(result: Cleaning, suspects: Sequence[Finding], thumbnails: dict[str, str]) -> Iterable[str]:
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Cleaning</title><style>{_STYLE}</style>'
    yield f"<h1>Cleaning of {sum(result.before.values())} photos</h1><p>Run {markup(result.run)}</p>"
    after, purity = result.after, result.purity or {}
    rows = [
        (label, n, n - after[label], after[label], _percent(purity.get(label))) for label, n in result.before.items()
    ]
    yield _table(("label", "before", "set aside", "left", "labels that look right"), rows)
    yield _table(("reason", "photos"), Counter(finding.reason for finding in result.aside).most_common())
    if result.notes:
        yield "<h2>Only worth a look</h2>"
        yield _table(("reason", "photos"), Counter(finding.reason for finding in result.notes).most_common())
    if result.aside:
        yield f"<h2>Set aside</h2>{_sheet(result.aside[:MOST], thumbnails)}"
        yield "<p><code>lookalike clean --undo</code> brings them back.</p>"
    if suspects:
        yield f"<h2>Most suspect labels (still in the set)</h2>{_sheet(suspects, thumbnails)}"
    if result.groups:
        yield "<h2>Copies of one photo</h2><ol>"
        yield "".join(f"<li>{markup(', '.join(group))}</li>" for group in result.groups)
        yield "</ol>"
    yield "</html>"


def _percent(share: float | None) -> str:
    return "" if share is None else f"about {share:.0%}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th{' class=n' if number else ''}>{markup(name)}</th>" for number, name in enumerate(columns))
    body = "".join(
        "<tr>"
        + "".join(f"<td{' class=n' if number else ''}>{markup(str(cell))}</td>" for number, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _sheet(findings: Iterable[Finding], thumbnails: dict[str, str]) -> str:
    return '<div class="sheet">' + "".join(_figure(finding, thumbnails) for finding in findings) + "</div>"


def _figure(finding: Finding, thumbnails: dict[str, str]) -> str:
    source = thumbnails.get(finding.file)
    picture = f'<img src="{source}" alt="">' if source else '<div class="none">no picture</div>'
    words = markup(" ".join(part for part in (finding.detail, finding.other) if part))
    return f"<figure>{picture}<b>{markup(finding.reason)}</b>{markup(finding.file)}<br>{words}</figure>"
