"""An answer that is none of the labels: every door says "not sure", the closest label and why, and gives no number."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike import metrics
from lookalike.bundle import bundle
from lookalike.bundle.answer import document
from lookalike.export import program
from lookalike.web import server as web_server
from tests.conftest import Cli
from tests.support import browser, models, servers

PAGE = Path(web_server.__file__).parent / "page"
UNLIKE = "not sure; closest is circles: this is unlike the photos it learnt from"
UNLIKELY = "not sure; closest is circles: no label is likely enough"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A project with a model that takes dark photos for something else, one that wants to be sure, and photos."""
    for name, limits in (
        ("m", {"min_similarity": 0.1}),
        ("each", {"min_similarity": (0.5, 0.1)}),
        ("sure", {"threshold": 0.9}),
    ):
        folder = models.bundle(tmp_path / "models" / name, models.with_similarity(), **limits)
        program.write(folder)
    Image.new("RGB", (64, 64), (40, 0, 0)).save(tmp_path / "dark.png")
    Image.new("RGB", (64, 64), "grey").save(tmp_path / "grey.png")
    Image.new("RGB", (64, 64), (255, 0, 0)).save(tmp_path / "red.png")
    Image.new("RGB", (64, 64), (0, 0, 255)).save(tmp_path / "blue.png")
    return tmp_path


def test_programs_read_the_closest_label_and_the_reason_and_no_probability(cli: Cli, here: Path) -> None:
    (row,) = cli("predict", "dark.png", "--model", "m", "--json").data["predictions"]
    told = {key: row[key] for key in ("label", "probability", "known", "closest", "reason")}
    assert told == {"label": "neither", "probability": None, "known": False, "closest": "circles", "reason": "unlike"}
    assert json.loads(cli("predict", "dark.png", "--model", "m", "--jsonl").out) == row
    (line,) = csv.DictReader(io.StringIO(cli("predict", "dark.png", "--model", "m", "--csv").out))
    assert (line["label"], line["probability"], line["reason"]) == ("neither", "", UNLIKE)


@pytest.mark.parametrize("flags", [(), ("--top", 1), ("--top", 5)])
def test_the_table_says_why_and_gives_no_number(cli: Cli, here: Path, flags: tuple[object, ...]) -> None:
    out = cli("predict", "dark.png", "--model", "m", *flags).out
    assert UNLIKE in out and "%" not in out
    out = cli("predict", "dark.png", "grey.png", "red.png", "--model", "sure", *flags).out
    assert UNLIKELY in out and out.count("%") <= 4 and "neither 1" in out


def test_watch_says_it_too(here: Path) -> None:
    (here / "drop").mkdir()
    command = [sys.executable, "-m", "lookalike", "predict", "--watch", "drop", "--model", "m"]
    with subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, text=True) as process:
        Image.new("RGB", (64, 64), (40, 0, 0)).save(here / "drop" / "dark.png")
        assert process.stdout
        line = process.stdout.readline()
        process.terminate()
    assert line == f"drop/dark.png: {UNLIKE}\n"


def test_the_program_beside_the_model_says_it_too(here: Path) -> None:
    for name, photo, said in (("m", "dark.png", UNLIKE), ("sure", "grey.png", UNLIKELY)):
        command = [sys.executable, f"models/{name}/predict.py", photo]
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
        assert done.stdout == f"{photo}: {said}\n"


def test_every_program_gives_the_same_document(cli: Cli, here: Path, app: Callable[[str], Any]) -> None:
    for name, photo in (
        ("m", "dark.png"),
        ("sure", "grey.png"),
        ("m", "red.png"),
        ("each", "red.png"),
        ("each", "blue.png"),
    ):
        (row,) = cli("predict", photo, "--model", name, "--json").data["predictions"]
        classifier = app("predict").Classifier(here / "models" / name)
        assert {"file": photo, **rounded(classifier.classify(here / photo))} == rounded(row)


def test_each_label_has_its_own_limit(cli: Cli, here: Path) -> None:
    rows = cli("predict", "red.png", "blue.png", "--model", "each", "--json").data["predictions"]
    assert [(row["label"], row.get("closest")) for row in rows] == [("neither", "circles"), ("stripes", None)]


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """A document with its numbers to four digits."""
    return json.loads(json.dumps(row), parse_float=lambda text: round(float(text), 4))


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """One of the programs that go into exports, as a module; what it builds its page with is recorded."""
    (tmp_path / "program").mkdir()
    program.write(tmp_path / "program")
    monkeypatch.syspath_prepend(str(tmp_path / "program"))

    def load(name: str) -> Any:
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile((program.STANDALONE / f"{name}.py").read_text(), name, "exec"), module.__dict__)
        return module

    return load


