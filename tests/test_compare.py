"""compare: paired, and no friend of noise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support import models, runs


def test_a_run_is_no_better_than_itself(cli: Cli, trained: Path):
    (name,) = (path.parent.name for path in trained.glob("runs/*/run.json"))
    data = cli("compare", name, name, "--json").data
    assert (data["photos"], data["p_value"]) == (8, 1.0)
    assert data["verdict"] == "no difference that chance would not explain"


@pytest.fixture
def two_runs(tmp_path: Path) -> Path:
    """A project with a run r1 that is always right and a run r2 that is always wrong, on 6 photos held back."""
    right = runs.untrained(tmp_path)
    wrong = right.with_name("r2")
    shutil.copytree(right, wrong)
    (wrong / "run.json").write_text((right / "run.json").read_text().replace('"r1"', '"r2"'))
    models.bundle(right / "model")
    models.bundle(wrong / "model", models.warm_or_cold(liked=-1))
    return tmp_path


@pytest.mark.parametrize(
    ("photos", "p_value", "first", "second"),
    [
        (6, 2 / 2**6, "r1 is better", "r1 is better"),
        (5, 2 / 2**5, "no difference that chance would not explain", "no difference that chance would not explain"),
    ],
)
def test_a_run_is_better_when_chance_would_hardly_do_it(
    cli: Cli, two_runs: Path, photos: int, p_value: float, first: str, second: str
):
    if photos == 5:
        (two_runs / "images/circles/001.jpg").unlink()
    data = cli("compare", "r1", "r2", "--json").data
    told = {key: data[key] for key in ("photos", "right", "only_first", "only_second", "verdict")}
    assert told == {"photos": photos, "right": [photos, 0], "only_first": photos, "only_second": 0, "verdict": first}
    assert data["p_value"] == pytest.approx(p_value)
    turned = cli("compare", "r2", "r1", "--json").data
    assert (turned["right"], turned["only_second"], turned["verdict"]) == ([0, photos], photos, second)


def test_an_unknown_run_names_the_known_ones(cli: Cli, trained: Path):
    (name,) = (path.parent.name for path in trained.glob("runs/*/run.json"))
    answer = cli("compare", name, "yesterday")
    assert answer.code == 3
    assert name in answer.err
