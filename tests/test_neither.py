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
from lookalike.project import dataset
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
    assert main(["evaluate", *here, "--no-heat"]) == 0  # others/ in the project is taken by itself
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


def test_photos_of_the_labels_that_set_no_limit_keep_their_label(cli: Cli, tmp_path: Path, made: Path) -> None:
    draw.folder(tmp_path / "new", {"circles": 160, "stripes": 160})
    new = [path for path in (tmp_path / "new").rglob("*.jpg") if int(path.stem) >= 60]
    rows = cli("predict", *new, "--project", made, "--model", "m", "--json").data["predictions"]
    assert len(rows) == 200 and [row["known"] for row in rows].count(False) <= 2  # 2 of 1,080


def test_evaluate_tells_what_the_limit_costs_and_catches(made: Path) -> None:
    found = evaluation(made)
    assert (
        "threshold" not in found
        and len(found["min_similarity"]) == 2
        and 0 < min(found["min_similarity"]) <= max(found["min_similarity"]) < 1
    )
    known, others = found["findings"]["neither"]["known"], found["findings"]["neither"]["others"]
    assert known["photos"] == found["accuracy"]["total"] and known["rejected"] <= 1  # one is the least alike of 200
    assert (others["rejected"], others["photos"]) == (18, 18) and 0.8 < others["low"] < others["high"] == 1
    report = next(made.glob("runs/*/report/report.md")).read_text()
    assert "18 of 18" in report and "a third person's face is still a face" in report


def held(similarities: Any, labels: Any = None, learnt: Any = ()) -> Answers:
    """Answers about photos held back with these similarities, of two labels, the first one if not told; `learnt` are
    similarities of photos of the first label that were learnt from."""
    values, learnt = np.array(similarities, np.float32), np.array(learnt, np.float32)
    actual = np.zeros(len(values), int) if labels is None else np.array(labels)
    told = np.eye(2)[actual]
    return Answers("valid", Path(), (), told, actual, {}, (), values, (learnt, np.zeros(len(learnt), int)))


def known(count: int, seed: int = 0) -> np.ndarray:
    """Similarities of so many photos, as they are found: most about 0.8, some lower."""
    return 0.85 - np.random.default_rng(seed).gamma(2.0, 0.03, count)


def test_known_photos_are_judged_by_limits_set_without_them(tmp_path: Path) -> None:
    similarities = np.ones(60)
    similarities[::5] = np.linspace(0.5, 0.8, 12)  # one fold: a limit set on all would cost few of them
    found = neither.examine(held(similarities), bundle.load(models.bundle(tmp_path / "m")), None)
    assert (found["known"]["rejected"], found["known"]["photos"]) == (12, 60)


@pytest.mark.parametrize(("count", "most"), [(10, 0.015), (20, 0.015), (60, 0.015), (250, 0.015), (2000, 0.015)])
def test_new_photos_of_the_labels_are_seldom_turned_away(count: int, most: float) -> None:
    new, lost = known(20_000, seed=1), []
    for seed in range(200):
        limit = neither.limits(held(known(count, seed)), 1.0)["min_similarity"][0]
        lost.append((new < limit).mean())
    assert np.mean(lost) <= most


def test_photos_learnt_from_help_to_set_the_limit_where_they_tell_something() -> None:
    assert neither.limits(held(known(8)), 1.0)["min_similarity"] is None
    assert neither.limits(held(known(8), learnt=known(8, 2)), 1.0)["min_similarity"][0] > 0
    with_them = neither.limits(held(known(20), learnt=known(200, 2) - 0.1), 1.0)["min_similarity"]
    assert with_them[0] < neither.limits(held(known(220)), 1.0)["min_similarity"][0] - 0.05


def test_photos_learnt_from_do_not_set_the_limit_above_new_ones_that_are_less_alike() -> None:
    new = 1 - 1.35 * (1 - known(20_000, seed=1))
    limits = [
        neither.limits(held(1 - 1.35 * (1 - known(40, seed)), learnt=known(200, 300 + seed)), 1.0)["min_similarity"][0]
        for seed in range(100)
    ]
    assert np.mean([(new < limit).mean() for limit in limits]) <= 0.015


def test_ten_photos_set_a_limit_that_catches_what_is_quite_unlike_them() -> None:
    limits = [neither.limits(held(known(10, seed)), 1.0)["min_similarity"][0] for seed in range(200)]
    assert np.quantile(limits, 0.1) > 0.2 and np.mean(limits) > 0.5


def test_a_mistake_among_the_photos_does_not_let_everything_in() -> None:
    plain, spoilt = (neither.limits(held([*known(80), *odd]), 1.0)["min_similarity"] for odd in ((0.8,), (0.0,)))
    assert spoilt[0] > plain[0] - 0.1


def test_the_limit_lies_farther_the_fewer_photos_tell_it() -> None:
    few, many = (neither.limits(held(np.tile(known(50), times)), 1.0)["min_similarity"][0] for times in (1, 40))
    assert few < many


def test_a_label_that_is_unlike_the_others_has_a_limit_of_its_own() -> None:
    labels = [0] * 300 + [1] * 30
    first, second = neither.limits(held([*known(300), *(known(30, 3) - 0.15)], labels), 1.0)["min_similarity"]
    assert second < first and (known(300, 4) - 0.15 < second).mean() < 0.1


