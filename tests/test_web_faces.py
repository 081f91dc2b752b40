"""A model that looks at faces takes what finds them along, and finds the same faces everywhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.bundle import bundle
from lookalike.errors import LookalikeError, NotReadyError
from lookalike.export import program, web
from lookalike.photos import align, faces, images
from lookalike.project.paths import load_bundle
from lookalike.project.records import InputSpec
from tests.support import browser, models, portraits
from tests.test_export import load_standalone

pytestmark = portraits.needs_networks
SPEC = InputSpec(64, crop="face")
PHOTOS = portraits.one_portrait()
PAGE = Path(web.__file__).parents[1] / "web" / "page"
SEEN = """async (buffer) => {
  const [{ faceFinder, aligned }, { decode }, { asset, module }] =
    await Promise.all(['./faces.js', './pixels.js', './assets.js'].map((name) => import(name)));
  const ort = await module('ort.js');
  window.seen ??= faceFinder(ort, await ort.InferenceSession.create(await asset('face.onnx.gz')));
  const bitmap = await decode(new Blob([new Uint8Array(buffer)]));
  const found = await window.seen(bitmap);
  return found.map((face) => ({ ...face, pixels: [...aligned(bitmap, face.landmarks)] }));
}"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose network sees faces, with what finds them in it."""
    folder = models.bundle(tmp_path_factory.mktemp("models") / "m", input=SPEC)
    portraits.find_faces()
    (folder / "face.onnx").write_bytes(faces.model())
    bundle.write_description(folder, load_bundle(folder), ["model.onnx", "face.onnx", *program.write(folder)])
    return folder


@pytest.fixture(autouse=True)
def network_of_ours() -> Iterator[None]:
    portraits.find_faces()
    yield
    faces.use(None)


def alone(model: Path) -> tuple[ModuleType, Any]:
    """The program that is exported, and its classifier over the bundle."""
    alone = load_standalone()
    return alone, alone.Classifier(model)


def table(found: list[faces.Face]) -> np.ndarray:
    """Box, score and landmarks as rows."""
    rows = [[f.left, f.top, f.right, f.bottom, 100 * f.score, *np.ravel(f.landmarks)] for f in found]
    return np.array(rows).reshape(-1, 15)


def test_the_face_is_found_and_nothing_else_is_seen() -> None:
    for name, data in PHOTOS:
        photo = images.open_rgb(data)
        seen = faces.crop(photo)
        assert (seen.size == photo.size) is (name == "nobody.jpg"), name


def test_landmarks_lie_where_they_are() -> None:
    photo = images.open_rgb(dict(PHOTOS)["whole.jpg"])
    (face,) = faces.find(photo)
    points = [(221, 190), (306, 186), (267, 240), (228, 280), (309, 278)]  # read off the photo by eye
    assert np.abs(np.subtract(face.landmarks, points)).max() < 15


def test_an_aligned_face_has_its_landmarks_where_the_template_has_them() -> None:
    for name, data in PHOTOS:
        photo = images.open_rgb(data)
        for face in faces.find(photo)[:1]:
            a, b, x, y = align.similarity(face.landmarks)
            moved = [(a * u - b * v + x, b * u + a * v + y) for u, v in face.landmarks]
            assert np.abs(np.subtract(moved, align.TEMPLATE)).max() < 8, name
            assert align.aligned(photo, face.landmarks).shape == (112, 112, 3)


def test_alignment_undoes_turning_and_scaling() -> None:
    photo = images.open_rgb(dict(PHOTOS)["whole.jpg"])
    (face,) = faces.find(photo)
    upright = align.aligned(photo, face.landmarks).astype(float)
    turned = photo.transpose(Image.Transpose.ROTATE_90), [(y, photo.width - 1 - x) for x, y in face.landmarks]
    large = photo.resize((2048, 2400)), [(4 * x + 1.5, 4 * y + 1.5) for x, y in face.landmarks]
    for other, points in (turned, large):
        assert np.abs(align.aligned(other, points) - upright).mean() < 3


