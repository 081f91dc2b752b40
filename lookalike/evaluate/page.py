"""The report: one HTML file that needs nothing else, and the same content as Markdown."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

from PIL import Image

from lookalike.evaluate import leakage, learning_curve, neither, people, provenance
from lookalike.evaluate.answers import Answers
from lookalike.evaluate.result import (
    advice,
    confusion_table,
    headline,
    label_table,
    learning_curve_table,
    losses_table,
    review_command,
    warnings,
)
from lookalike.files import write_text
from lookalike.project.records import Evaluation, TrainedRun
from lookalike.report import Table
from lookalike.text import markdown, markup

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}.big{font-size:2.4rem;font-weight:600}
table{border-collapse:collapse;margin:.5rem 0}td,th{padding:.2rem .7rem;border-bottom:1px solid #ddd;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}.plots img{max-width:100%;vertical-align:top}
.photos{display:flex;flex-wrap:wrap;gap:1rem}.photos figure{margin:0;width:14rem}.photos img{max-width:49%}
figcaption{font-size:.85rem;overflow-wrap:anywhere}.warn{background:#fff4d6;padding:.4rem .8rem}code{background:#eee}
"""


def write(
    folder: Path, trained: TrainedRun, evaluation: Evaluation, answers: Answers, plots: dict[str, bytes],
    heats: dict[str, bytes],
) -> Path:  # fmt: skip
    """Write index.html and report.md into `folder`. `heats` are pictures of what the network looked at, by file."""
    page = folder / "index.html"
    write_text(page, _html(trained, evaluation, answers, plots, heats))
    write_text(folder / "report.md", _markdown(trained, evaluation))
    return page


def _html(
    trained: TrainedRun, evaluation: Evaluation, answers: Answers, plots: dict[str, bytes], heats: dict[str, bytes]
) -> str:
    a = evaluation.accuracy
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{markup(' or '.join(trained.labels[:4]))}</title><style>{STYLE}</style>",
        f"<h1>{markup(' · '.join(trained.labels))}</h1>",
        f"<p><span class=big>{a.value:.1%}</span> right, and very likely between {a.low:.1%} and {a.high:.1%}.</p>",
        f"<p>{markup(headline(evaluation))}</p>",
        *(f"<p class=warn>{markup(line)}</p>" for line in warnings(evaluation)),
        *(f"<p>{markup(line)}</p>" for line in _copies(evaluation)),
        "<h2>What it confuses</h2><div class=plots>",
        *(f"<img alt='{name}' src='{_data(data, 'png')}'>" for name, data in plots.items() if name != "learning-curve"),
        "</div>",
        _table(label_table(evaluation)),
        "<h2>Worst photos</h2>",
        _about_mistakes(trained, evaluation),
        "<div class=photos>",
        *(_figure(row, answers, heats, review_command(trained.images)) for row in evaluation.top_losses),
        "</div>",
        "<h2>When it says neither</h2>",
        *(f"<p>{markup(line)}</p>" for line in _neither(evaluation)),
        *_what_more_is_worth(evaluation, plots),
        "<h2>How it was made</h2>",
        _table(_facts(trained, evaluation)),
    ]
    return "\n".join(part for part in parts if part) + "</html>\n"


def _about_mistakes(trained: TrainedRun, evaluation: Evaluation) -> str:
    if not evaluation.mistakes:
        return "<p>No mistakes; these are the photos it was least sure of.</p>"
    command = f"<code>{markup(review_command(trained.images))}</code>"
    boxed = trained.input.crop == "aligned"
    shown = "the boxes of all faces" if boxed else "what the network looked at, brightest where it counted most"
    return (
        f"<p>Mistakes come with {shown}."
        f" {command} opens on the mistakes ({len(evaluation.mistakes)}), worst first, to move photos or set them"
        " aside.</p>"
    )


def _copies(evaluation: Evaluation) -> list[str]:
    """What a split that ignores copies would have claimed; not again where it is a warning already."""
    found = evaluation.extra.get("naive_split", {})
    return [] if leakage.noteworthy(found) else [_capital(line) for line in [leakage.sentence(found)] if line]


def _neither(evaluation: Evaluation) -> list[str]:
    """What its limits cost and catch, and what they can't."""
    lines = neither.lines(evaluation.extra.get("neither", {})) + people.lines(evaluation.extra.get("people", {}))
    return [
        *(f"{_capital(line)}." for line in lines),
        people.CANNOT if "people" in evaluation.extra else neither.CANNOT,
    ]


