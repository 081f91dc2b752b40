"""What reaches the screen."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, ClassVar

import pytest

from lookalike.console import Console
from lookalike.report import Block, Table

TABLES = [
    Table("", ("name", "found"), (("ants", "7"), ("bees and wasps", "1,200")), right=("found",)),
    Table("what was found", ("日本語", "e\u0301"), (("x", ""), ("鳥", "é"))),
    Table("nothing", ("name", "found"), ()),
]


class Shown:
    """A result that is one table."""

    kind: ClassVar[str] = "shown"

    def __init__(self, table: Table) -> None:
        self.table = table

    def data(self) -> dict[str, Any]:
        return {}

    def show(self) -> Iterable[Block]:
        yield self.table


def shown(table: Table, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that a table becomes."""
    Console().result(Shown(table))
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title or "untitled")
def test_a_table_looks_as_rich_draws_it(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    from rich import box
    from rich.console import Console as Terminal
    from rich.table import Table as RichTable

    drawn = RichTable(title=table.title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for column in table.columns:
        drawn.add_column(column, justify="right" if column in table.right else "left")
    for row in table.rows:
        drawn.add_row(*row)
    Terminal(width=120).print(drawn)
    expected = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert shown(table, capsys) == expected


def test_in_a_pipe_a_long_cell_stays_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    path = "folder/" * 40
    assert f"  {path}" in shown(Table("", ("photo",), ((path,),)), capsys)


def test_on_a_terminal_a_table_is_folded_to_its_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table("", ("photo", "label"), (("folder/" * 10, "ants"),))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((40, 20)))
    monkeypatch.setenv("COLUMNS", "40")
    lines = shown(table, capsys)
    assert len(lines) > 5 and max(map(len, lines)) <= 40


@pytest.mark.parametrize("terminal", [True, False])
def test_no_word_is_broken_at_the_edge_of_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((30, 20)))
    text = "too-small photos are shown, and long/enough/to/fill/the/whole/line/and/more.jpg"
    Console().note(text)
    lines = capsys.readouterr().err.splitlines()
    assert " ".join(line.strip() for line in lines) == text
    assert (len(lines) > 1) is terminal
    assert all(len(line) < 30 or "long/enough" in line for line in lines) or not terminal
