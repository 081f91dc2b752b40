"""export, through the front door: what is written, what is proven, what is refused."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike import plugins
from lookalike.bundle import bundle
from lookalike.bundle.locate import heal
from lookalike.errors import NotReadyError
from lookalike.export import program, proof
from lookalike.export.opened import OpenedRun
from lookalike.export.staging import staged
from lookalike.files import write_json
from lookalike.photos import images
from lookalike.plugins import FORMATS
from lookalike.project.paths import load_run
from lookalike.project.records import InputSpec
from tests.conftest import Cli
from tests.support import draw, models, runs


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a finished run, made once."""
    root = tmp_path_factory.mktemp("made")
    runs.untrained(root)
    return root


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    """A copy of it in the current folder; its photos stay where they were."""
    shutil.copytree(made / "runs", tmp_path / "runs")
    return tmp_path


def test_a_bundle_holds_model_description_card_and_a_program(cli: Cli, here: Path) -> None:
    answer = cli("export", "--name", "pets", "--json")
    assert answer.code == 0
    folder, model = here / answer.data["folder"], answer.data["model"]
    assert folder == here / "models" / "pets"
    assert set(model["files"]) == {"README.md", "mend.py", "model.onnx", "pixels.py", "predict.py"}
    assert model["labels"] == ["circles", "stripes"] and model["input"]["size"] == 64
    assert model["parity"]["photos"] == 11 and model["parity"]["largest"] <= 1e-3 and model["parity"]["flips"] == 0
    assert (
        "circles" in (folder / "README.md").read_text()
        and model["files"]["model.onnx"][:16] in (folder / "README.md").read_text()
    )
    assert cli("predict", "--model", "pets", runs_photo(here)).code == 0


def test_accuracy_temperature_and_threshold_come_from_the_evaluation(cli: Cli, here: Path) -> None:
    rate = {"value": 0.9, "low": 0.8, "high": 0.95, "right": 9, "total": 10}
    evaluation = {
        "run": "r1", "part": "valid", "accuracy": rate, "labels": ["circles", "stripes"], "per_label": {},
        "confusion": [[5, 0], [1, 4]], "temperature": 1.7, "threshold": 0.6,
    }  # fmt: skip
    write_json(here / "runs" / "r1" / "evaluation.json", evaluation)
    model = cli("export", "--json").data["model"]
    assert (model["temperature"], model["threshold"], model["metrics"]["accuracy"]["low"]) == (1.7, 0.6, 0.8)
    card = next((here / "models").glob("*/README.md")).read_text()
    assert "90.0%" in card and "80.0% to 95.0%" in card and "neither" in card


def test_a_model_that_answers_differently_is_refused_and_the_old_one_stays(
    cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("export", "--name", "m")
    before = (here / "models" / "m" / "model.json").read_bytes()
    ask = proof.ask_onnx
    monkeypatch.setattr(proof, "ask_onnx", lambda *given: [answers + 0.002 for answers in ask(*given)])
    answer = cli("export", "--name", "m")
    assert answer.code == 5 and "0.002" in answer.err and "0.001" in answer.err
    assert (here / "models" / "m" / "model.json").read_bytes() == before
    assert [path.name for path in (here / "models").iterdir() if not path.name.endswith(".lock")] == ["m"]


def test_every_format_is_written_and_answers_alike(cli: Cli, here: Path) -> None:
    answer = cli("export", "--name", "m", "--format", ",".join(FORMATS), "--json")
    folder = here / answer.data["folder"]
    assert set(answer.data["model"]["files"]) >= {"learner.pkl", "weights.safetensors", "model.torchscript"}
    import torch

    pixels = np.stack([images.read(draw.jpeg("circles", seed), InputSpec(64)) for seed in range(3)])
    expected = bundle.load(folder).probabilities(pixels)
    scripted = torch.jit.load(str(folder / "model.torchscript"))(torch.from_numpy(pixels)).detach().numpy()
    assert np.abs(scripted - expected).max() < 1e-4
    with zipfile.ZipFile(folder / "learner.pkl") as archive:
        pickled = b"".join(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))
    assert b"lookalike" not in pickled  # opens where only fastai and timm are installed


