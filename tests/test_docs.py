"""The pages of docs/: those of the commands are what the code says, commands can be typed, links lead somewhere."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from docs import generate, pictures
from lookalike.cli import application

ROOT = Path(__file__).parent.parent
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "commands")
LINES = [
    (path.name, line.removeprefix("$ "))
    for path in PAGES
    for line in path.read_text().splitlines()
    if line.startswith(("$ lookalike ", "lookalike "))
]


def test_the_page_of_each_command_is_what_the_code_says():
    written = {path.stem: path.read_text() for path in generate.FOLDER.glob("*.md")}
    assert written == generate.pages(), "run `make docs`"
    assert "--epochs" in written["train"] and "LOOKALIKE_TRAIN_EPOCHS" in written["train"]


def test_a_hundred_faults_have_their_tests_and_their_page():
    faults = tomllib.loads(generate.FAULTS.read_text())["fault"]
    named = {test.partition("[")[0] for row in faults for test in row["tests"]}
    files = {test.partition("::")[0] for test in named}
    there = {
        f"{file}::{node.name}"
        for file in files
        for node in ast.parse((ROOT / file).read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    assert len(faults) == 100 and all(row["tests"] for row in faults)
    assert named <= there, named - there
    assert (ROOT / "docs" / "reliability.md").read_text() == generate.reliability(), "run `make docs`"


@pytest.mark.parametrize(("page", "line"), LINES)
def test_each_command_of_a_page_can_be_typed(page: str, line: str):
    name, *arguments = shlex.split(line)[1:]
    group = typer.main.get_command(application([name]))
    assert isinstance(group, typer.core.TyperGroup)
    group.commands[name].make_context(name, arguments)  # raises where a flag or value is not known


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda path: path.name)
def test_links_lead_to_files(page: Path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).is_file(), target


def test_every_picture_is_taken_by_the_script_and_shown_on_a_page_with_words_for_it():
    shown = [name for page in PAGES for name in re.findall(r"!\[[^\]]+\]\(pictures/([^)]+)\)", page.read_text())]
    assert sorted(shown) == sorted(f"{name}.webp" for name in pictures.PICTURES), "run `python -m docs.pictures`"
    files = {path.name: path.stat().st_size for path in pictures.FOLDER.iterdir()}
    assert set(files) == set(shown) and sum(files.values()) < 1_000_000


def test_the_pages_build_to_a_site_that_fetches_nothing(tmp_path: Path):
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = {path.relative_to(tmp_path).with_suffix(".md") for path in tmp_path.rglob("*.html")}
    assert built >= {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    for page in tmp_path.rglob("*.html"):
        assert not re.findall(r"<(?:script|img|link)\b[^>]+(?:src|href)=\"https?:[^\"]+", page.read_text()), page.name
