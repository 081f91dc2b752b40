"""Labels, file names, titles and models from strangers are shown as text, whatever they hold."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.files import read_rows, write_rows
from lookalike.text import json_text, markdown, printable
from tests.conftest import Cli
from tests.support import draw, models
from tests.support.searchserver import SearchServer

pytest_plugins = ("tests.support.gathering",)

STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
ESCAPE = "a\x1b]0;pwned\x07\x1b[31m\x9b2J\u202egpj.\u2066\r"
FORMULAS = ("=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "'=1", "x;=1", "plain")
HTML = "<img src=x onerror=alert(1)>'\"&amp;"


@given(st.text())
def test_what_is_printed_steers_nothing_and_tells_all(text: str) -> None:
    assert not STEERING.search(printable(text)) and "\n" not in printable(text)
    assert json.loads(json_text([text])) == [text] and not STEERING.search(json_text([text]))


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_label_folder_with_escapes_reaches_no_terminal(cli: Cli, tmp_path: Path, flags: tuple[str, ...]) -> None:
    draw.folder(tmp_path / "images", {ESCAPE: 8, "b": 8})
    (tmp_path / "images" / ESCAPE / f"{ESCAPE}.jpg").write_bytes(b"<html>")
    commands = [
        ("clean", "--dry-run"), ("clean", "--yes"), ("clean", "--undo"), ("train", "--size", "32", "--epochs", "1"),
        ("evaluate",), ("evaluate", "--run", ESCAPE), ("export", "--name", "m"), ("predict", "images"),
        ("gather", ESCAPE, ESCAPE.upper()),
    ]  # fmt: skip
    for command in commands:
        answer = cli(*command, *flags)
        assert answer.code in (0, 2, 3) and not STEERING.search(answer.out + answer.err)
    log = next((tmp_path / "runs").glob("*/*.log"))
    assert not STEERING.search(log.read_text())


@pytest.mark.parametrize("flags", [(), ("--csv",), ("--jsonl",), ("--json",)])
def test_a_models_names_with_escapes_reach_no_terminal(cli: Cli, tmp_path: Path, flags: tuple[str, ...]) -> None:
    (tmp_path / "photo.jpg").write_bytes(draw.jpeg("circles", 1))
    models.bundle(tmp_path / "models" / "m", labels=(ESCAPE, "b"), name=ESCAPE, arch=ESCAPE)
    answer = cli("predict", "photo.jpg", "photo.jpg", *flags)
    assert answer.code == 0 and not STEERING.search(answer.out + answer.err)


def test_a_search_answer_with_escapes_reaches_no_terminal_nor_table(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 2)
    item = {"url": search.results["cat"][0], "title": f"={ESCAPE}", "creator": f"={ESCAPE}", "license": "by"}
    search.script["openverse"] = [
        (200, {"results": [item], "page": 1, "page_count": 9}, {}),
        (400, {"detail": ESCAPE}, {}),
    ]
    answer = cli("gather", "cat", "--provider", "openverse", "--count", 3, "--min-per-label", 1)
    assert answer.code == 0 and "pwned" in answer.out and not STEERING.search(answer.out + answer.err)
    assert ",'=a" in Path("images/ATTRIBUTION.csv").read_text()


CELLS = st.one_of(st.sampled_from(FORMULAS), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_csv_comes_back_as_it_was_and_holds_no_formula(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    write_rows(path, ("one", "two"), rows)
    assert [(row["one"], row["two"]) for row in read_rows(path)] == rows
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            assert not any(cell.startswith(("=", "+", "-", "@", "＝")) for cell in row)
    with path.open(newline="", encoding="utf-8") as file:  # as a spreadsheet reads it where cells end with ";"
        for row in csv.reader(file, delimiter=";"):
            assert not any(cell.startswith(("=", "+", "@")) for cell in row)


def test_a_file_name_that_is_no_text_survives_a_csv_file(tmp_path: Path) -> None:
    name = os.fsdecode(b"ants/\xff\xfe.jpg")
    write_rows(tmp_path / "x.csv", ("file",), [(name,)])
    assert read_rows(tmp_path / "x.csv") == [{"file": name}]


def test_answers_as_csv_hold_no_formula(cli: Cli, tmp_path: Path) -> None:
    for name in ("=1.jpg", "@x.jpg"):
        (tmp_path / name).write_bytes(draw.jpeg("circles", 1))
    models.bundle(tmp_path / "models" / "m", labels=("=HYPERLINK(1)", "@b"))
    cells = [cell for row in csv.reader(io.StringIO(cli("predict", "=1.jpg", "@x.jpg", "--csv").out)) for cell in row]
    assert "'=1.jpg" in cells and "'=HYPERLINK(1)" in cells
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def test_decisions_about_a_label_that_looks_like_a_formula_are_carried_out(cli: Cli, tmp_path: Path) -> None:
    photos = draw.folder(tmp_path / "images", {"=1+1": 6, "-b": 6})
    cli("clean", "--yes")
    cli("clean", "--export-marks", "marks.csv")
    text = Path("marks.csv").read_text()
    assert "\n'=1+1/000.jpg," in text and "\n=" not in text
    rows = [line.rsplit(",", 1)[0] + ",aside" if "=1+1/000" in line else line for line in text.splitlines()]
    Path("marks.csv").write_text("\n".join(rows) + "\n")
    assert cli("clean", "--apply", "marks.csv", "--json").data["done"]["set aside"] == 1
    assert not (photos / "=1+1" / "000.jpg").exists()


class Seen(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}


def test_the_reports_show_hostile_labels_and_files_as_text(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "images", {HTML: 8, "$\\frac": 8})
    (tmp_path / "images" / HTML / f"{HTML}.jpg").write_bytes(b"x")
    assert cli("clean", "--yes").code == 0
    assert cli("train", "--size", "32", "--epochs", "1").code == 0
    assert cli("evaluate").code == 0
    assert cli("export", "--name", "m", "--to", "voila").code == 0
    for page in [*tmp_path.glob("runs/*/*.html"), tmp_path / "quarantine" / "report.html"]:
        text = page.read_text()
        assert "onerror=alert" in text and "onerror" not in Seen(text).found and "script" not in Seen(text).found
    for page in [*tmp_path.glob("runs/*/*.md"), tmp_path / "models" / "m" / "README.md"]:
        assert "onerror=alert" in page.read_text() and not re.search(r"(?<!\\)<img", page.read_text())
    heading = json.loads((tmp_path / "apps" / "m-voila" / "app.ipynb").read_text())["cells"][0]["source"][0]
    assert "onerror" in heading and not re.search(r"(?<!\\)<img", heading)


@pytest.mark.parametrize("text", ["<b>", "[x](y)", "`x`", "a|b", "*x*", "# x", "_x_", "&lt;", "~x~"])
def test_markdown_of_a_text_has_no_marks(text: str) -> None:
    assert re.sub(r"\\[\W_]", "", markdown(text)) != text
    assert not re.search(r"(?<!\\)[<\[`|*#&~]", markdown(text))
