"""Installed from a wheel into an empty environment, without extras: no torch, and what works without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

import pytest

from lookalike.net import weights
from tests.support import draw, models, portraits

REPOSITORY = Path(__file__).parent.parent
MOST_BYTES = 250_000_000


def run(*arguments: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if found := weights.find("sface"):
        environment["LOOKALIKE_NETWORK_WEIGHTS"] = str(found.parent)
    done = subprocess.run(
        [str(argument) for argument in arguments],
        check=False, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment that has the wheel and what it requires, nothing else."""
    root = tmp_path_factory.mktemp("light")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", root, REPOSITORY], check=False, capture_output=True, text=True
    )
    if built.returncode and "No matching distribution" in built.stderr:
        pytest.skip("the package registry is not reached")
    assert not built.returncode, built.stderr
    venv.create(root / "env", with_pip=False)
    python = root / "env" / "bin" / "python"
    run(*pip, "--python", python, "install", *root.glob("*.whl"), cwd=root)
    return root / "env" / "bin" / "lookalike"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drawn photos in two labels, and a model that tells them apart."""
    root = tmp_path_factory.mktemp("project")
    draw.folder(root / "source", {"circles": 12, "stripes": 12})
    models.bundle(root / "models" / "m")
    return root


@pytest.mark.slow
def test_it_is_small_and_has_no_torch(light: Path):
    files = [path for path in light.parent.parent.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    packages = {path.name for path in light.parent.parent.glob("lib/*/site-packages/*")}
    assert "onnxruntime" in packages
    assert not packages & {"torch", "torchvision", "fastai", "timm", "sklearn", "scipy", "matplotlib"}


@pytest.mark.slow
def test_photos_are_gathered_and_named(light: Path, project: Path):
    run(light, "gather", "--provider", "folder", "--source", "source", cwd=project)
    answer = json.loads(run(light, "predict", "images", "--json", cwd=project).stdout)
    assert sum(answer["data"]["counts"].values()) == 24


@pytest.mark.slow
def test_the_page_answers(light: Path, project: Path):
    with subprocess.Popen([light, "serve", "--port", "0"], cwd=project, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr
            address = next(word for line in server.stderr for word in line.split() if word.startswith("http://"))
            with urllib.request.urlopen(address.rstrip("/.") + "/api/model", timeout=30) as reply:
                assert json.load(reply)["labels"] == ["circles", "stripes"]
        finally:
            server.terminate()


@pytest.mark.slow
@portraits.needs_networks
def test_people_are_told_apart(light: Path, tmp_path: Path):
    portraits.people_folder(tmp_path / "images", {"ann": 11, "bea": 11})  # enough for everything that is looked for
    run(light, "clean", "--yes", cwd=tmp_path)
    run(light, "train", cwd=tmp_path)
    said = run(light, "evaluate", cwd=tmp_path).stderr
    assert 'shortcuts are not looked for: the package scikit-learn is not installed; run: pip install "look' in said
    run(light, "export", "--name", "who", cwd=tmp_path)
    run(light, "export", "--name", "who", "--to", "web", cwd=tmp_path)
    portraits.scene(900, "ann").save(tmp_path / "new.jpg", quality=92)
    answer = json.loads(run(light, "predict", "new.jpg", "--json", cwd=tmp_path).stdout)
    assert answer["data"]["counts"] == {"ann": 1}


@pytest.mark.slow
def test_what_needs_torch_says_how_to_get_it(light: Path, project: Path):
    draw.folder(project / "images", {"circles": 12, "stripes": 12})
    assert 'pip install "lookalike[train]"' in run(light, "train", cwd=project, code=6).stderr
