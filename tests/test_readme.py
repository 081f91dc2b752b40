"""The README tells the truth: its commands exist with their flags, and its demo runs as written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Cli

README = (Path(__file__).parent.parent / "README.md").read_text()
LINES = [line[2:].split("  #")[0].strip() for line in README.splitlines() if line.startswith("$ lookalike ")]
MAKEFILE = (Path(__file__).parent.parent / "Makefile").read_text()


@pytest.mark.parametrize("line", LINES)
def test_each_command_and_flag_exists(cli: Cli, line: str):
    name, *rest = shlex.split(line)[1:]
    shown = cli(name, "--help")
    assert shown.code == 0
    for word in rest:
        if word.startswith("--"):
            assert re.search(rf"{word}\b", shown.out), word


@pytest.mark.slow
def test_the_demo_runs_as_written(cli: Cli):
    demo = README.split("`make demo` teaches")[1].split("```")[1]
    steps = [line[2:] for line in demo.splitlines() if line.startswith("$ ")]
    assert len(steps) == 5
    for step in steps:
        answer = cli(*shlex.split(step)[1:])
        assert answer.code == 0, answer.err
    counts = cli("predict", "images/8", "--json").data["counts"]
    assert counts["8"] > 0.8 * sum(counts.values())


def test_two_commands_set_a_machine_up():
    block = README.split("## Try it")[1].split("```")[1]
    assert re.findall(r"^make \w+", block, re.M) == ["make demo", "make test"]


def test_the_makefile_lists_its_recipes():
    listed = re.findall(r"^(\w+):.*## ", MAKEFILE, re.M)
    assert listed == ["help", "demo", "test", "check", "bench", "torture", "config", "docs", "clean"]


def test_every_table_of_plug_ins_the_readme_names_exists():
    package = Path(__file__).parent.parent / "lookalike"
    source = "\n".join(path.read_text() for path in package.rglob("*.py"))
    for table in ("PROVIDERS", "CHECKS", "RECIPES", "FORMATS", "TARGETS"):
        assert re.search(rf"^{table}\b", source, re.M), table
