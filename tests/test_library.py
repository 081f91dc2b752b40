"""From Python: a model answers photos of every kind, and each command is a function."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike import Model, images, library
from lookalike.errors import ConfigError, NotReadyError
from tests.conftest import Cli
from tests.support import draw, models


@pytest.fixture
def model(tmp_path: Path) -> Model:
    models.bundle(tmp_path / "models" / "m")
    return Model.load(project=tmp_path)


def circle() -> Image.Image:
    return draw.photo("circles", 1, (120, 100))


def as_path(image: Image.Image, folder: Path) -> Path:
    image.save(folder / "one.png")
    return folder / "one.png"


@pytest.mark.parametrize(
    "given",
    [
        as_path,
        lambda image, folder: str(as_path(image, folder)),
        lambda image, folder: as_path(image, folder).read_bytes(),
        lambda image, folder: image,
        lambda image, folder: np.asarray(image),
    ],
    ids=["path", "text", "bytes", "image", "array"],
)
def test_a_photo_in_any_form_gets_the_same_answer(model: Model, tmp_path: Path, given):
    answer = model(given(circle(), tmp_path))
    assert (answer.label, answer.closest, answer.known) == ("circles", "circles", True)
    assert answer.probability == pytest.approx(model(circle()).probability, abs=1e-6)
    assert list(answer.probabilities) == ["circles", "stripes"]


def test_what_it_says_is_what_predict_says(model: Model, cli: Cli, tmp_path: Path):
    path = as_path(circle(), tmp_path)
    [told] = cli("predict", path, "--json").data["predictions"]
    assert model(path).to_dict() == told


def test_photos_are_opened_for_a_program_as_for_the_commands(tmp_path: Path):
    grey = np.asarray(circle().convert("L"), np.uint16)
    Image.fromarray(grey * 4).save(tmp_path / "scan.png")  # 10 bits in a file of 16
    seen = np.asarray(images.open_rgb(tmp_path / "scan.png"))
    assert seen.shape == (100, 120, 3) and np.abs(seen - grey[..., None].astype(int)).max() <= 1
    assert np.array_equal(seen, images.open_rgb((tmp_path / "scan.png").read_bytes()))


def test_several_photos_come_as_a_table(model: Model, tmp_path: Path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    answers = model([circle(), draw.photo("stripes", 2, (90, 90)), tmp_path / "broken.jpg"])
    assert [answer.label for answer in answers] == ["circles", "stripes", ""]
    table = answers.to_pandas()
    assert list(table["label"]) == ["circles", "stripes", ""]
    assert table["p(stripes)"][1] > 0.5
    assert table["reason"][2] == answers[2].reason != ""


def test_one_that_is_not_sure_says_so_without_a_number(tmp_path: Path):
    models.bundle(tmp_path / "m", models.with_similarity(), min_similarity=1.0)
    answer = Model.load(tmp_path / "m", project=tmp_path)(circle())
    assert (answer.label, answer.closest, answer.probability) == ("neither", "circles", None)
    assert answer.reason == "unlike" and not answer.known and "%" not in str(answer)


def test_a_notebook_shows_the_photo_and_no_markup_of_strangers(tmp_path: Path):
    models.bundle(tmp_path / "m", labels=("<b>circles</b>", "stripes"))
    shown = Model.load(tmp_path / "m", project=tmp_path)([circle()])._repr_html_()
    assert "data:image/jpeg;base64," in shown
    assert "&lt;b&gt;circles" in shown and "<b>" not in shown


def test_a_model_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(NotReadyError, match="no model"):
        Model.load(project=tmp_path)


def test_importing_it_loads_nothing_heavy():
    code = "import sys; from lookalike import Model; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "fastai", "onnxruntime", "typer", "rich"} & set(loaded)


def test_a_command_is_a_function_that_returns_what_is_printed(cli: Cli, trained: Path):
    result, printed = library.evaluate(project=trained, heat=False).data(), cli("evaluate", "--no-heat", "--json").data
    assert result.keys() == printed.keys() and result["accuracy"] == printed["accuracy"]
    library.export(project=trained, name="mine")
    assert Model.load("mine", project=trained).labels == ("circles", "stripes")


def test_a_set_is_gathered_and_cleaned(tmp_path: Path):
    draw.folder(tmp_path / "from", {"circles": 12, "stripes": 12})
    gathered = library.gather(project=tmp_path, provider="folder", source=str(tmp_path / "from"))
    assert [row["saved"] for row in gathered.data()["labels"]] == [12, 12]
    assert library.clean(project=tmp_path, dry_run=True, faces=False).data()["before"] == {"circles": 12, "stripes": 12}


def test_a_setting_that_is_none_is_named_with_the_nearest(tmp_path: Path):
    with pytest.raises(ConfigError) as fault:
        library.train(project=tmp_path, epoch=3)
    assert "epoch" in fault.value.message and "'epochs'" in fault.value.hint


def test_the_notebook_of_the_docs_runs_from_its_first_cell_to_its_last(tmp_path: Path) -> None:
    path = Path(__file__).parent.parent / "docs" / "library.ipynb"
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] for cell in cells)
    program = "\n".join("".join(cell["source"]) for cell in cells)
    ended = "\nassert answer.label in ('neither', '3', '8') and len(answers) == 5 and accuracy.value > 0.8"
    command = [sys.executable, "-c", program + ended]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