@pytest.fixture
def in_model(here: Path, app: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """`from predict import Classifier` opens the model `m`, as it does beside it."""
    predict = app("predict")
    monkeypatch.setattr(predict, "__file__", str(here / "models" / "m" / "predict.py"), raising=False)
    monkeypatch.setitem(predict.__dict__, "__file__", str(here / "models" / "m" / "predict.py"))


def test_the_gradio_app_shows_words_and_no_bar(
    here: Path, in_model: None, app: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    anything = SimpleNamespace(**dict.fromkeys(("Interface", "Image", "Label"), lambda *_, **__: None))
    monkeypatch.setitem(sys.modules, "gradio", anything)
    page = app("gradio_app")
    assert page.classify(str(here / "dark.png")) == UNLIKE
    assert page.classify(str(here / "red.png"))["circles"] > 0.9


class Widget:
    """Stands for any widget: it keeps what it is given."""

    def __init__(self, *children: object, **traits: Any) -> None:
        self.layout = SimpleNamespace()
        self.children = children[0] if children else ()
        self.__dict__.update(traits)

    def observe(self, *_: object, **__: object) -> None: ...

    def on_click(self, function: Callable[[object], None]) -> None:
        self.click = function


@pytest.fixture
def notebook(here: Path, in_model: None, app: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The notebook's app in a folder with two samples, of widgets that do nothing by themselves."""
    (here / "samples").mkdir(exist_ok=True)
    for number, name in ((10, "dark.png"), (9, "red.png")):
        (here / "samples" / f"Example {number}.jpg").write_bytes((here / name).read_bytes())
    monkeypatch.chdir(here)
    names = ("FileUpload", "Button", "Image", "Layout", "HTML", "VBox", "HBox", "FloatProgress")
    monkeypatch.setitem(sys.modules, "ipywidgets", SimpleNamespace(**dict.fromkeys(names, Widget)))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=lambda _: None))
    return app("voila_app")


def test_a_click_on_a_sample_of_the_voila_app_names_it(notebook: Any) -> None:
    (_, red), (_, dark) = (sample.children for sample in notebook.samples.children)
    assert (red.description, dark.description) == ("Example 9", "Example 10")
    red.click(red)
    assert notebook.label.value.startswith("<h2>circles ")
    dark.click(dark)
    assert notebook.label.value == f"<h2>{UNLIKE}</h2>" and notebook.thumbnail.layout.visibility == "visible"


def test_the_voila_app_shows_words_and_no_bar(here: Path, notebook: Any) -> None:
    page = notebook
    page.upload.value = [{"content": (here / "dark.png").read_bytes()}]
    page.classify()
    assert page.label.value == f"<h2>{UNLIKE}</h2>" and not page.bars.children
    page.upload.value = [{"content": (here / "red.png").read_bytes()}]
    page.classify()
    assert re.fullmatch(r"<h2>circles \d+\.\d%</h2>", page.label.value) and len(page.bars.children) == 2


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser.browser() as started:
        yield started


@browser.needs_browser
@pytest.mark.browser
def test_the_page_shows_words_and_no_bar(here: Path, chromium: Any) -> None:
    with servers.serving(here / "models" / "m") as server:
        page = browser.opened(chromium, server.address)
        answer = browser.ask(page, here / "dark.png")
    assert answer["label"] == "Not sure; closest is circles"
    assert answer["remark"] == "This is unlike the photos it learnt from." and not answer["probabilities"]


@browser.needs_browser
@pytest.mark.browser
def test_labels_that_are_numbers_come_best_first_on_the_page(tmp_path: Path, chromium: Any) -> None:
    measured = metrics.accuracy(np.ones(27), np.repeat(np.arange(11), [7, *[2] * 10]), [str(n) for n in range(11)])
    told = {"metrics": {"accuracy": measured.to_json()}}
    models.bundle(tmp_path / "m", labels=tuple(str(number) for number in range(11)), **told)
    Image.new("RGB", (64, 64), (0, 0, 255)).save(tmp_path / "blue.png")
    with servers.serving(tmp_path / "m") as server:
        page = browser.opened(chromium, server.address)
        answer = browser.ask(page, tmp_path / "blue.png")
        assert page.inner_text("#about") == "Right for 27 of 27 photos it had not seen before, only 2 of them of 1."
    assert answer["label"] == next(iter(answer["probabilities"])) == "10"


@browser.needs_browser
@pytest.mark.browser
@pytest.mark.parametrize(
    "limits",
    [{}, {"threshold": 0.9}, {"min_similarity": 0.5}, {"temperature": 3.0}, {"min_similarity": (0.9, 0, 0, 0.2)}],
)
def test_the_exported_page_gives_the_same_document(tmp_path: Path, chromium: Any, limits: dict[str, Any]) -> None:
    labels = ("9", "0", "a: b", "__proto__")
    model = bundle.load(models.bundle(tmp_path / "m", models.with_similarity(labels=4), labels=labels, **limits))
    photos = [(40, 0, 0), (128, 128, 128), (0, 0, 255), (255, 40, 0)]
    with browser.hosted(PAGE) as host:
        page = chromium.new_page()
        page.goto(f"{host}/pixels.js")
        for colour in photos:
            pixels = np.full((1, 64, 64, 3), colour, np.uint8)
            raw = model.session.run(None, {"image": pixels})
            asked = [model.description.to_json(), raw[0][0].tolist(), raw[1].tolist()[0]]
            got = page.evaluate("async (a) => JSON.stringify((await import('/local.js')).answer(...a))", asked)
            (expected,) = model.predictions(["x"], pixels)
            assert {"file": "x", **rounded(json.loads(got))} == rounded(document(expected))
