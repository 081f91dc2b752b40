"""Photos of other things are answered with "neither", the same at every door; those of the labels keep them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.bundle import bundle
from lookalike.cli import main
from lookalike.errors import LookalikeError
from lookalike.evaluate import neither
from lookalike.evaluate.answers import Answers
from lookalike.export import runtime
from lookalike.photos import images
from tests.conftest import Cli
from tests.support import browser, draw, models, runs, servers
from tests.test_export import load_standalone


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was trained, evaluated with photos of other things beside it, and exported."""
    root = tmp_path_factory.mktemp("made")
    draw.folder(root / "images", {"circles": 60, "stripes": 60})
    for kind in draw.OTHERS:
        (root / "others" / kind).mkdir(parents=True)
        for seed in range(6):
            draw.other(kind, seed).save(root / "others" / kind / f"{seed}.png")
    here = ["--project", str(root), "--quiet"]
    assert main(["train", *here, "--size", "64", "--recipe", "probe"]) == 0
    assert main(["evaluate", *here, "--no-heat", "--others", str(root / "others")]) == 0
    assert main(["export", *here, "--name", "m"]) == 0
    return root


@pytest.fixture(scope="module")
def photos(made: Path) -> list[Path]:
    """Photos of both labels and of other things."""
    known = [made / "images" / label / f"{number:03}.jpg" for label in runs.LABELS for number in range(0, 60, 10)]
    return [*known, *sorted((made / "others").rglob("*.png"))]


@pytest.fixture
def answers(cli: Cli, made: Path, photos: list[Path]) -> list[dict[str, Any]]:
    """What predict says about them."""
    return cli("predict", *photos, "--project", made, "--model", "m", "--json").data["predictions"]


def evaluation(made: Path) -> Any:
    return json.loads(next(made.glob("runs/*/evaluation.json")).read_text())


def test_other_things_are_neither_and_known_ones_keep_their_label(answers: list[dict[str, Any]]) -> None:
    known, other = answers[:12], answers[12:]
    assert [row["label"] for row in known].count("neither") == 0
    assert {row["label"] for row in other} == {"neither"} and not any(row["known"] for row in other)
    assert max(max(row["probabilities"].values()) for row in other) > 0.9  # however sure that it must be one of the two
    assert min(row["similarity"] for row in known) > max(row["similarity"] for row in other) - 0.2


def test_evaluate_tells_what_the_limit_costs_and_catches(made: Path) -> None:
    found = evaluation(made)
    assert (
        "threshold" not in found
        and len(found["min_similarity"]) == 2
        and 0 < min(found["min_similarity"]) < max(found["min_similarity"]) < 1
    )
    known, others = found["extra"]["neither"]["known"], found["extra"]["neither"]["others"]
    assert known["photos"] == found["accuracy"]["total"] and known["share"] <= 0.2
    assert (others["rejected"], others["photos"]) == (18, 18) and 0.8 < others["low"] < others["high"] == 1
    report = next(made.glob("runs/*/report/report.md")).read_text()
    assert "18 of 18" in report and "a third person's face is still a face" in report


def test_known_photos_are_judged_by_limits_set_without_them(tmp_path: Path) -> None:
    similarities = np.ones(20, np.float32)
    similarities[::5] = (0.5, 0.6, 0.7, 0.8)  # one fold: a limit set on all would cost none of them
    answers = Answers("valid", tmp_path, (), np.full((20, 2), 0.5), np.zeros(20), {}, similarities=similarities)
    found = neither.examine(answers, bundle.load(models.bundle(tmp_path / "m")), None)
    assert (found["known"]["rejected"], found["known"]["photos"]) == (4, 20)


def test_few_photos_set_no_limit(cli: Cli, trained: Path) -> None:
    answer = cli("evaluate", "--no-heat", "--json")
    assert "min_similarity" not in answer.data and "too few" in answer.data["extra"]["neither"]["why"]


def test_the_program_in_the_bundle_agrees(made: Path, photos: list[Path], answers: list[dict[str, Any]]) -> None:
    classifier = load_standalone().Classifier(made / "models" / "m")  # type: ignore[attr-defined]
    for photo, row in zip(photos, answers, strict=True):
        said = classifier.classify(photo)
        assert (said["label"], said["known"]) == (row["label"], row["known"])
        assert said["similarity"] == pytest.approx(row["similarity"], abs=1e-5)


def test_serve_agrees(made: Path, photos: list[Path], answers: list[dict[str, Any]]) -> None:
    with servers.serving(made / "models" / "m") as server:
        said = [server.ask(photo.read_bytes()).json() for photo in photos]
    assert [row["label"] for row in said] == [row["label"] for row in answers]
    assert [row["similarity"] for row in said] == pytest.approx([row["similarity"] for row in answers], abs=1e-5)


