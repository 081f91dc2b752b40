"""A little package as somebody else would write one, really installed: a plug-in of each kind, and a broken one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "little-plug-ins"
version = "1"
[tool.setuptools]
py-modules = ["little", "little_recipe", "little_broken"]
[project.entry-points."lookalike.providers"]
squares = "little:Squares"
broken = "little_broken:Nothing"
[project.entry-points."lookalike.formats"]
npz = "little:Npz"
liar = "little:Liar"
[project.entry-points."lookalike.targets"]
poster = "little:Poster"
[project.entry-points."lookalike.findings"]
tiniest = "little:Tiniest"
[project.entry-points."lookalike.checks"]
too-blue = "little:too_blue"
[project.entry-points."lookalike.recipes"]
telling = "little_recipe:telling"
"""
MODULE = '''\
import io
from functools import partial

import numpy as np
from PIL import Image
from pydantic import Field

from lookalike.evaluate.finding import EvaluationFinding
from lookalike.clean.result import Finding
from lookalike.export.formats.base import Told
from lookalike.gather.providers.base import Hit, Stop
from lookalike.gather.providers.local import LocalProvider
from lookalike.report import Table
from lookalike.settings.fields import Section


class SquaresSettings(Section):
    """Squares, drawn."""

    table = "squares"
    side: int = Field(64, ge=32, description="pixels")


def drawn(address):
    name, number, side = address.removeprefix("squares:").split("/")
    random = np.random.default_rng(int(number) + 1000 * len(name))
    buffer = io.BytesIO()
    Image.fromarray(random.integers(0, 255, (int(side), int(side), 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


class Squares(LocalProvider):
    name = "squares"
    summary = "squares of noise"
    section = SquaresSettings
    whole = False

    def search(self, query):
        for number in range(40):
            address = f"squares:{query.label}/{number}/{self.settings.of(SquaresSettings).side}"
            yield Hit(address, content=partial(drawn, address))
        raise Stop("exhausted")

    @classmethod
    def reread(cls, record, places):
        return partial(drawn, record.image_url)


class Npz:
    files = {"weights.npz": "the weights for numpy"}

    def write(self, folder, opened):
        np.savez(folder / "weights.npz", **{k: v.numpy() for k, v in opened.network.state_dict().items()})

    def ask(self, folder, opened, samples):
        import copy

        import torch
        from lookalike.vision import model

        network = copy.deepcopy(opened.network)
        kept = np.load(folder / "weights.npz")
        network.load_state_dict({name: torch.from_numpy(kept[name]) for name in kept})
        return Told(model.predict(network, opened.run.input, [sample.pixels for sample in samples]))


class Liar(Npz):
    files = {"lies.npz": "other weights"}

    def write(self, folder, opened):
        (folder / "lies.npz").write_bytes(b"lies")

    def ask(self, folder, opened, samples):
        return Told(np.full((len(samples), len(opened.run.labels)), 1 / len(opened.run.labels) + 0.1, np.float32))


class Tiniest(EvaluationFinding):
    title = "The smallest photo"

    def find(self, run):
        sizes = {e.file: (run.answers.root / e.file).stat().st_size for e in run.examples}
        name = min(sizes, key=sizes.get)
        return {"file": name, "bytes": sizes[name]}

    def warnings(self, found, evaluation):
        return [f"one of {evaluation.accuracy.total} has {found['bytes']} bytes"]

    def sentences(self, found):
        return [f"the smallest photo is {found['file']}"]

    def tables(self, found):
        return [Table("bytes", ("file", "bytes"), ((found["file"], str(found["bytes"])),))]

    def facts(self, found):
        return [("fewest bytes", str(found["bytes"]))]

    def picture(self, found, evaluation):
        buffer = io.BytesIO()
        Image.new("RGB", (7, 7)).save(buffer, "PNG")
        return buffer.getvalue()
class TooBlueSettings(Section):
    """Blue photos."""

    table = "too-blue"
    share: float = Field(0.5, description="of the light")


def too_blue(photos):
    bar = photos.settings.of(TooBlueSettings).share
    for photo in photos.good:
        red, green, blue = Image.open(photos.project.images / photo.file).convert("RGB").resize((1, 1)).getpixel((0, 0))
        if blue > bar * (red + green + blue):
            yield Finding(photo.file, photo.label, "too-blue", f"blue {blue}")


too_blue.section = TooBlueSettings


class PosterSettings(Section):
    """A poster."""

    table = "poster"
    headline: str = Field("Look!", description="what stands on a poster", json_schema_extra={"flag": "headline"})


class Poster:
    section = PosterSettings

    def write(self, part, model, bundle, settings):
        headline = settings.of(PosterSettings).headline
        (part / "README.md").write_text(f"{headline} {' and '.join(bundle.labels)}\\n")
'''
RECIPE = """\
from lookalike import plugins


def telling(material):
    material.report.note("the little recipe is at work")
    return plugins.find("recipe", "probe")(material)
"""


def install(folder: Path) -> dict[str, str]:
    """Install the package into a folder of its own with pip, without the network; returns the environment to use it."""
    source, target = folder / "source", folder / "installed"
    source.mkdir(parents=True)
    (source / "pyproject.toml").write_text(PROJECT)
    (source / "little.py").write_text(MODULE)
    (source / "little_recipe.py").write_text(RECIPE)
    (source / "little_broken.py").write_text('raise ImportError("no module named gone")\n')
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, "--target", str(target), str(source)], check=True, capture_output=True)
    return {**os.environ, "PYTHONPATH": f"{target}{os.pathsep}{ROOT}"}
