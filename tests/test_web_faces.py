"""A model that looks at faces takes its detector along, and finds the same face everywhere."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from lookalike.bundle import bundle
from lookalike.errors import LookalikeError, MissingExtraError
from lookalike.export import STANDALONE, formats, runtime, web
from lookalike.photos import faces, images
from lookalike.project.paths import load_bundle
from lookalike.project.records import InputSpec
from lookalike.settings.fields import ExportSettings
from tests.support import browser, models
from tests.test_export import load_standalone

pytestmark = pytest.mark.skipif(not faces.available(), reason="the extra `faces` is not installed")
SPEC = InputSpec(64, crop="face")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose network sees faces, with the detector in it."""
    folder = models.bundle(tmp_path_factory.mktemp("models") / "m", input=SPEC)
    shutil.copyfile(STANDALONE, folder / "predict.py")
    names = ["model.onnx", "predict.py", *formats.face(folder)]
    bundle.write_description(folder, load_bundle(folder), names)
    return folder


@pytest.fixture(autouse=True)
def package_again() -> Iterator[None]:
    yield
    faces.use(None)


def portraits() -> list[tuple[str, bytes]]:
    """One portrait that comes with matplotlib, as different photos; and one picture without a face."""
    from matplotlib import cbook

    with cbook.get_sample_data("grace_hopper.jpg") as file:
        whole = Image.open(file).convert("RGB")
    wide = Image.new("RGB", (1600, 900), "grey")
    wide.paste(whole.resize((400, 469)), (900, 200))
    named = {
        "whole": whole, "mirrored": ImageOps.mirror(whole), "small": whole.resize((120, 140)), "wide": wide,
        "nobody": Image.linear_gradient("L").convert("RGB"),
    }  # fmt: skip
    return [(f"{name}.jpg", _jpeg(image)) for name, image in named.items()]


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def test_the_face_is_found_and_nothing_else_is_seen() -> None:
    for name, data in portraits():
        photo = images.open_rgb(data)
        seen = faces.crop(photo)
        assert (seen.size == photo.size) is (name == "nobody.jpg"), name


def test_the_bundle_needs_no_other_package_for_its_faces(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [images.read(data, SPEC) for _, data in portraits()]

    def gone() -> Path:
        raise MissingExtraError("not installed")

    monkeypatch.setattr(faces, "model_file", gone)
    reader = bundle.load(model).reader
    for (name, data), pixels in zip(portraits(), expected, strict=True):
        assert np.array_equal(reader.read(data), pixels), name


def test_the_program_in_the_bundle_sees_the_same_face(model: Path) -> None:
    alone = load_standalone()
    classifier = alone.Classifier(model)  # type: ignore[attr-defined]
    for name, data in portraits():
        found = alone.face_of(alone.upright(data), classifier.face)  # type: ignore[attr-defined]
        assert np.array_equal(alone.fit(found, SPEC.to_json()), images.read(data, SPEC)), name  # type: ignore[attr-defined]


@browser.needs_browser
@pytest.mark.browser
def test_the_page_sees_the_same_face(model: Path, tmp_path: Path) -> None:
    try:
        runtime.files()
    except LookalikeError as error:
        pytest.skip(f"no onnxruntime for browsers: {error.message}")
    (tmp_path / "page").mkdir()
    (tmp_path / "single").mkdir()
    web.write(tmp_path / "page", model, load_bundle(model), ExportSettings())
    web.write(tmp_path / "single", model, load_bundle(model), ExportSettings(single_file=True))
    expected = {answer.file: answer for answer in bundle.load(model).predict(portraits())}
    with browser.browser() as chromium, browser.hosted(tmp_path) as host:
        for address in (f"{host}/page/", (tmp_path / "single" / "m.html").as_uri()):
            page = browser.opened(chromium, address)
            for name, data in portraits():
                got = browser.ask(page, {"name": name, "mimeType": "image/jpeg", "buffer": data})["probabilities"]
                assert got == pytest.approx(dict(expected[name].probabilities), abs=1e-4), name