def _what_more_is_worth(evaluation: Evaluation, plots: dict[str, bytes]) -> list[str]:
    found = evaluation.extra.get("learning_curve", {})
    if not found:
        return []
    parts = ["<h2>What more photos are worth</h2>", f"<p>{markup(_capital(learning_curve.sentence(found)))}.</p>"]
    if "learning-curve" in plots:
        parts += [f"<div class=plots><img alt='learning-curve' src='{_data(plots['learning-curve'], 'png')}'></div>"]
        parts += [_table(learning_curve_table(found))]
        parts += ["<p>A label that grows alone also gains a little at the cost of the others.</p>"]
    return parts


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _figure(row: dict[str, Any], answers: Answers, heats: dict[str, bytes], command: str) -> str:
    seen = answers.pixels[row["file"]]
    pictures = [_jpeg(seen)] if seen.shape[0] == seen.shape[1] else []  # of people, all faces or none
    if row["file"] in heats:
        pictures.append(heats[row["file"]])
    shown = "".join(f"<img alt='' src='{_data(picture, 'jpeg')}'>" for picture in pictures)
    wrong = row["predicted"] != row["actual"]
    said = f"taken for {row['predicted']}" if wrong else "right, but unsure"
    todo = f"<br>{markup(_capital(advice(row)))} <code>{markup(command)}</code>" if wrong else ""
    return (
        f"<figure>{shown}<figcaption><b>{markup(row['actual'])}</b> {markup(said)} ({row['probability']:.0%}), loss"
        f" {row['loss']:.2f}<br>{markup(row['file'])}{todo}</figcaption></figure>"
    )


def _facts(trained: TrainedRun, evaluation: Evaluation) -> Table:
    """Data, settings and versions, for whoever wants to repeat it."""
    calibration = evaluation.extra.get("calibration", {})
    rows = [
        ("run", trained.id),
        ("made", trained.created),
        ("network", f"{trained.arch}, recipe {trained.recipe}, {trained.input.size} px, seed {trained.seed}"),
        ("data", f"fingerprint {trained.fingerprint}, from {trained.images}"),
        *((f"photos of {label}", _counted(counts)) for label, counts in trained.counts.items()),
        ("kept epoch", f"{trained.best_epoch} of {len(trained.history) - 1}, chosen on the photos held back"),
        *((name, provenance.sentence(counts)) for name, counts in evaluation.extra.get("provenance", {}).items()),
    ]
    if calibration:
        rows.append(("calibration error", f"{calibration['ece_before']:.3f}, scaled {calibration['ece_after']:.3f}"))
    for name, score in evaluation.extra.get("shortcuts", {}).items():
        rows.append((f"guessing by {name}" if name != "chance" else "always the same label", f"{score:.2f}"))
    rows.append(("settings", ", ".join(f"{name} {value}" for name, value in trained.settings.items())))
    rows.append(("versions", ", ".join(f"{name} {version}" for name, version in trained.versions.items())))
    return Table("", ("", ""), tuple(rows))


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {part}" for part, count in counts.items() if count)


def _markdown(trained: TrainedRun, evaluation: Evaluation) -> str:
    worth = evaluation.extra.get("learning_curve", {})
    tables = [
        confusion_table(evaluation),
        label_table(evaluation),
        losses_table(evaluation),
        learning_curve_table(worth),
        _facts(trained, evaluation),
    ]
    lines = [f"# {markdown(' · '.join(trained.labels))}", "", markdown(headline(evaluation)), ""]
    lines += [f"> {markdown(line)}\n" for line in warnings(evaluation)]
    texts = [*_copies(evaluation), *_neither(evaluation), _capital(learning_curve.sentence(worth))]
    lines += [f"{markdown(line)}\n" for line in texts if line]
    if evaluation.mistakes:
        lines += [f"`{review_command(trained.images)}` opens on the mistakes.", ""]
    for table in [table for table in tables if table.rows]:
        lines += [f"## {table.title}" if table.title else "## how it was made", ""]
        for number, row in enumerate([table.columns, *table.rows]):
            lines.append("| " + " | ".join(map(markdown, row)) + " |")
            if number == 0:
                lines.append("|" + " --- |" * len(row))
        lines.append("")
    return "\n".join(lines)


def _table(table: Table) -> str:
    head = "".join(f"<th>{markup(column)}</th>" for column in table.columns)
    body = "".join("<tr>" + "".join(_cell(table, *pair) for pair in zip(table.columns, row, strict=True)) + "</tr>"
                   for row in table.rows)  # fmt: skip
    return f"<table>{f'<tr>{head}</tr>' if any(table.columns) else ''}{body}</table>"


def _cell(table: Table, column: str, text: str) -> str:
    return f"<td class=n>{markup(text)}</td>" if column in table.right else f"<td>{markup(text)}</td>"


def _jpeg(pixels: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _data(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
