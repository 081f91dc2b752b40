"""`export --to hub`: what its loaders get from the folder is what lookalike answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import timm
import torch
import yaml
from PIL import Image

from lookalike.cli import main
from lookalike.files import read_rows, write_json, write_rows
from lookalike.photos import images
from lookalike.project.records import InputSpec
from tests.conftest import Cli
from tests.support import draw, runs

SPEC = InputSpec(64, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
RATE = {"value": 0.9, "low": 0.8123, "high": 0.95, "right": 9, "total": 10, "balanced": 0.88, "scarcest": "stripes",
        "fewest": 4}  # fmt: skip
EVALUATION = {
    "run": "r1", "part": "valid", "accuracy": RATE, "labels": list(runs.LABELS), "per_label": {},
    "confusion": [[5, 0], [1, 4]], "temperature": 3.0, "threshold": 0.9,
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose run was measured and exported, once."""
    root = tmp_path_factory.mktemp("made")
    write_json(runs.untrained(root, certain=True) / "evaluation.json", EVALUATION)
    assert main(["export", "--project", str(root), "--name", "pets", "--to", "hub", "--quiet"]) == 0
    return root


@pytest.fixture
def hub(project: Path) -> Path:
    """The folder for hubs."""
    return project / "apps" / "pets-hub"


def softmax(logits: np.ndarray) -> np.ndarray:
    powered = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powered / powered.sum(axis=1, keepdims=True)


def ours(cli: Cli, project: Path, photos: list[Path]) -> np.ndarray:
    rows = cli("predict", *photos, "--model", project / "models" / "pets", "--json").data["predictions"]
    return np.array([[row["probabilities"][label] for label in runs.LABELS] for row in rows])


def normalised(photos: list[Path]) -> np.ndarray:
    pixels = np.stack([images.read(photo, SPEC) for photo in photos]).astype(np.float32)
    return ((pixels / 255 - 0.5) / 0.5).transpose(0, 3, 1, 2)


def drawn(folder: Path, count: int = 12) -> list[Path]:
    folder.mkdir()
    photos = [folder / f"{number}.jpg" for number in range(count)]
    for number, photo in enumerate(photos):
        photo.write_bytes(draw.jpeg(runs.LABELS[number % 2], 500 + number))
    return photos


def test_the_softmax_of_the_logits_is_our_answer(cli: Cli, project: Path, hub: Path, tmp_path: Path) -> None:
    photos = drawn(tmp_path / "new")
    session = onnxruntime.InferenceSession(hub / "onnx" / "model.onnx")
    (port,) = session.get_inputs()
    assert (port.name, port.type, port.shape[1:]) == ("pixel_values", "tensor(float)", [3, 64, 64])
    (logits,) = session.run(["logits"], {"pixel_values": normalised(photos)})
    assert np.abs(softmax(logits) - ours(cli, project, photos)).max() < 1e-3
    assert logits.argmax(axis=1).any() and not logits.argmax(axis=1).all()


def test_timm_opens_the_folder_and_answers_the_same(cli: Cli, project: Path, hub: Path, tmp_path: Path) -> None:
    photos = drawn(tmp_path / "new")
    network = timm.create_model(f"local-dir:{hub}", pretrained=True).eval()
    config = timm.data.resolve_model_data_config(network)
    assert network.pretrained_cfg["label_names"] == list(runs.LABELS)
    assert (config["input_size"], config["crop_pct"], config["interpolation"]) == ([3, 64, 64], 1.0, "bilinear")
    with torch.no_grad():
        same = network(torch.from_numpy(normalised(photos))).softmax(dim=1).numpy()
        transform = timm.data.create_transform(**config)
        theirs = network(torch.stack([transform(Image.open(photo)) for photo in photos])).softmax(dim=1).numpy()
    expected = ours(cli, project, photos)
    assert np.abs(same - expected).max() < 1e-3
    assert np.abs(theirs - expected).max() < 0.5  # its own way to make pixels


def test_each_loader_finds_the_description_that_it_asks_for(hub: Path) -> None:
    config: dict[str, Any] = json.loads((hub / "config.json").read_text())
    assert config["model_type"] == "efficientnet" and config["id2label"] == {"0": "circles", "1": "stripes"}
    assert config["architecture"] == "mobilenetv3_small_050" and config["num_classes"] == 2
    (other,) = config["configuration_files"]  # transformers for Python goes on to this one
    instead = json.loads((hub / other).read_text())
    assert "model_type" not in instead and instead["label_names"] == list(runs.LABELS) and instead["pretrained_cfg"]
    pixels = json.loads((hub / "preprocessor_config.json").read_text())
    assert pixels["image_mean"] == [0.5, 0.5, 0.5] and pixels["size"] == {"shortest_edge": 64}
    assert pixels["crop_size"] == {"height": 64, "width": 64} and pixels["rescale_factor"] == pytest.approx(1 / 255)


def test_the_card_has_what_hubs_read_and_what_is_different(hub: Path) -> None:
    _, head, words = (hub / "README.md").read_text().split("---\n", 2)
    table = yaml.safe_load(head)
    assert table["pipeline_tag"] == "image-classification" and table["library_name"] == "timm" and table["license"]
    ((result,),) = [entry["results"] for entry in table["model-index"]]
    accuracy, balanced = result["metrics"]
    assert (accuracy["type"], accuracy["value"], balanced["value"]) == ("accuracy", 0.9, 0.88)
    assert "81.2% to 95.0%" in accuracy["name"] and accuracy["args"] == {
        "confidence": 0.95,
        "low": 0.8123,
        "high": 0.95,
    }
    assert "onnx/model.onnx and model.safetensors: 11 photo files, largest difference" in words
    assert "0 labels differ" in words and "read as other programs read photos: " in words
    assert 'of 6 photos get "neither" from lookalike' in words


def test_a_network_that_timm_cannot_build_is_written_as_onnx_only_and_odd_names_stay(cli: Cli, tmp_path: Path) -> None:
    labels = ('a "b": c\u2028', "---\n# [x](y)")
    folder = runs.untrained(tmp_path, arch="squeezenet1_1")
    rename(folder, labels)
    write_json(folder / "evaluation.json", {**EVALUATION, "labels": list(labels), "threshold": None})
    answer = cli("export", "--name", "pets", "--to", "hub")
    hub = tmp_path / "apps" / "pets-hub"
    assert answer.code == 0 and "no model.safetensors: timm has no network with these layers" in answer.out
    assert {path.name for path in hub.iterdir()} >= {"onnx", "config.json", "preprocessor_config.json", "README.md"}
    assert not [*hub.glob("*.safetensors"), *hub.glob("config.[0-9]*")]
    config = json.loads((hub / "config.json").read_text())
    assert "architecture" not in config and "configuration_files" not in config
    assert list(config["id2label"].values()) == list(labels)
    table = yaml.safe_load((hub / "README.md").read_text().split("---\n", 2)[1])
    assert ", ".join(labels) in table["model-index"][0]["results"][0]["dataset"]["name"]


def rename(run: Path, labels: tuple[str, str]) -> None:
    """Give the labels of a run other names."""
    record = json.loads((run / "run.json").read_text())
    write_json(run / "run.json", {**record, "labels": list(labels)})
    rows = read_rows(run / "split.csv")
    for row in rows:
        row["label"] = labels[runs.LABELS.index(row["label"])]
    write_rows(run / "split.csv", list(rows[0]), (row.values() for row in rows))
