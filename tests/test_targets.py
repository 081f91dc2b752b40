"""What `export --to` writes: each target complete, with its instructions, and answering like the model."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from lookalike import plugins
from lookalike.bundle import bundle
from lookalike.errors import LookalikeError
from lookalike.export import program
from lookalike.export.target import DataTarget, RunTarget
from lookalike.plugins import TARGETS
from lookalike.settings import loading
from tests.conftest import Cli
from tests.support import browser, draw, models, runs

PHOTO = draw.jpeg("circles", 4)
APPS = [name for name in TARGETS if not isinstance(plugins.find("target", name)(), RunTarget | DataTarget)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "toy"
    folder.mkdir()
    program.write(folder)
    return models.bundle(folder)


def write(name: str, part: Path, model: Path, **flags: Any) -> Path:
    """One target of the table in an empty folder."""
    part.mkdir()
    target = plugins.find("target", name)()
    try:
        target.write(part, model, bundle.check(model), loading.load(part, {}, {name: flags} if flags else {}))
    except LookalikeError as error:
        if name not in ("web", "space") or flags.get("gradio"):
            raise
        pytest.skip(f"no onnxruntime for browsers: {error.message}")
    return part


@pytest.mark.parametrize("name", APPS)
def test_each_target_says_in_three_commands_how_to_publish_it(name: str, tmp_path: Path, model: Path) -> None:
    readme = (write(name, tmp_path / "out", model) / "README.md").read_text()
    commands = re.findall(r"```\n(.*?)```", readme, re.DOTALL)
    assert commands and len(commands[0].strip().splitlines()) == 3
    assert "toy" in readme and "{" not in readme.replace("${", "")


@pytest.mark.parametrize("name", APPS)
def test_no_target_needs_torch_or_this_package(name: str, tmp_path: Path, model: Path) -> None:
    folder = write(name, tmp_path / "out", model)
    for path in folder.rglob("*"):
        if path.suffix in (".py", ".ipynb", ".txt") and path.name != "THIRD-PARTY.txt":
            text = path.read_text()
            assert not re.search(r"import (torch|fastai|lookalike)|^(torch|fastai|lookalike)", text, re.MULTILINE), path


def test_targets_are_written_beside_the_model(cli: Cli, tmp_path: Path) -> None:
    runs.untrained(tmp_path)
    answer = cli("export", "--name", "m", "--to", "voila,docker", "--json")
    assert answer.code == 0 and set(answer.data["targets"]) == {"voila", "docker"}
    assert (tmp_path / "apps" / "m-voila" / "app.ipynb").is_file()
    assert cli("export", "--to", "voila,docker", "--out", "here").code == 2
    answer = cli("export", "--to", "viola")
    assert answer.code == 2 and "voila" in answer.err


def test_the_notebook_is_one_that_binder_can_build(tmp_path: Path, model: Path) -> None:
    folder = write("voila", tmp_path / "out", model)
    book = json.loads((folder / "app.ipynb").read_text())
    assert book["nbformat"] == 4 and [cell["cell_type"] for cell in book["cells"]] == ["markdown", "code"]
    compile("".join(book["cells"][1]["source"]), "app", "exec")
    assert (folder / "runtime.txt").read_text() == "python-3.12\n"
    assert {"voila", "ipywidgets", "onnxruntime", "numpy", "pillow"} <= set(
        re.findall(r"^\w+", (folder / "requirements.txt").read_text(), re.MULTILINE)
    )
    settings = json.loads((folder / ".jupyter" / "jupyter_server_config.json").read_text())
    assert settings["ServerApp"]["tornado_settings"]["websocket_max_message_size"] == 104857600
    assert "mybinder.org/v2/gh/YOU/toy/HEAD?urlpath=%2Fvoila%2Frender%2Fapp.ipynb" in (folder / "README.md").read_text()


@pytest.mark.parametrize(("gradio", "sdk", "app"), [(False, "static", "index.html"), (True, "gradio", "app.py")])
def test_a_space_names_its_kind_and_its_first_file(
    tmp_path: Path, model: Path, gradio: bool, sdk: str, app: str
) -> None:
    folder = write("space", tmp_path / "out", model, gradio=gradio)
    head = (folder / "README.md").read_text().split("---")[1]
    assert f"sdk: {sdk}\n" in head and f"app_file: {app}\n" in head and (folder / app).is_file()
    assert ("python_version" in head) is gradio
    assert "*.onnx filter=lfs" in (folder / ".gitattributes").read_text()


def test_the_container_answers_as_the_model(tmp_path: Path, model: Path) -> None:
    folder = write("docker", tmp_path / "out", model)
    assert "USER nobody" in (folder / "Dockerfile").read_text()
    with uvicorn(folder) as address:
        answer = requests.post(f"{address}/api/predict", data=PHOTO, timeout=20).json()
        expected = dict(next(iter(bundle.load(model).predict([("x", PHOTO)]))).probabilities)
        assert answer["label"] == "circles" and answer["probabilities"] == pytest.approx(expected, abs=1e-6)
        assert requests.post(f"{address}/api/predict", data=b"<html>", timeout=20).status_code == 422
        assert requests.post(f"{address}/api/predict", data=b"x" * 20_000_001, timeout=20).status_code == 413
        page = requests.get(f"{address}/", timeout=20).text
        assert "choose some" in page
        for name in re.findall(r"from '\./([a-z]+\.js)'", requests.get(f"{address}/app.js", timeout=20).text):
            assert requests.get(f"{address}/{name}", timeout=20).status_code == 200, name
        assert requests.get(f"{address}/predict.py", timeout=20).status_code == 404


@contextmanager
def uvicorn(folder: Path) -> Iterator[str]:
    """The container's command, without the container."""
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        try:
            yield found[0] if found else ""
        finally:
            process.terminate()


@browser.needs_browser
@pytest.mark.browser
@pytest.mark.network
@pytest.mark.slow
def test_the_voila_app_runs_from_its_own_requirements(tmp_path: Path, model: Path) -> None:
    folder = write("voila", tmp_path / "out", model)
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    subprocess.run([programs / "pip", "install", "-q", "-r", folder / "requirements.txt"], check=True)
    command = [programs / "voila", "app.ipynb", "--no-browser", "--port", "8899"]
    with subprocess.Popen(command, cwd=folder) as process, browser.browser() as chromium:
        try:
            page = chromium.new_page()
            until_it_listens("http://127.0.0.1:8899/")
            page.goto("http://127.0.0.1:8899/")
            page.click('button:has-text("Classify")', timeout=60_000)
            page.wait_for_selector("text=Choose a photo first.")
            with page.expect_file_chooser() as chooser:
                page.click('button.jupyter-button:has-text("Choose a photo")')
            chooser.value.set_files({"name": "x.jpg", "mimeType": "image/jpeg", "buffer": PHOTO})
            page.wait_for_timeout(1000)
            page.click('button:has-text("Classify")')
            assert page.inner_text("h2", timeout=20_000).startswith("circles ")
        finally:
            process.terminate()


def until_it_listens(address: str) -> None:
    for _ in range(100):
        try:
            requests.get(address, timeout=30)
            return
        except requests.ConnectionError:
            time.sleep(0.2)