def test_a_photo_with_a_point_for_a_face_breaks_nothing() -> None:
    photo = images.open_rgb(dict(PHOTOS)["small.jpg"])
    for points in ([(5.0, 5.0)] * 5, [(1e7 * k, 1e7) for k in range(5)], [(-500.0 - k, 9.0 * k) for k in range(5)]):
        assert align.aligned(photo, points).shape == (112, 112, 3)


def test_the_bundle_needs_nothing_else_for_its_faces(model: Path) -> None:
    expected = [images.read(data, SPEC) for _, data in PHOTOS]
    faces.use(None)
    reader = bundle.load(model).reader
    for (name, data), pixels in zip(PHOTOS, expected, strict=True):
        assert np.array_equal(reader.read(data), pixels), name


def test_a_bundle_with_an_older_finder_says_what_to_do(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "old")
    (folder / "face.onnx").write_bytes(models.warm_or_cold().SerializeToString())
    bundle.write_description(folder, load_bundle(folder), ["model.onnx", "face.onnx"])
    with pytest.raises(NotReadyError) as caught:
        bundle.load(folder)
    assert "face.onnx" in caught.value.message and "lookalike train" in caught.value.hint


def test_the_program_in_the_bundle_sees_the_same_faces(model: Path) -> None:
    program, classifier = alone(model)
    for name, data in PHOTOS:
        photo, ours = program.upright(data), faces.find(images.open_rgb(data))
        found = program.faces_in(photo, classifier.face)
        theirs = [faces.Face(*row["box"], row["score"], tuple(row["landmarks"])) for row in found]
        assert np.abs(table(ours) - table(sorted(theirs, key=lambda face: -face.area))).max(initial=0) < 1e-3, name
        for face in ours:
            expected = align.aligned(images.open_rgb(data), face.landmarks)
            assert np.array_equal(program.aligned(photo, face.landmarks), expected), name
        found = program.face_of(photo, classifier.face)
        assert np.array_equal(program.fit(found, SPEC.to_json()), images.read(data, SPEC)), name


@browser.needs_browser
@pytest.mark.browser
def test_the_page_sees_the_same_faces(model: Path, tmp_path: Path) -> None:
    expected = {answer.file: answer for answer in bundle.load(model).predict(PHOTOS)}
    for kind in ("page", "single"):
        written(tmp_path / kind, model, single=kind == "single")
    with browser.browser() as chromium, browser.hosted(tmp_path) as host:
        for address in (f"{host}/page/", (tmp_path / "single" / "m.html").as_uri()):
            page = browser.opened(chromium, address)
            for name, data in PHOTOS:
                mime = "image/png" if name.endswith("png") else "image/jpeg"
                got = browser.ask(page, {"name": name, "mimeType": mime, "buffer": data})["probabilities"]
                assert got == pytest.approx(dict(expected[name].probabilities), abs=1e-4), name


@browser.needs_browser
@pytest.mark.browser
def test_the_page_finds_and_aligns_each_face_as_python_does(model: Path, tmp_path: Path) -> None:
    written(tmp_path / "page", model)
    with browser.browser() as chromium, browser.hosted(tmp_path) as host:
        page = browser.opened(chromium, f"{host}/page/")
        for name, data in PHOTOS:
            photo, rows = images.open_rgb(data), page.evaluate(SEEN, list(data))
            ours = faces.find(photo)
            theirs = [faces.Face(**{key: row[key] for key in row if key != "pixels"}) for row in rows]
            assert np.abs(table(ours) - table(theirs)).max(initial=0) < 0.01, name
            for face, row in zip(ours, rows, strict=True):
                pixels = np.array(row["pixels"]).reshape(112, 112, 3)
                assert np.abs(align.aligned(photo, face.landmarks) - pixels).max() <= 1, name


def written(folder: Path, model: Path, **flags: Any) -> None:
    folder.mkdir()
    try:
        web.write(folder, model, load_bundle(model), **flags)
    except LookalikeError as error:
        pytest.skip(f"no onnxruntime for browsers: {error.message}")
