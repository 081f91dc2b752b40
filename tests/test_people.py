"""People are told apart by their faces: chosen for labels that are persons, without torch, the same everywhere."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from lookalike.bundle import bundle
from lookalike.cli import main
from lookalike.errors import LookalikeError, NotReadyError
from lookalike.export import web
from lookalike.people import identity
from lookalike.people.eyes import Eyes
from lookalike.project.paths import load_bundle
from tests.conftest import Cli
from tests.support import browser, draw, portraits
from tests.support.servers import serving
from tests.test_architecture import loaded_by
from tests.test_export import load_standalone

pytestmark = portraits.needs_networks


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project about two persons, trained, evaluated and exported as `who`; not written to by tests."""
    root = tmp_path_factory.mktemp("people")
    portraits.people_folder(root / "images", {"ann": 10, "bea": 10})
    for command in (["train"], ["evaluate"], ["export", "--name", "who"]):
        assert main([*command, "--project", str(root), "--quiet"]) == 0
    return root


@pytest.fixture
def people(once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(once, tmp_path, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """New photos: one known person, a stranger, a known person behind a larger stranger, and nobody."""
    folder = tmp_path_factory.mktemp("photos")
    made = {
        "ann": portraits.scene(900, "ann"), "stranger": portraits.scene(901, "cas"),
        "group": portraits.scene(902, "cas", "bea"), "nobody": draw.photo("circles", 903, (400, 300)),
    }  # fmt: skip
    for name, image in made.items():
        image.save(folder / f"{name}.jpg", quality=92)
    return {name: folder / f"{name}.jpg" for name in made}


def run_of(project: Path) -> dict[str, object]:
    made = [json.loads(path.read_text()) for path in project.glob("runs/*/run.json")]
    return max(made, key=lambda run: str(run["created"]))  # names tell the second only


def test_labels_that_are_persons_are_told_apart_by_faces_without_torch(tmp_path: Path) -> None:
    portraits.people_folder(tmp_path / "images", {"ann": 6, "bea": 6})
    code = f"from lookalike.cli import main; assert main(['train', '--project', {str(tmp_path)!r}]) == 0"
    assert not loaded_by(code) & {"torch", "torchvision", "fastai", "timm"}
    run = run_of(tmp_path)
    assert (run["recipe"], run["arch"], run["input"]["crop"]) == ("people", "sface", "aligned")  # type: ignore[index]


def test_a_line_says_that_people_are_told_apart(cli: Cli, tmp_path: Path) -> None:
    portraits.people_folder(tmp_path / "images", {"ann": 5, "bea": 5})
    answer = cli("train")
    assert answer.code == 0 and "told apart by faces" in answer.err and "accuracy 1.000" in answer.out


@pytest.mark.parametrize("same", [("ann", "ann"), None])
def test_labels_that_are_no_persons_go_the_usual_way(cli: Cli, tmp_path: Path, same: tuple[str, str] | None) -> None:
    """Two halves of one person's photos; and labels that show everybody."""
    for number in range(12):
        label = ("one", "other")[number % 2]
        name = "ann" if same else ("ann", "bea", "cas")[number // 2 % 3]
        (tmp_path / "images" / label).mkdir(parents=True, exist_ok=True)
        portraits.scene(number, name).save(tmp_path / "images" / label / f"{number}.jpg")
    answer = cli("train", "--epochs", "0", "--size", "64")
    assert answer.code == 0 and run_of(tmp_path)["recipe"] == "auto"
    answer = cli("train", "--epochs", "0")
    assert answer.code == 0 and run_of(tmp_path)["recipe"] == "auto"
    assert ("same person" if same else "do not show one person") in answer.err


@pytest.mark.parametrize(
    ("one", "other", "recipe"),
    [
        (("bea", "ann"), ("ann", "cas"), "auto"),
        (("ann", "bea"), ("cas", "ann"), "auto"),
        (("ann", "bea"), ("cas", "cas"), "people"),
    ],
)
def test_two_photos_of_a_label_that_do_not_agree_are_a_persons_unless_the_other_label_shows_that_person_too(
    cli: Cli, tmp_path: Path, one: tuple[str, ...], other: tuple[str, ...], recipe: str
) -> None:
    """One of each label's photos is learnt from; what the other shows counts for this, too."""
    for label, names in (("one", one), ("other", other)):
        (tmp_path / "images" / label).mkdir(parents=True)
        for number, name in enumerate(names):
            portraits.scene(number, name).save(tmp_path / "images" / label / f"{label}-{number}.jpg")
    answer = cli("train", "--epochs", "0")
    assert answer.code == 0 and run_of(tmp_path)["recipe"] == recipe, answer.err


def test_a_photo_is_called_what_its_surest_known_face_is(cli: Cli, people: Path, photos: dict[str, Path]) -> None:
    data = cli("predict", *photos.values(), "--json").data
    said = {Path(row["file"]).stem: row for row in data["predictions"]}
    assert {name: row["label"] for name, row in said.items()} == {
        "ann": "ann", "stranger": "neither", "group": "bea", "nobody": "neither"
    }  # fmt: skip
    assert said["nobody"]["reason"] == "no-face" and said["nobody"]["faces"] == []
    assert [face["label"] for face in said["group"]["faces"]] == ["neither", "bea"]  # the largest is a stranger
    left, top, right, bottom = said["group"]["faces"][1]["box"]
    assert left > 340 and 0 < top < bottom < 420 and right < 680
    assert said["group"]["similarity"] == said["group"]["faces"][1]["similarity"] > identity.SAME
    assert data["counts"] == {"neither": 2, "ann": 1, "bea": 1} and data["unreadable"] == {}


def test_a_photo_without_a_face_is_no_error(cli: Cli, people: Path, photos: dict[str, Path]) -> None:
    answer = cli("predict", photos["nobody"])
    assert answer.code == 0 and "no face was found" in answer.out


def test_every_door_carries_the_faces(cli: Cli, people: Path, photos: dict[str, Path]) -> None:
    names = [photos["group"], photos["nobody"]]
    rows = list(csv.DictReader(io.StringIO(cli("predict", *names, "--csv").out)))
    assert [face["label"] for face in json.loads(rows[0]["faces"])] == ["neither", "bea"]
    assert (rows[1]["label"], rows[1]["reason"], rows[1]["faces"]) == ("neither", "no face was found", "[]")
    lines = [json.loads(line) for line in cli("predict", *names, "--jsonl").out.splitlines()]
    assert [len(line["faces"]) for line in lines] == [2, 0]
    cli("predict", *photos.values(), "--sort-into", "sorted")
    placed = {path.stem: path.parent.name for path in (people / "sorted").glob("*/*.jpg")}
    assert placed == {"ann": "ann", "group": "bea", "stranger": "neither", "nobody": "neither"}


def test_the_server_answers_for_every_face(people: Path, photos: dict[str, Path]) -> None:
    with serving(people / "models" / "who") as server:
        said = server.ask(photos["group"].read_bytes()).json()
        nobody = server.ask(photos["nobody"].read_bytes())
        assert said["label"] == "bea" and [face["label"] for face in said["faces"]] == ["neither", "bea"]
        assert nobody.status_code == 200 and nobody.json()["reason"] == "no-face"
        schema = requests.get(f"{server.address}/openapi.json", timeout=10).text
        assert "faces" in schema


def test_the_exported_program_answers_the_same(people: Path, photos: dict[str, Path]) -> None:
    classifier = load_standalone().Classifier(people / "models" / "who")  # type: ignore[attr-defined]
    model = bundle.load(people / "models" / "who")
    for name, path in photos.items():
        (ours,), theirs = model.predict([(name, path)]), classifier.classify(path)
        assert theirs["label"] == (ours.label if ours.known else "neither"), name
        assert [face["known"] for face in theirs["faces"]] == [face.known for face in ours.faces or ()]
        for one, other in zip(theirs["faces"], ours.faces or (), strict=True):
            assert one["box"] == pytest.approx(other.box, abs=1e-3)
            assert one["probabilities"] == pytest.approx(dict(other.probabilities), abs=1e-5)


@browser.needs_browser
@pytest.mark.browser
def test_the_page_answers_the_same_and_draws_the_boxes(people: Path, photos: dict[str, Path], tmp_path: Path) -> None:
    model, folder = people / "models" / "who", tmp_path / "page"
    folder.mkdir()
    try:
        web.write(folder, model, load_bundle(model))
    except LookalikeError as error:
        pytest.skip(f"no onnxruntime for browsers: {error.message}")
    with browser.browser() as chromium, browser.hosted(tmp_path) as host:
        page = browser.opened(chromium, f"{host}/page/")
        for name, path in photos.items():
            (ours,) = bundle.load(model).predict([(name, path)])
            said = browser.ask(page, path)
            if ours.known:
                assert said["label"] == ours.label
                assert said["probabilities"] == pytest.approx(dict(ours.probabilities), abs=1e-3)
            else:
                assert said["label"] == ("No face" if name == "nobody" else f"Not sure; closest is {ours.label}")
            drawn = page.locator(".face > span").all_inner_texts()
            assert drawn == [face.label if face.known else "neither" for face in ours.faces or ()], name
            answer = browser.answer(page, path)
            assert answer["known"] == ours.known and len(answer["faces"]) == len(ours.faces or ())
            for one, other in zip(answer["faces"], ours.faces or (), strict=True):
                assert one["box"] == pytest.approx(other.box, abs=1)
                assert one["probabilities"] == pytest.approx(dict(other.probabilities), abs=1e-3)
                assert one["similarity"] == pytest.approx(other.similarity, abs=1e-3)
        assert not any("Security" in line for line in page.logged)
        assert all(address.startswith((host, "blob:")) for address in page.asked)
    described = json.loads((model / "model.json").read_text())
    assert described["parity"]["half"]["flips"] == 0 and described["parity"]["half"]["largest"] < 1e-3
    assert len(gzip.decompress((folder / "model.onnx.gz").read_bytes())) < 0.65 * (model / "model.onnx").stat().st_size


def test_the_page_keeps_whole_weights_where_half_of_them_would_move_an_answer(people: Path) -> None:
    model, about = people / "models" / "who", load_bundle(people / "models" / "who")
    whole = (model / "model.onnx").stat().st_size
    for half, expected in (({"flips": 0, "largest": 1e-4}, 0.65), ({"flips": 1, "largest": 1e-4}, 1), ({}, 1)):
        described = dataclasses.replace(about, parity={"half": half})
        assert len(web._weights(model, described)) == pytest.approx(expected * whole, rel=0.1)


def test_the_evaluation_tells_what_happens_to_strangers(once: Path) -> None:
    (path,) = once.glob("runs/*/evaluation.json")
    found = json.loads(path.read_text())
    assert found["min_similarity"] == [identity.SAME] * 2  # eight photos of each are too few to raise it
    told = found["findings"]["people"]
    assert told["outcome"]["right"] == told["outcome"]["photos"] == 4 and told["outcome"]["wrong"] == 0
    assert told["strangers"]["total"] >= 12 and told["strangers"]["right"] == 0
    assert [point["photos"] for point in told["curve"]] == [1, 2, 5]
    assert "Twins" in (path.parent / "report" / "index.html").read_text()


def test_each_label_has_its_own_limit_where_there_are_enough_photos(cli: Cli, tmp_path: Path) -> None:
    portraits.people_folder(tmp_path / "images", {"ann": 26, "bea": 8})
    assert cli("train").code == 0
    found = cli("evaluate", "--json").data
    raised, usual = found["min_similarity"]
    assert usual == identity.SAME and identity.SAME + 0.05 < raised < 0.9
    told = found["findings"]["people"]
    assert told["limits"] == {"ann": raised, "bea": usual} and told["outcome"]["right"] == told["outcome"]["photos"]
    model = next(iter(tmp_path.glob("runs/*/model/model.json")))
    assert json.loads(model.read_text())["min_similarity"] == [raised, usual]


def test_a_stranger_that_gets_a_name_is_counted(cli: Cli, people: Path, photos: dict[str, Path]) -> None:
    """Ann under a third label is a stranger to nobody: each of her faces would be taken for the first one's."""
    shutil.copytree(people / "images" / "ann", people / "images" / "third")
    for path in (people / "images" / "third").iterdir():
        path.write_bytes(b"")
    for number in range(10):
        portraits.scene(300 + number, "ann").save(people / "images" / "third" / f"{number:02}.jpg")
    assert cli("train", "--recipe", "people").code == 0
    answer = cli("evaluate", "--others", photos["ann"].parent, "--json")
    told = answer.data["findings"]["people"]["strangers"]
    assert told["total"] == 24 and told["right"] == 16 and told["highest"] > 0.8
    assert answer.data["findings"]["neither"]["others"] == {
        **answer.data["findings"]["neither"]["others"],
        "rejected": 2,
    }


def test_mistakes_show_the_photo_with_its_boxes(cli: Cli, people: Path) -> None:
    from lookalike.evaluate import boxes

    path = people / "images" / "bea" / "zz.jpg"
    portraits.scene(700, "cas", "bea").save(path)
    model = bundle.load(people / "models" / "who")
    picture = Image.open(io.BytesIO(boxes.drawn(path, model) or b""))
    (said,) = model.predict([("", path)])
    stranger, known = said.faces or ()
    for face, colour in ((known, (37, 99, 235)), (stranger, (119, 119, 119))):
        left, top, _, bottom = (place * picture.width / 680 for place in face.box)
        edge = [picture.getpixel((round(left), round(y))) for y in np.linspace(top + 5, bottom - 5, 15)]
        assert np.abs(np.median(edge, axis=0) - colour).max() < 50
    assert cli("evaluate").code == 0
    page = next(iter(people.glob("runs/*/report/index.html"))).read_text()
    assert page.count("<figure><img") == page.count("<figure>") > 0 and "boxes of all faces" not in page


def test_folds_and_photos_of_others_are_measured_without_torch(people: Path, photos: dict[str, Path]) -> None:
    (people / "others").mkdir()
    shutil.copy(photos["stranger"], people / "others")
    flags = ["evaluate", "--folds", "3", "--others", str(people / "others"), "--project", str(people)]
    assert "torch" not in loaded_by(f"from lookalike.cli import main; assert main({flags!r}) == 0")
    found = json.loads(next(iter(people.glob("runs/*/evaluation.json"))).read_text())["findings"]
    assert found["folds"]["right"] == found["folds"]["total"] == 20 and found["folds"]["wrong"] == 0
    assert found["neither"]["others"]["share"] == 1


def test_two_runs_on_people_can_be_compared(cli: Cli, people: Path) -> None:
    assert cli("train").code == 0
    runs = sorted(path.parent.name for path in people.glob("runs/*/run.json"))
    assert cli("compare", *runs, "--json").data["right"] == [4, 4]


def test_what_was_seen_is_not_looked_at_again(cli: Cli, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lookalike.people import eyes

    monkeypatch.setattr(eyes, "_cut", None)
    assert cli("train").code == 0


def test_other_forms_of_a_model_of_people_are_refused(cli: Cli, people: Path) -> None:
    answer = cli("export", "--name", "again", "--format", "onnx,learner")
    assert answer.code == 2 and "onnx only" in answer.err


def test_of_a_single_photo_every_leading_face_may_be_meant(cli: Cli, tmp_path: Path) -> None:
    """Ann beside Cas, as large as she: until a second photo tells, both are taken for her."""
    portraits.people_folder(tmp_path / "images" / "train", {"bea": 2})
    for part, seeds in (("train", [500]), ("valid", [501, 502])):
        (tmp_path / "images" / part / "ann").mkdir(parents=True)
        for seed in seeds:
            names = ("cas", "ann") if part == "train" else ("ann",)
            portraits.scene(seed, *names, alike=True).save(tmp_path / "images" / part / "ann" / f"{seed}.jpg")
    portraits.people_folder(tmp_path / "images" / "valid", {"bea": 1})
    answer = cli("train", "--recipe", "people")
    assert answer.code == 0 and "accuracy 1.000" in answer.out
    assert "2 faces are taken for 'ann'; another photo would tell" in answer.err
    shutil.copy(tmp_path / "images" / "valid" / "ann" / "501.jpg", tmp_path / "images" / "train" / "ann")
    assert "are taken for" not in cli("train", "--recipe", "people").err


def test_one_photo_of_each_person_is_enough_to_name_others(cli: Cli, tmp_path: Path, photos: dict[str, Path]) -> None:
    """Then nothing is left to measure on, which is told instead of a number."""
    portraits.people_folder(tmp_path / "images", {"ann": 1, "bea": 1})
    answer = cli("train")
    assert answer.code == 0 and "no photo of 'ann', 'bea' is left to measure on" in answer.err
    assert "no photo was held back to measure on" in answer.out and "accuracy" not in answer.out
    said = {
        Path(row["file"]).stem: row["label"] for row in cli("predict", *photos.values(), "--json").data["predictions"]
    }
    assert said == {"ann": "ann", "stranger": "neither", "group": "bea", "nobody": "neither"}
    answer = cli("evaluate")
    assert answer.code == NotReadyError.exit_code and "held back no photo" in answer.err
    assert cli("export", "--name", "few").code == 0
    card = (tmp_path / "models" / "few" / "README.md").read_text()
    assert "was not measured" in card and "personal data" in card and "still a face" not in card


def test_a_person_with_one_photo_among_others_is_learnt_and_told_to_be_unmeasured(cli: Cli, tmp_path: Path) -> None:
    portraits.people_folder(tmp_path / "images", {"ann": 1, "bea": 5})
    answer = cli("train")
    assert answer.code == 0 and "no photo of 'ann' is left" in answer.err and "on 1 photo held back" in answer.out


def test_faces_seen_before_a_kill_are_not_looked_at_again(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lookalike.people import eyes

    portraits.people_folder(tmp_path / "images", {"ann": 20, "bea": 20})
    kept: list[str] = []
    cut, keep = eyes._cut, eyes._Memory.keep
    with monkeypatch.context() as patch:

        def killed(self: object, sha256: str, seen: object) -> None:
            keep(self, sha256, seen)  # type: ignore[arg-type]
            kept.append(sha256)
            if len(kept) == 20:
                raise SystemExit(9)

        patch.setattr(eyes._Memory, "keep", killed)
        patch.setattr(eyes._Memory, "__exit__", lambda *_: None)  # nothing is tidied up
        with pytest.raises(SystemExit):
            main(["train", "--project", str(tmp_path), "--quiet"])
    again: list[Path] = []
    monkeypatch.setattr(eyes, "_cut", lambda path: again.append(path) or cut(path))
    answer = cli("train", "--resume")
    assert answer.code == 0 and len(again) == 20
    assert "accuracy" in next(iter(tmp_path.glob("runs/*/train.log"))).read_text()


def crude_network(path: Path) -> Path:
    """A network of ArcFace's shape that does not scale its pixels itself: their means over squares of 16 x 16."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("AveragePool", ["data"], ["pooled"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Flatten", ["pooled"], ["fc1"]),
    ]
    ends = [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])]
    rows = [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, 147])]
    graph = helper.make_graph(nodes, "crude", ends, rows)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_another_network_for_faces_is_taken_from_a_file(cli: Cli, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    path = crude_network(tmp_path / "other.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), np.uint8)
    means = (pixels.reshape(2, 7, 16, 7, 16, 3).mean(axis=(2, 4)) - 127.5) / 127.5
    expected = means.transpose(0, 3, 1, 2).reshape(2, -1)
    seen = Eyes(path.read_bytes(), "other").features(list(pixels))
    assert seen == pytest.approx(expected / np.linalg.norm(expected, axis=1, keepdims=True), abs=1e-5)
    portraits.people_folder(tmp_path / "images", {"ann": 3, "bea": 3})
    assert cli("train", "--recipe", "people", "--weights", path).code == 0
    (kept,) = tmp_path.glob("runs/*/weights.safetensors")
    assert load_file(kept)["means"].shape[-1] == 147


@pytest.mark.parametrize(("content", "told"), [(None, "no file or folder"), (b"x" * 99, "is no network for faces")])
def test_what_is_no_network_for_faces_is_refused(cli: Cli, people: Path, content: bytes | None, told: str) -> None:
    if content:
        (people / "other.onnx").write_bytes(content)
    answer = cli("train", "--recipe", "people", "--weights", "other.onnx")
    assert answer.code == 2 and told in answer.err and "112 x 112" in answer.err


def test_a_model_of_people_is_not_written_for_hubs_whose_loaders_find_no_faces(cli: Cli, people: Path) -> None:
    answer = cli("export", "--name", "again", "--to", "hub")
    assert answer.code == 2 and "cut out by their landmarks" in answer.err and "--to web" in answer.err
    assert not (people / "models" / "again").exists() and not (people / "apps").exists()