@pytest.fixture(scope="module")
def pages(made: Path) -> Path:
    """The page and the single file of the model."""
    try:
        runtime.files()
    except LookalikeError as error:
        pytest.skip(f"no onnxruntime for browsers: {error.message}")
    here = ["export", "--project", str(made), "--name", "m", "--quiet", "--to", "web"]
    assert main([*here, "--out", str(made / "page")]) == 0
    assert main([*here, "--single-file", "--out", str(made / "single")]) == 0
    return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser.browser() as started:
        yield started


@browser.needs_browser
@pytest.mark.browser
@pytest.mark.parametrize("door", ["page", "single file"])
def test_every_page_agrees(
    pages: Path, photos: list[Path], answers: list[dict[str, Any]], chromium: Any, door: str
) -> None:
    with browser.hosted(pages) as host:
        page = browser.opened(chromium, f"{host}/page/" if door == "page" else (pages / "single/m.html").as_uri())
        said = [browser.ask(page, photo) for photo in photos]
    assert [row["label"] for row in said] == [
        row["label"] if row["known"] else f"Not sure; closest is {row['closest']}" for row in answers
    ]


def test_the_card_says_when_the_answer_is_neither(made: Path) -> None:
    card = (made / "models" / "m" / "README.md").read_text()
    assert "too unlike those it learnt from" in card and f"{min(evaluation(made)['min_similarity']):.3f}" in card


def test_the_proof_covers_the_similarity(made: Path) -> None:
    assert 0 <= json.loads((made / "models" / "m" / "model.json").read_text())["parity"]["similarity"] < 1e-4


def test_both_limits_apply(cli: Cli, tmp_path: Path) -> None:
    models.bundle(tmp_path / "models" / "m", models.with_similarity(), min_similarity=0.1)
    Image.new("RGB", (64, 64), (255, 0, 0)).save(tmp_path / "bright.png")
    Image.new("RGB", (64, 64), (40, 0, 0)).save(tmp_path / "dark.png")
    bright, dark = cli("predict", "bright.png", "dark.png", "--json").data["predictions"]
    assert (bright["label"], bright["similarity"]) == ("circles", pytest.approx(1 / 3))
    assert (dark["label"], dark["known"]) == ("neither", False) and dark["probabilities"]["circles"] > 0.99
    Image.new("RGB", (64, 64), "grey").save(tmp_path / "grey.png")
    grey, unsure = (cli("predict", "grey.png", "--threshold", p, "--json").data["predictions"][0] for p in (0.4, 0.6))
    assert grey["known"] and not unsure["known"] and unsure["similarity"] > 0.1
    (always,) = cli("predict", "dark.png", "--threshold", 0, "--json").data["predictions"]
    assert (always["label"], always["known"]) == ("circles", True)


def means_of(run: Path) -> tuple[np.ndarray, np.ndarray]:
    """The means a run keeps, and those of what its network sees in the photos it learnt from, (labels, features)."""
    from lookalike.project.dataset import read_examples
    from lookalike.vision import model, probe

    done, network = model.load_run(run)
    learnt = [example for example in read_examples(run / "split.csv") if example.part == "train"]
    folder = run.parents[1] / "images"
    seen = probe.features(network, done.input, [images.read(folder / example.file, done.input) for example in learnt])
    labels = np.array([example.label for example in learnt])
    return network.means.numpy(), np.stack([seen[labels == label].mean(axis=0) for label in done.labels])


@pytest.mark.parametrize("recipe", [("auto",), ("auto", "--weights", "none"), ("book", "--weights", "none")])
def test_the_means_are_those_of_the_network_that_was_kept(cli: Cli, tmp_path: Path, recipe: tuple[str, ...]) -> None:
    draw.folder(tmp_path / "images", {"circles": 20, "stripes": 20})
    trained = cli("train", "--size", 64, "--epochs", 2, "--json", "--recipe", *recipe)
    assert trained.data["run"]["best_epoch"] >= 1, "the means of the pretrained network would do"
    kept, expected = means_of(Path(trained.data["folder"]))
    assert np.linalg.norm(kept - expected) < 0.1 * np.linalg.norm(expected)


def test_a_run_from_before_there_were_means_still_exports(cli: Cli, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = runs.untrained(tmp_path) / "weights.safetensors"
    save_file({name: value for name, value in load_file(weights).items() if name != "means"}, weights)
    assert cli("export", "--name", "m").code == 0
    (row,) = cli("predict", "images/circles/000.jpg", "--json").data["predictions"]
    assert "similarity" not in row and row["known"]
