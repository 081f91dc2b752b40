"""Plug-ins of a package that somebody else wrote and installed: no line of ours knows them."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.support import draw, models, package, runs

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return package.install(tmp_path_factory.mktemp("package"))


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """The command line in a process of its own, in which the package is installed."""

    def typed(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lookalike", *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, env={**environment, **more}, capture_output=True, text=True, check=False
        )

    return typed


def sides(folder: Path) -> set[int]:
    return {Image.open(path).width for path in folder.glob("*/*.png")}


def test_a_provider_of_another_package_brings_its_settings_and_is_reread(run: Run, tmp_path: Path) -> None:
    asked = ("gather", "a", "bb", "--provider", "squares", "--count", 12, "--json")
    assert run(*asked, "--project", "plain").returncode == 0 and sides(tmp_path / "plain/images") == {64}
    assert run(*asked, "--project", "env", LOOKALIKE_SQUARES_SIDE="96").returncode == 0
    assert sides(tmp_path / "env/images") == {96}
    (tmp_path / "file").mkdir()
    (tmp_path / "file/lookalike.toml").write_text("[squares]\nside = 128\n")
    assert run(*asked, "--project", "file").returncode == 0 and sides(tmp_path / "file/images") == {128}
    again = json.loads(run("gather", "--from", "env/images/manifest.jsonl", "--project", "copy", "--json").stdout)
    assert (again["data"]["saved"], again["data"]["lost"]) == (24, []) and sides(tmp_path / "copy/images") == {96}


def test_a_fault_in_its_settings_is_told_before_anything_is_done(run: Run, tmp_path: Path) -> None:
    answer = run("gather", "a", "b", "--provider", "squares", LOOKALIKE_SQUARES_SIDE="8")
    assert answer.returncode == 2 and "squares.side" in answer.stderr
    (tmp_path / "lookalike.toml").write_text("[squares]\nsite = 64\n")
    answer = run("train")
    assert answer.returncode == 2 and "did you mean 'side'?" in answer.stderr


def test_the_help_lists_what_is_installed(run: Run) -> None:
    shown = {name: " ".join(run(name, "--help").stdout.split()) for name in ("gather", "export", "train")}
    assert "digits, broken, squares" in shown["gather"] and "people, telling" in shown["train"]
    assert "docker, poster" in shown["export"] and "torchscript, liar, npz" in shown["export"]
    assert "--headline" in shown["export"]


def test_a_broken_one_is_told_when_it_is_asked_for_and_harms_nothing_else(run: Run) -> None:
    answer = run("gather", "a", "--provider", "broken")
    assert answer.returncode == 2 and "no module named gone" in answer.stderr and "little-plug-ins" in answer.stderr
    entries = json.loads(run("providers", "--json").stdout)["data"]["providers"][-2:]
    assert [(entry["name"], entry["key"]) for entry in entries] == [("broken", "broken"), ("squares", "none needed")]
    assert run("gather", "a", "--provider", "squares", "--count", 10).returncode == 0


def test_a_format_and_a_target_of_another_package_are_written_and_proven(run: Run, tmp_path: Path) -> None:
    runs.untrained(tmp_path)
    answer = run("export", "--name", "m", "--format", "npz", "--to", "poster", "--headline", "Behold", "--json")
    done = json.loads(answer.stdout)["data"]
    assert done["model"]["parity"]["formats"]["npz"]["largest"] < 1e-3 and "weights.npz" in done["model"]["files"]
    assert "the weights for numpy" in (tmp_path / "models/m/README.md").read_text()
    assert (tmp_path / "apps/m-poster/README.md").read_text() == "Behold circles and stripes\n"
    answer = run("export", "--name", "lies", "--format", "liar")
    assert answer.returncode == 5 and "lies.npz" in answer.stderr and not (tmp_path / "models/lies").exists()


def test_a_finding_of_another_package_is_in_everything_that_evaluate_says(run: Run, tmp_path: Path) -> None:
    folder = runs.untrained(tmp_path)
    models.bundle(folder / "model")
    answer = run("evaluate", "--no-heat")
    assert answer.returncode == 0, answer.stderr
    found = json.loads(run("evaluate", "--no-heat", "--json").stdout)["data"]["findings"]["tiniest"]
    assert found["bytes"] == min(path.stat().st_size for path in tmp_path.glob("images/*/*"))
    warning, sentence = f"one of 6 has {found['bytes']} bytes", f"smallest photo is {found['file']}"
    assert f"warning: {warning}" in answer.stdout and sentence in answer.stdout
    page, text = ((folder / "report" / name).read_text() for name in ("index.html", "report.md"))
    picture = (folder / "report/tiniest.png").read_bytes()
    assert Image.open(folder / "report/tiniest.png").size == (7, 7)
    for report in (page, text):
        assert "The smallest photo" in report and warning in report and sentence in report and "fewest bytes" in report
    assert base64.b64encode(picture).decode() in page and f"| {found['file']} | {found['bytes']} |" in text


def test_a_check_of_another_package_is_asked_after_ours_and_moves_where_aside_names_it(
    run: Run, tmp_path: Path
) -> None:
    photos = draw.folder(tmp_path / "images", {"circles": 5, "stripes": 5})
    for number, blue in enumerate((200, 120)):
        noise = draw.other("noise", number).point(lambda value: value // 6)
        Image.eval(noise, lambda value: value + 40).convert("RGB", (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, blue)).save(
            photos / "circles" / f"blue{number}.png"
        )
    look = ("clean", "--dry-run", "--json", "--suspects", 0)
    shown = json.loads(run(*look).stdout)["data"]
    assert [note["file"] for note in shown["notes"] if note["reason"] == "too-blue"] == [
        "circles/blue0.png", "circles/blue1.png",
    ]  # fmt: skip
    assert shown["aside"] == []
    moved = json.loads(run(*look, "--aside", "too-blue", LOOKALIKE_TOO_BLUE_SHARE="0.65").stdout)["data"]
    assert [item["file"] for item in moved["aside"]] == ["circles/blue0.png"]
    assert "too-blue" in " ".join(run("clean", "--help").stdout.split())


@pytest.mark.slow
def test_a_recipe_of_another_package_trains(run: Run, tmp_path: Path) -> None:
    runs.untrained(tmp_path)
    small = ("--arch", "mobilenetv3_small_050", "--weights", "none", "--size", 64)
    answer = run("train", "--recipe", "telling", *small)
    assert answer.returncode == 0 and "the little recipe is at work" in answer.stderr
