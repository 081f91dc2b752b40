"""One look for all reports: HTML pages in a single file, light and dark, for wide screens and phones."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping

from lookalike.report import Table
from lookalike.text import markup

PAGE_ROWS = 50  # of a table that are shown at once

_STYLE = """
:root{color-scheme:light dark;background:Canvas;color:CanvasText}
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}.big{font-size:2.4rem;font-weight:600}
.wide{overflow-x:auto}table{border-collapse:collapse;margin:.5rem 0}
td,th{padding:.2rem .7rem;border-bottom:1px solid #8884;text-align:left}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.plots{display:flex;flex-wrap:wrap;gap:1.5rem}.plots figure{width:auto;max-width:30rem;flex:0 1 30rem}
.plots img{max-width:100%!important;max-height:none;vertical-align:top;background:#fff;border-radius:6px}
.photos{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;width:13rem;max-width:100%;font-size:.85rem}
figure img,.none{max-width:49%;max-height:10rem;object-fit:contain;background:#8882;border-radius:6px}
figure img:only-of-type{max-width:100%}.none{display:grid;place-items:center;height:7rem;opacity:.6}
figure b{display:block}.warn{background:#e8a90033;padding:.4rem .8rem;border-radius:6px}
code{background:#8883}summary{cursor:pointer}
"""


def document(title: str, parts: Iterable[str]) -> str:
    """A whole page of parts that are HTML; `title` is text."""
    head = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{markup(title)}</title><style>{_STYLE}</style><main>"
    )
    return "\n".join([head, *(part for part in parts if part)]) + "\n</main></html>\n"


def heading(text: str, level: int = 2) -> str:
    """A heading; "" for no text."""
    return f"<h{level}>{markup(text)}</h{level}>" if text else ""


def paragraph(text: str, *, warn: bool = False) -> str:
    """A paragraph of text, in which what stands between backticks is something to type; with `warn`, one that stands
    out."""
    typed = re.sub("`([^`]+)`", r"<code>\1</code>", markup(text))
    return f"<p{' class=warn' if warn else ''}>{typed}</p>"


def table(shown: Table) -> str:
    """A table; of a long one the first rows, and the others by the page behind a click."""
    pages = [shown.rows[start : start + PAGE_ROWS] for start in range(0, len(shown.rows), PAGE_ROWS)]
    parts = [_rows(shown, page) for page in pages[:1]]
    for number, page in enumerate(pages[1:], 1):
        first = number * PAGE_ROWS
        parts.append(
            f"<details><summary>{first + 1} to {first + len(page)} of {len(shown.rows)}</summary>"
            f"{_rows(shown, page)}</details>"
        )
    return "".join(parts)


def _rows(shown: Table, rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(_cell("th" if name else "td", shown, name, name) for name in shown.columns)
    body = "".join(
        "<tr>" + "".join(_cell("td", shown, *pair) for pair in zip(shown.columns, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<div class=wide><table>{f'<tr>{head}</tr>' if any(shown.columns) else ''}{body}</table></div>"


def _cell(kind: str, shown: Table, column: str, text: str) -> str:
    return f"<{kind}{' class=n' if column in shown.right else ''}>{markup(text)}</{kind}>"


def plots(pictures: Iterable[tuple[str, bytes]], captions: Mapping[str, str]) -> str:
    """PNG pictures by name over the captions of these names, side by side where there is room; "" for none."""
    shown = "".join(
        f'<figure><img alt="{markup(name)}" src="{address(data, "png")}">'
        f"<figcaption>{markup(captions.get(name, ''))}</figcaption></figure>"
        for name, data in pictures
    )
    return f"<div class=plots>{shown}</div>" if shown else ""


def figure(pictures: Iterable[bytes], caption: str) -> str:
    """JPEG pictures over a caption, which is HTML."""
    shown = "".join(f'<img alt="" src="{address(data, "jpeg")}">' for data in pictures)
    return f"<figure>{shown or '<div class=none>no picture</div>'}<figcaption>{caption}</figcaption></figure>"


def figures(parts: Iterable[str]) -> str:
    """Figures side by side, as many as there is room for."""
    return f"<div class=photos>{''.join(parts)}</div>"


def address(data: bytes, kind: str) -> str:
    """A picture as the address of itself, so that the page needs no other file."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
