"""The command line as a whole: help, errors, envelopes, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from lookalike.cli import COMMANDS, application
from tests.conftest import Cli


def test_help_lists_every_step(cli: Cli):
    answer = cli("--help")
    assert answer.code == 0
    for name in ("gather", "clean", "train", "evaluate", "export", "predict", "serve"):
        assert f"\n  {name} " in answer.out


def test_no_command_shows_the_help(cli: Cli):
    assert "Commands:" in cli().out


def test_every_setting_of_a_section_is_a_flag_with_its_default(cli: Cli):
    out = cli("train", "--help").out
    assert "--epochs" in out
    assert "[default: 42]" in out
    assert "--batch-size" in out


def test_a_misspelt_command_or_flag_gets_the_nearest_name(cli: Cli):
    answer = cli("trian")
    assert (answer.code, "train" in answer.err) == (2, True)
    answer = cli("train", "--epoch", 3)
    assert (answer.code, "--epochs" in answer.err) == (2, True)


@pytest.mark.parametrize("arguments", [("--json", "train"), ("train", "--json")])
def test_json_works_before_and_after_the_command(cli: Cli, arguments: tuple[str, ...]):
    document = cli(*arguments).json
    assert (document["version"], document["ok"], document["error"]["code"]) == (1, False, 3)
    assert "lookalike gather" in document["error"]["hint"]


def test_a_usage_fault_is_json_too(cli: Cli):
    answer = cli("train", "--json", "--nonsense")
    assert (answer.code, answer.json["error"]["code"]) == (2, 2)


def test_quiet_leaves_only_errors(cli: Cli, trained: Path):
    answer = cli("evaluate", "--quiet", "--no-heat")
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    assert "error:" in cli("evaluate", "--quiet", "--run", "nothing").err


def test_the_project_may_be_elsewhere(cli: Cli, trained: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert cli("--project", trained, "evaluate", "--no-heat").code == 0
    assert cli("evaluate", "--no-heat", "--project", trained).code == 0
    assert cli("evaluate").code == 3


def test_ctrl_c_ends_with_130_and_says_what_is_kept(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lookalike.train.run", interrupted)
    answer = cli("train")
    assert answer.code == 130
    assert "run the same command to go on" in answer.err


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_ctrl_c_promises_nothing_where_nothing_is_kept(cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"lookalike.{command}.run", interrupted)
    answer = cli(command)
    assert answer.code == 130
    assert "what was there before is intact; run the same command again" in answer.err


def test_a_fault_of_ours_is_one_line_and_a_log(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("something unforeseen")

    monkeypatch.setattr("lookalike.train.run", broken)
    answer = cli("train")
    assert answer.code == 1
    assert "something unforeseen" in answer.err
    log = Path(answer.err.split("details are in ")[1].strip())
    assert "Traceback" in log.read_text()
    log.unlink()
    with pytest.raises(RuntimeError):
        cli("train", "--debug")


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "lookalike", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("lookalike ")


def test_every_exit_code_is_documented():
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    for code in (0, 1, 2, 3, 4, 5, 6, 130):
        assert f"| {code} |" in readme


@pytest.mark.parametrize("loaded", ["sys", "torch"])
def test_the_console_script_returns_the_code_and_everything_said(loaded: str):
    program = (
        f"import atexit, sys, {loaded}; from lookalike.__main__ import script;"
        "sys.argv = ['lookalike', 'nonsense', '--json']; atexit.register(print, 'the end'); script()"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    document, end = done.stdout.rsplit("}", 1)
    assert "nonsense" in json.loads(document + "}")["error"]["message"]
    assert end.strip() == "the end"


def test_a_result_in_json_is_one_document(cli: Cli, trained: Path):
    document = json.loads(cli("evaluate", "--json", "--no-heat").out)
    assert document["kind"] == "evaluate"
    assert document["ok"] is True


def test_what_libraries_warn_programmers_of_reaches_no_user():
    program = """
import warnings
from lookalike import __main__, cli
cli.main = lambda: warnings.warn("it will go", FutureWarning) or 0
__main__.script()
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_every_help_can_be_typed(cli: Cli, name: str):
    out = cli(name, "-h").out
    examples = [line.strip() for line in out.split("\nExamples:\n")[1].splitlines() if line]
    assert examples and out.index("With every command:") > out.index("Usage:")
    for example in examples:
        program, command, *arguments = shlex.split(example)
        assert (program, command) == ("lookalike", name)
        group = typer.main.get_command(application([command]))
        assert isinstance(group, typer.core.TyperGroup)
        group.commands[command].make_context(command, arguments)  # raises where a flag or value is not known


def test_flags_stand_in_groups_and_no_sentence_is_cut_short(cli: Cli):
    out = cli("clean", "-h").out
    places = [out.index(words) for words in ("\nBringing back:\n", "--undo", "\nDeciding yourself:\n", "--review")]
    assert places == sorted(places)
    assert not re.search(r"\w-\n", out) and "\u2011" not in out
    assert "..." not in cli("-h").out.split("Commands:")[1]


@pytest.mark.parametrize(
    ("line", "offered"),
    [("lookalike ex", "export"), ("lookalike train --bud", "--budget"), ("lookalike serve --po", "--port")],
)
def test_a_shell_completes_commands_and_flags(line: str, offered: str):
    asked = {"_LOOKALIKE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    program = "import sys; sys.argv[0] = 'lookalike'; from lookalike.__main__ import script; script()"
    answer = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert answer.stdout.split() == [offered]


def test_the_command_to_type_next_works_in_the_same_place(cli: Cli, tmp_path: Path):
    answer = cli("gather", "3", "8", "--provider", "digits", "--count", 10, "--project", "my project")
    assert answer.out.endswith("next: lookalike --project 'my project' clean\n")
    answer = cli("--project", "my project", "clean", "--suspects", 0, "--images", "my project/images")
    where = "--project 'my project' --images 'my project/images'"
    assert answer.out.endswith(f"next: lookalike {where} train\n")
    assert f"lookalike {where} train" in cli("evaluate", *shlex.split(where)).err
    assert f"lookalike {where} train" in cli("evaluate", "--json", *shlex.split(where)).json["error"]["hint"]