def test_others_are_found_as_photos_are_everywhere(cli: Cli, made: Path, tmp_path: Path) -> None:
    (tmp_path / "more" / "deep").mkdir(parents=True)
    draw.other("noise", 50).save(tmp_path / "more" / "deep" / "1.png")
    draw.other("noise", 51).save(tmp_path / "more" / ".2.png")
    (tmp_path / "more" / "linked").symlink_to(made / "others")
    (tmp_path / "more" / "notes.txt").write_text("no photo")
    asked = ("evaluate", "--project", made, "--no-heat", "--others")
    others = cli(*asked, tmp_path / "more", "--json").data["findings"]["neither"]["others"]
    assert (others["rejected"], others["photos"]) == (1, 1)
    (tmp_path / "empty").mkdir()
    missing, empty = cli(*asked, tmp_path / "gone"), cli(*asked, tmp_path / "empty")
    assert (missing.code, empty.code) == (2, 3) and "there is no such folder" in missing.err
    cli(*asked, made / "others")  # as it was


def test_few_photos_set_no_limit(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    assert cli("train", "--size", 64, "--epochs", 0).code == 0
    answer = cli("evaluate", "--no-heat", "--json")
    assert "min_similarity" not in answer.data and "too few" in answer.data["findings"]["neither"]["why"]


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


def test_what_is_unlike_all_else_of_its_label_counts_by_its_number() -> None:
    import torch
    from torch import nn

    from lookalike.vision import axes, model

    def similar(odd: int) -> float:
        random, network = np.random.default_rng(0), nn.Sequential(nn.Identity(), nn.Sequential(nn.Linear(16, 2)))
        seen = random.random((80, 16), dtype=np.float32) + np.eye(16, dtype=np.float32)[np.arange(80) // 40] * 6
        seen[:odd] = -np.eye(16)[2]
        axes.fill(network, seen, [0] * 40 + [1] * 40)
        assert model.axes_each(2) == 3 and network.axes.shape == (2, 3, 16)
        return float(axes.similarity(torch.from_numpy(-np.eye(16, dtype=np.float32)[2:3]), network.axes))

    assert similar(0) < 0.2 < similar(1) < 0.75 < similar(6) < 0.95 < similar(20)


@pytest.mark.parametrize("recipe", [("probe",), ("auto", "--weights", "none"), ("book", "--weights", "none")])
def test_photos_learnt_from_tell_how_alike_new_ones_are(cli: Cli, tmp_path: Path, recipe: tuple[str, ...]) -> None:
    draw.folder(tmp_path / "images", {"circles": 30, "stripes": 10})
    run = Path(cli("train", "--size", 64, "--epochs", 1, "--json", "--recipe", *recipe).data["folder"])
    rows = dataset.read_similarities(run)
    assert sorted(label for label, _ in rows) == ["circles"] * 24 + ["stripes"] * 8
    assert all(0.3 < value < 0.9999 for _, value in rows), "a photo is compared with itself"


def likeness(run: Path) -> tuple[np.ndarray, np.ndarray]:
    """How alike what a run's network sees in the photos it learnt from (n,) is to the axes it keeps of their labels and
    to those that are made of it now."""
    import torch

    from lookalike.vision import axes, model, probe

    done, network = model.load_run(run)
    learnt = [example for example in dataset.read_examples(run / "split.csv") if example.part == "train"]
    folder = run.parents[1] / "images"
    seen = probe.features(network, done.input, [images.read(folder / example.file, done.input) for example in learnt])
    kept = axes.similarity(torch.from_numpy(seen), network.axes)
    axes.fill(network, seen, [done.labels.index(example.label) for example in learnt])
    return kept.numpy(), axes.similarity(torch.from_numpy(seen), network.axes).numpy()


@pytest.mark.parametrize("recipe", [("auto",), ("auto", "--weights", "none"), ("book", "--weights", "none")])
def test_the_axes_are_those_of_the_network_that_was_kept(cli: Cli, tmp_path: Path, recipe: tuple[str, ...]) -> None:
    draw.folder(tmp_path / "images", {"circles": 20, "stripes": 20})
    trained = cli("train", "--size", 64, "--epochs", 2, "--json", "--recipe", *recipe)
    assert trained.data["run"]["best_epoch"] >= 1, "the axes of the pretrained network would do"
    kept, now = likeness(Path(trained.data["folder"]))
    assert kept == pytest.approx(now, abs=0.02)  # trained in bfloat16 it may see a little otherwise


@pytest.mark.parametrize("means", [0, 8])
def test_a_run_from_before_there_were_axes_still_exports(cli: Cli, tmp_path: Path, means: int) -> None:
    from safetensors.numpy import load_file, save_file

    weights = runs.untrained(tmp_path) / "weights.safetensors"
    state = load_file(weights)
    features = state.pop("axes").shape[2]
    save_file({**state, **({"means": np.eye(means, features, dtype=np.float32) * 2} if means else {})}, weights)
    assert cli("export", "--name", "m").code == 0
    (row,) = cli("predict", "images/circles/000.jpg", "--json").data["predictions"]
    assert ("similarity" in row) == bool(means) and row["known"]
    assert 0 < row.get("similarity", 0.5) < 1  # the cosine to the nearest mean
