"""evaluate: what copies would have flattered by, what more photos would be worth, what to do about mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from lookalike.evaluate import learning_curve
from lookalike.evaluate.probing import Probed
from tests.conftest import Cli
from tests.support import draw


def hopeless(folder: Path, different: int, copies: int = 1) -> None:
    """Two labels with the same kind of picture, each photo so many times in other qualities."""
    for number, label in enumerate(("these", "those")):
        (folder / label).mkdir(parents=True)
        for index in range(different * copies):
            seed, quality = 100 * number + index // copies, 90 - 8 * (index % copies)
            (folder / label / f"{index:03}.jpg").write_bytes(draw.jpeg("circles", seed, quality=quality))


def test_copies_that_straddle_a_naive_split_flatter_and_the_gap_is_told(cli: Cli, tmp_path: Path) -> None:
    hopeless(tmp_path / "images", different=12, copies=3)
    assert cli("train", "--size", 64, "--recipe", "probe").code == 0
    answer = cli("evaluate", "--no-heat")
    assert answer.code == 0, answer.err
    (folder,) = tmp_path.glob("runs/*")
    found = json.loads((folder / "evaluation.json").read_text())["findings"]["naive_split"]
    assert found["copies"] == 72
    assert found["naive"] > 0.9 > 0.75 > found["grouped"]
    assert found["gap"] == pytest.approx(found["naive"] - found["grouped"])
    told = f"a split that ignores copies would have claimed {found['naive']:.3f} instead of {found['grouped']:.3f}"
    for text in (answer.out, (folder / "report/index.html").read_text(), (folder / "report/report.md").read_text()):
        assert told in text


def test_without_copies_and_with_few_photos_no_probe_is_fitted(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("lookalike.vision.features.embed")
    answer = cli("evaluate", "--no-heat")
    assert answer.code == 0, answer.err
    (folder,) = trained.glob("runs/*")
    extra = json.loads((folder / "evaluation.json").read_text())["findings"]
    assert extra["naive_split"] == {"copies": 0, "gap": 0.0}
    assert extra["learning_curve"] == {
        "why": "circles has 20 different photos, and 24 of each label are needed to tell"
    }
    assert "no photo has a copy (gap 0)" in (folder / "report/report.md").read_text()
    assert "cannot be told: circles has 20 different photos" in answer.out


def test_where_all_is_told_apart_more_photos_would_hardly_help(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "images", {"circles": 30, "stripes": 30})
    assert cli("train", "--size", 64, "--recipe", "probe").code == 0
    answer = cli("evaluate", "--no-heat")
    assert answer.code == 0, answer.err
    (folder,) = tmp_path.glob("runs/*")
    found = json.loads((folder / "evaluation.json").read_text())["findings"]["learning_curve"]
    assert found["sizes"][-1] == 48  # four fifths of 60
    assert found["photos"] == 48
    assert set(found["labels"]) == {"circles", "stripes"}
    assert "more photos would hardly help: 20 more photos of each label are worth about" in answer.out
    page = (folder / "report/index.html").read_text()
    assert "What more photos are worth" in page
    assert (folder / "report/learning-curve.png").read_bytes().startswith(b"\x89PNG")


def clouds(counts: tuple[int, ...], apart: float) -> Probed:
    """Photos that a network sees as clouds of points, `apart` from each other in one of 120 directions."""
    random = np.random.default_rng(0)
    targets = np.repeat(range(len(counts)), counts)
    photos = Probed([], targets.tolist(), [str(number) for number in range(len(targets))])
    photos.features = random.normal(size=(len(targets), 120)) + apart * np.eye(120)[targets]
    return photos


def test_the_scarce_label_of_a_hard_set_gains_most() -> None:
    found = learning_curve.estimate(clouds((90, 30), 3), ("many", "few"), {"many": 72, "few": 24})
    assert found["gain"] > found["noise"] > 0
    assert found["best"] == "few"
    assert found["labels"]["few"]["sizes"][-1] == 24  # only its own photos vary
    assert found["labels"]["few"]["gain"] > found["labels"]["many"]["gain"]
    assert re.fullmatch(
        r"20 more photos of each label are worth about \+\d+\.\d points \(± \d+\.\d\);"
        r" 20 more of few alone about \+\d+\.\d points \(± \d+\.\d\) of its recall",
        learning_curve.sentence(found),
    )


def test_too_many_labels_are_not_gone_through() -> None:
    names = tuple(f"label {number}" for number in range(30))
    found = learning_curve.estimate(clouds((30,) * 30, 3), names, dict.fromkeys(names, 24))
    assert found == {"why": "30 labels are too many to learn from again and again"}


def test_a_power_law_is_found_again_and_never_rises() -> None:
    sizes = np.array([25.0, 50.0, 75.0, 100.0])
    falling, rising = 0.05 + 1.2 * sizes**-0.5, 0.1 + 0.001 * sizes
    fits = learning_curve.power_law(sizes, np.stack([falling, rising]))
    assert fits[0] == pytest.approx([0.05, 1.2, 0.5])
    assert learning_curve.at(fits, 400)[0] == pytest.approx(0.11)
    assert learning_curve.at(fits, 1)[1] == learning_curve.at(fits, 1000)[1]


def test_every_mistake_says_what_to_do_next(cli: Cli, tmp_path: Path) -> None:
    hopeless(tmp_path / "images", different=40)
    assert cli("train", "--size", 64, "--recipe", "probe").code == 0
    data = cli("evaluate", "--json", "--no-heat", "--top", 1).data
    wrong = sum(map(sum, data["confusion"])) - sum(data["confusion"][i][i] for i in range(2))
    assert len(data["mistakes"]) == wrong > 1
    assert all(row["predicted"] != row["actual"] for row in data["mistakes"])
    page = Path(data["report"]).read_text()
    assert re.search(r"<figcaption>.*taken for.*<code>lookalike clean --review</code></figcaption>", page, re.S)


def test_the_command_for_the_mistakes_names_the_folder_of_the_photos(cli: Cli, tmp_path: Path) -> None:
    hopeless(tmp_path / "my photos", different=20)
    assert cli("train", "--images", "my photos", "--size", 64, "--recipe", "probe").code == 0
    assert "next: lookalike clean --review --images 'my photos' to look" in cli("evaluate", "--no-heat").out
    (page,) = tmp_path.glob("runs/*/report/index.html")
    assert "<code>lookalike clean --review --images &#x27;my photos&#x27;</code>" in page.read_text()