def test_the_learner_opens_in_fastai_and_names_a_file_as_the_bundle_does(cli: Cli, here: Path) -> None:
    folder = here / cli("export", "--format", "learner", "--json").data["folder"]
    from fastai.learner import load_learner

    photo = runs_photo(here)
    learner = load_learner(folder / "learner.pkl")
    with learner.no_bar():
        label, _, probabilities = learner.predict(photo)
    ours = next(iter(bundle.load(folder).predict([("photo", photo)])))
    assert label == ours.label and list(learner.dls.vocab) == list(runs.LABELS)
    assert float(probabilities.max()) == pytest.approx(ours.probabilities[0][1], abs=1e-5)


def test_small_halves_the_weights_and_says_what_that_costs(cli: Cli, here: Path) -> None:
    full = cli("export", "--name", "full", "--json").data
    less = cli("export", "--name", "less", "--small", "--json").data
    assert less["bytes"]["model.onnx"] < 0.6 * full["bytes"]["model.onnx"]
    assert less["model"]["parity"]["small"]["flips"] == 0 and less["model"]["parity"]["small"]["largest"] > 0
    assert "halving the weights" in cli("export", "--name", "less", "--small").out


def test_an_unknown_format_or_name_is_a_usage_error(cli: Cli, here: Path) -> None:
    answer = cli("export", "--format", "onx")
    assert answer.code == 2 and "onnx" in answer.err
    assert {cli("export", "--name", name).code for name in ("../up", "", ".")} == {2}


@pytest.mark.parametrize("change", ["labels", "input"])
def test_a_run_whose_record_was_changed_is_refused(cli: Cli, here: Path, change: str) -> None:
    (path,) = here.glob("runs/*/run.json")
    models.bundle(path.parent / "model", input=load_run(path.parent).input)
    assert cli("export").code == 0
    record = json.loads(path.read_text())
    record |= {"labels": record["labels"][::-1]} if change == "labels" else {"input": {**record["input"], "size": 72}}
    path.write_text(json.dumps(record))
    for command in ("export", "evaluate") if change == "labels" else ("export",):
        answer = cli(command)
        assert answer.code == 3 and f"run.json, in which its {change} differ" in answer.err


def test_without_a_run_the_hint_is_to_train(cli: Cli) -> None:
    answer = cli("export")
    assert answer.code == 3 and "lookalike train" in answer.err


@pytest.mark.parametrize("name", FORMATS)
def test_each_entry_of_the_table_can_be_found_and_says_what_it_writes(name: str) -> None:
    form = plugins.find("format", name)
    assert form.__doc__ and form.files and all(form.files.values())


