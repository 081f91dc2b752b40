"""compare: paired, and no friend of noise."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Cli
from tests.support import draw


def run_name(cli: Cli, *flags: object) -> str:
    return cli("train", "--size", 64, "--recipe", "probe", "--json", *flags).data["run"]["id"]


def test_a_run_is_no_better_than_itself(cli: Cli, trained: Path):
    (name,) = (path.parent.name for path in trained.glob("runs/*/run.json"))
    data = cli("compare", name, name, "--json").data
    assert (data["photos"], data["p_value"]) == (8, 1.0)
    assert data["verdict"] == "no difference that chance would not explain"


def test_a_network_that_knows_beats_one_that_guesses(cli: Cli, tmp_path: Path):
    draw.folder(tmp_path / "images", {"circles": 80, "stripes": 80})
    good = run_name(cli)
    blind = run_name(cli, "--weights", "none")
    data = cli("compare", blind, good, "--json").data
    assert data["photos"] == 32
    assert data["only_first"] + data["right"][1] - data["only_second"] == data["right"][0]
    assert (data["verdict"] == f"{good} is better") == (data["p_value"] < 0.05)


def test_an_unknown_run_names_the_known_ones(cli: Cli, trained: Path):
    (name,) = (path.parent.name for path in trained.glob("runs/*/run.json"))
    answer = cli("compare", name, "yesterday")
    assert answer.code == 3
    assert name in answer.err