@pytest.mark.parametrize("name", FORMATS)
def test_a_form_whose_files_answer_otherwise_is_refused(
    cli: Cli, here: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = plugins.find("format", name)
    write = form.write
    monkeypatch.setattr(form, "write", lambda self, folder, run: write(self, folder, silenced(run)))
    answer = cli("export", "--name", "m", "--format", name)
    assert answer.code == 5 and next(iter(form.files)) in answer.err
    assert not (here / "models" / "m").exists()


def silenced(opened: OpenedRun) -> OpenedRun:
    """The same run with all weights zero, in its folder and in memory."""
    from lookalike.vision.model import save

    network = copy.deepcopy(opened.network)
    for parameter in network.parameters():
        parameter.detach().zero_()
    folder = Path(tempfile.mkdtemp(dir=opened.folder.parent))
    save(network, folder / "weights.safetensors")
    return dataclasses.replace(opened, folder=folder, network=network)


@pytest.mark.parametrize("name", FORMATS)
def test_a_form_whose_files_are_damaged_or_missing_is_refused(
    cli: Cli, here: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = plugins.find("format", name)
    monkeypatch.setattr(form, "write", lambda self, folder, _: [(folder / name).write_text("x") for name in self.files])
    assert cli("export", "--format", name).code == 5
    monkeypatch.setattr(form, "write", lambda *_: None)
    answer = cli("export", "--format", name)
    assert answer.code == 5 and "did not write" in answer.err


def test_labels_of_any_kind_make_the_round_trip(tmp_path: Path) -> None:
    labels = tuple(f'{i} "quoted" ü 漢字 🐻 <b>' for i in range(1000))
    folder = models.bundle(tmp_path / "m", labels=labels)
    model = bundle.load(folder)
    assert model.description.labels == labels
    (answer,) = model.predict([("x", draw.jpeg("circles", 1))])
    assert {label for label, _ in answer.probabilities} == set(labels)


def test_every_single_flipped_bit_is_refused(tmp_path: Path) -> None:
    folder = models.bundle(tmp_path / "m", metrics={"accuracy": 1e-05}, threshold=0.5)
    random.seed(1)
    refused = 0
    for number in range(1000):
        path = folder / ("model.onnx", "model.json")[number % 2]
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[random.randrange(len(whole))] ^= 1 << random.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(NotReadyError):
            bundle.check(folder)
        refused += 1
        path.write_bytes(whole)
    assert refused == 1000 and bundle.check(folder)


def test_the_program_in_the_bundle_answers_as_predict_does(cli: Cli, here: Path) -> None:
    folder = here / cli("export", "--json").data["folder"]
    photo = runs_photo(here)
    done = subprocess.run([sys.executable, folder / "predict.py", photo], capture_output=True, text=True, check=True)
    ours = cli("predict", photo, "--json").data["predictions"][0]
    assert done.stdout == f"{photo}: {ours['label']} {ours['probability']:.1%}\n"


def test_the_program_in_the_bundle_sees_the_same_pixels() -> None:
    alone = load_standalone()
    logo = proof._encoded(draw.white_logo(), "PNG")
    shades = np.linspace(0, 1, 100 * 80).reshape(80, 100)
    masked = draw.photo("circles", 4)
    masked.putalpha(0)
    named = [
        ("logo", logo),
        ("upright", draw.jpeg("circles", 1)),
        ("twelve bits", proof._encoded(Image.fromarray((shades * 4095).astype(np.uint16)), "PNG")),
        ("twelve bits a colour", draw.deep_png((shades[..., None] * [4000, 2000, 1000]).astype(np.uint16))),
        ("heat", proof._encoded(Image.fromarray((29_300 + shades * 900).astype(np.uint16)), "PNG")),
        ("depth", proof._encoded(Image.fromarray((shades * 0.001).astype(np.float32)), "TIFF")),
        ("opaque nowhere", proof._encoded(masked, "PNG")),
        ("a white logo with a dot", proof._encoded(draw.dotted(draw.white_logo((300, 200))), "PNG")),
        ("without its end", draw.jpeg("circles", 1)[:-2]),
        ("a megabyte of text", draw.png_with(b"zTXtprompt\0\0" + zlib.compress(bytes(2_000_000)))),
        ("a wrong checksum", draw.png_with(b"tEXtTitle\0bees", 1)),
        *proof.odd_copies(draw.photo("stripes", 2, (150, 201))),
    ]
    for size, resize in ((64, "crop"), (50, "squish"), (61, "pad")):
        spec = InputSpec(size, resize)
        for name, data in named:
            got = alone.fit(alone.upright(data), spec.to_json())  # type: ignore[attr-defined]
            assert np.array_equal(got, images.read(data, spec)), (name, resize)


def test_the_proof_includes_the_kinds_of_file_that_are_read_wrongly_most_often() -> None:
    photo = draw.photo("circles", 3)
    kinds = dict(proof.odd_copies(photo))
    assert set(kinds) == {"turned JPEG", "CMYK JPEG", "grey JPEG", "palette PNG", "transparent PNG"}
    upright = images.open_rgb(kinds["turned JPEG"])
    assert upright.size == photo.size and np.abs(np.asarray(upright, int) - np.asarray(photo, int)).mean() < 10


def test_an_export_that_fails_midway_leaves_the_old_folder(tmp_path: Path) -> None:
    with staged(tmp_path / "m") as part:
        (part / "old").write_text("old")
    with pytest.raises(NotReadyError, match="No space"), staged(tmp_path / "m") as part:
        (part / "new").write_text("half")
        raise OSError(28, "No space left on device")
    assert [path.name for path in tmp_path.glob("[!.]*/[!.]*")] == ["old"]
    assert not list(tmp_path.glob(".*.part"))


def test_kill_9_at_any_moment_leaves_the_old_or_the_new_folder(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from lookalike.export.staging import staged\n"
        "folder, turn = Path(sys.argv[1]), 0\n"
        "while True:\n"
        "    turn += 1\n"
        "    with staged(folder) as part:\n"
        "        for name in ('a', 'b'): (part / name).write_text(str(turn) * 50_000)\n"
        "    print(turn, flush=True)\n"
    )
    folder = tmp_path / "models" / "m"
    for delay in range(12):
        with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE) as process:
            assert process.stdout and process.stdout.readline()
            time.sleep(delay / 400)
            process.send_signal(signal.SIGKILL)
        heal(folder)
        assert (folder / "a").read_text() == (folder / "b").read_text() != ""


def runs_photo(here: Path) -> Path:
    """A photo of the run's data set."""
    run = json.loads((here / "runs" / "r1" / "run.json").read_text())
    return Path(run["images"]) / "circles" / "001.jpg"


def load_standalone() -> object:
    """The program that goes into every bundle, as a module."""
    import importlib.util

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        program.write(Path(folder))
        patch.syspath_prepend(folder)
        spec = importlib.util.spec_from_file_location("standalone", Path(folder) / "predict.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def test_padding_is_computed_at_export_and_not_at_every_answer() -> None:
    import torch

    from lookalike.bundle import onnxfile
    from lookalike.vision import model, onnx

    torch.manual_seed(1)
    network, spec = model.build("tf_mobilenetv3_small_minimal_100", 2, head="classifier")[0].eval(), InputSpec(65)
    exported = onnx.to_onnx(network, spec)
    assert "Shape" not in onnxfile.inspect(exported)
    pixels = np.stack([images.read(draw.jpeg("circles", seed), spec) for seed in range(3)])
    assert proof.compare(model.predict(network, spec, pixels), proof.ask_onnx(exported, list(pixels))[0]).largest < 1e-5


def test_what_others_put_into_an_export_outlives_the_next_one(tmp_path: Path) -> None:
    for turn in ("1", "2"):
        with staged(tmp_path / "m") as part:
            models.bundle(part)
            (part / "turn").write_text(turn)
        (tmp_path / "m" / ".git").mkdir(exist_ok=True)
        (tmp_path / "m" / "notes.txt").write_text("mine")
    names = {path.name for path in (tmp_path / "m").iterdir()}
    assert names == {".lookalike", ".git", "notes.txt", "turn", "model.onnx", "model.json"}
    assert (tmp_path / "m" / "turn").read_text() == "2" and not list(tmp_path.glob(".*.old"))


def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "thesis.txt").write_text("years of work")
    with pytest.raises(NotReadyError, match="holds other files"), staged(tmp_path / "docs"):
        pass
    assert (tmp_path / "docs" / "thesis.txt").read_text() == "years of work"


def test_a_file_or_a_link_in_the_place_of_an_export_stays_as_it_is(cli: Cli, here: Path) -> None:
    site = here / "site"
    assert cli("export", "--name", "m", "--to", "web", "--out", site).code == 0
    (site / ".git").mkdir()
    page = (site / "index.html").read_bytes()
    (here / "w.html").write_text("years of work")
    (here / "link").symlink_to(site)
    for place, why in (("w.html", "is a file"), ("link", "is a link")):
        refused = cli("export", "--name", "m", "--to", "web", "--out", here / place)
        assert refused.code == 3 and why in refused.err
    assert (here / "w.html").read_text() == "years of work" and (here / "link").is_symlink()
    assert (site / ".git").is_dir() and (site / "index.html").read_bytes() == page
    shutil.rmtree(here / "models")
    (here / "models").mkdir()
    (here / "models" / "m").write_text("a note")
    refused = cli("export", "--name", "m")
    assert refused.code == 3 and "is a file" in refused.err
    assert {path.name for path in (here / "models").iterdir()} <= {"m", ".m.lock"}


def test_the_next_command_takes_any_name(cli: Cli, here: Path) -> None:
    written = cli("export", "--name", "it's $(touch harm) &").out
    command = written.split("next: ")[1].strip().replace("PHOTO", str(runs_photo(here)))
    subprocess.run(["sh", "-c", command.replace("lookalike", f"{sys.executable} -m lookalike", 1)], check=True)
    assert not (here / "harm").exists()
