"""One model, many doors: trainer, bundle, predict, serve, page and single file answer alike, in a real browser."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.bundle import bundle
from lookalike.cli import main
from lookalike.errors import LookalikeError, MissingExtraError
from lookalike.export import proof, runtime, web
from lookalike.photos import images
from lookalike.project.records import Bundle, InputSpec
from lookalike.web import server as web_server
from tests.conftest import Cli
from tests.support import browser, draw, runs, servers

PAGE = Path(web_server.__file__).parent / "page"
SAMPLES = ("circles/000.jpg", "stripes/000.jpg")  # below images/
Golden = list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model was exported, as a page and as one file, in a network that says something."""
    try:
        runtime.files()
    except LookalikeError as error:
        pytest.skip(f"no onnxruntime for browsers: {error.message}")
    root = tmp_path_factory.mktemp("made")
    runs.untrained(root, certain=True)
    shown = [word for name in SAMPLES for word in ("--sample", name)]
    assert main(["export", "--project", str(root), "--name", "m", "--to", "web", *shown, "--quiet"]) == 0
    single = ["--to", "web", "--single-file", "--out", str(root / "single")]
    assert main(["export", "--project", str(root), "--name", "m", *single, *shown, "--quiet"]) == 0
    return root


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser.browser() as started:
        yield started


@pytest.fixture(scope="module")
def golden(made: Path) -> Golden:
    """Photos of many sizes and kinds of file, with their names."""
    sizes = ((160, 120), (64, 64), (30, 200), (1600, 1200), (63, 64), (8, 8), (640, 480), (120, 700))
    named = [(f"{kind}-{w}x{h}.jpg", draw.jpeg(kind, w + h, (w, h))) for w, h in sizes for kind in runs.LABELS]
    odd = proof.odd_copies(draw.photo("circles", 5, (151, 201)))
    return named + [(f"{name.replace(' ', '-')}.{name[-3:].lower()}", data) for name, data in odd]


@pytest.fixture(scope="module")
def trained(made: Path, golden: Golden) -> np.ndarray:
    """What the trained network itself says about them."""
    from lookalike.vision import model

    run, network = model.load_run(made / "runs" / "r1")
    return model.predict(network, run.input, np.stack([images.read(data, run.input) for _, data in golden]))


def test_the_bundle_answers_as_the_trained_network(made: Path, golden: Golden, trained: np.ndarray) -> None:
    assert trained.max(axis=1).min() > 0.5 and len(set(trained.argmax(axis=1))) == 2  # it says something
    assert_same(trained, [dict(a.probabilities) for a in bundle.load(made / "models" / "m").predict(golden)])


def test_predict_answers_as_the_trained_network(
    cli: Cli, tmp_path: Path, made: Path, golden: Golden, trained: np.ndarray
) -> None:
    for name, data in golden:
        (tmp_path / name).write_bytes(data)
    rows = cli("predict", *(name for name, _ in golden), "--project", made, "--json").data["predictions"]
    assert_same(trained, [row["probabilities"] for row in rows])


def test_serve_answers_as_the_trained_network(made: Path, golden: Golden, trained: np.ndarray) -> None:
    with servers.serving(made / "models" / "m") as server:
        assert_same(trained, [server.ask(data).json()["probabilities"] for _, data in golden])


@browser.needs_browser
@pytest.mark.browser
@pytest.mark.parametrize("door", ["page", "single file", "serve"])
def test_every_page_answers_as_the_trained_network(
    made: Path, golden: Golden, trained: np.ndarray, chromium: Any, door: str
) -> None:
    with browser.hosted(made / "apps") as host, servers.serving(made / "models" / "m") as server:
        single = (made / "single" / "m.html").as_uri()
        page = browser.opened(
            chromium, {"page": f"{host}/m-web/", "single file": single, "serve": server.address}[door]
        )
        files = [{"name": name, "mimeType": "image/x", "buffer": data} for name, data in golden]
        answers = [browser.ask(page, file) for file in files]
        assert not page.logged
    assert_same(trained, [answer["probabilities"] for answer in answers])
    assert [a["label"] for a in answers] == [runs.LABELS[i] for i in trained.argmax(axis=1)]


def assert_same(trained: np.ndarray, answers: list[dict[str, float]]) -> None:
    """Labels identical, probabilities within 1e-4."""
    got = np.array([[answer[label] for label in runs.LABELS] for answer in answers])
    assert (got.argmax(axis=1) == trained.argmax(axis=1)).all()
    assert np.abs(got - trained).max() < 1e-4


@browser.needs_browser
@pytest.mark.browser
@pytest.mark.parametrize("resize", ["crop", "squish", "pad"])
def test_the_pixels_are_those_of_pillow_to_the_last_bit(chromium: Any, golden: Golden, resize: str) -> None:
    files = list(golden)
    for kind in ("WEBP", "GIF", "BMP", "PNG", "AVIF"):
        buffer = io.BytesIO()
        draw.photo("stripes", 7, (301, 200)).save(buffer, kind)
        files.append((kind, buffer.getvalue()))
    files.append(("white on nothing", proof._encoded(draw.white_logo(), "PNG")))
    files.append(("white with a dot", proof._encoded(draw.dotted(draw.white_logo((300, 200))), "PNG")))
    grey = draw.white_logo().point([value * 245 // 255 for value in range(256)] * 3 + [*range(256)])
    files.append(("light grey on nothing", proof._encoded(grey, "PNG")))
    with browser.hosted(PAGE) as host:
        page = chromium.new_page()
        page.goto(f"{host}/pixels.js")
        for size in (64, 97):
            for name, data in files:
                spec = InputSpec(size, resize)
                got = page.evaluate(READ_PIXELS, [base64.b64encode(data).decode(), spec.to_json()])
                assert np.array_equal(np.array(got, np.uint8).reshape(size, size, 3), images.read(data, spec)), name


READ_PIXELS = """async ([data, spec]) => {
    const { readPixels } = await import('/pixels.js');
    const blob = await (await fetch('data:application/octet-stream;base64,' + data)).blob();
    return Array.from(await readPixels(blob, spec));
}"""


def test_a_link_to_the_page_shows_what_it_is_about(made: Path) -> None:
    for page in (made / "apps" / "m-web" / "index.html", made / "single" / "m.html"):
        head = page.read_text().split("<body>")[0]
        assert "<title>m</title>" in head and 'property="og:title" content="m"' in head
        assert 'property="og:description" content="Tells photos apart in your browser: circles, stripes"' in head


def test_a_name_is_never_markup_in_the_page() -> None:
    hostile = Bundle(("a_b", "<i>"), InputSpec(64), {}, name='"><script>x')
    page = web._titled("<title>lookalike</title>", hostile)
    assert "<script>" not in page and "<i>" not in page and "a b" in page


@browser.needs_browser
@pytest.mark.browser
def test_no_photo_can_leave_the_page(made: Path, chromium: Any) -> None:
    post = "fetch('http://127.0.0.1:9/', {method: 'POST', body: 'photo'}).then(() => 'sent', () => 'blocked')"
    with browser.hosted(made / "apps") as host:
        page = browser.opened(chromium, f"{host}/m-web/")
        browser.ask(page, {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": draw.jpeg("circles", 1)})
        assert all(url.startswith((host, "blob:", "data:")) for url in page.asked)
        assert page.evaluate(post) == "blocked" and "Content Security Policy" in page.logged[-1]
        headers = chromium.new_page().goto(f"{host}/m-web/").headers
        assert "cross-origin-opener-policy" not in headers  # a plain host is enough
    page = browser.opened(chromium, (made / "single" / "m.html").as_uri())
    assert all(url.startswith(("file:", "blob:", "data:")) for url in page.asked)
    assert page.evaluate(post) == "blocked" and "Content Security Policy" in page.logged[-1]


@browser.needs_browser
@pytest.mark.browser
def test_the_page_says_what_it_cannot_read_and_when_it_is_neither(made: Path, tmp_path: Path, chromium: Any) -> None:
    shutil.copytree(made / "apps" / "m-web", tmp_path / "m")
    about = json.loads((tmp_path / "m" / "model.json").read_text())
    (tmp_path / "m" / "model.json").write_text(json.dumps({**about, "threshold": 1.0, "name": "<b>x</b>"}))
    with browser.hosted(tmp_path) as host:
        page = browser.opened(chromium, f"{host}/m/")
        html = {"name": "<img src=x onerror=alert(1)>.jpg", "mimeType": "image/jpeg", "buffer": b"<html>"}
        answer = browser.ask(page, html)
        assert (answer["label"], answer["remark"][:23]) == ("No answer", "This file is no photo. ")
        photo = {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": draw.jpeg("circles", 1)}
        assert browser.ask(page, photo)["label"].startswith("Not sure; closest is ")
        assert page.locator("main b, main img[src=x]").count() == 0  # names are text, never markup


@browser.needs_browser
@pytest.mark.browser
def test_photos_can_be_dropped_and_pasted(made: Path, chromium: Any) -> None:
    drop = """(kind) => { const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from([1])], 'x.jpg', {type: 'image/jpeg'}));
        document.dispatchEvent(kind === 'drop' ? new DragEvent('drop', {dataTransfer: data, cancelable: true})
                                               : new ClipboardEvent('paste', {clipboardData: data})); }"""
    with browser.hosted(made / "apps") as host:
        for kind in ("drop", "paste"):
            page = browser.opened(chromium, f"{host}/m-web/")
            page.evaluate(drop, kind)
            page.wait_for_selector("#answer:not([hidden])")
            assert page.inner_text("#label") == "No answer"  # it was one byte


@browser.needs_browser
@pytest.mark.browser
def test_a_photo_can_be_taken_with_the_camera(made: Path, chromium: Any) -> None:
    with browser.hosted(made / "apps") as host:
        page = browser.opened(chromium, f"{host}/m-web/")
        page.click("#camera")
        page.wait_for_selector("#video:not([hidden])")
        page.wait_for_timeout(500)
        page.click("#cancel")
        assert page.is_hidden("#video") and page.is_hidden("#answer")
        page.click("#camera")
        page.wait_for_selector("#video:not([hidden])")
        page.wait_for_timeout(500)
        page.click("#shoot")
        page.wait_for_selector("#answer:not([hidden])")
        assert page.inner_text("#label") in runs.LABELS


@browser.needs_browser
@pytest.mark.browser
@pytest.mark.parametrize("door", ["page", "single file"])
def test_an_exported_page_answers_its_samples_shuts_nobody_out_and_is_no_wider_than_a_phone(
    made: Path, chromium: Any, door: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with browser.hosted(made / "apps") as host:
        single = (made / "single" / "m.html").as_uri()
        page = browser.opened(chromium, f"{host}/m-web/" if door == "page" else single)
    page.set_viewport_size({"width": 360, "height": 740})
    for asked in ("Example 1", "Example 2", ""):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = axe.run(page).response["violations"]
            told = [(rule["id"], [node["html"][:120] for node in rule["nodes"][:3]]) for rule in found]
            assert not told, (scheme, asked, told)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
        if asked:
            page.get_by_role("button", name=asked, exact=True).first.press("Enter")
            browser.until(page, f"document.getElementById('thumbnail').alt === {asked!r}")
            page.wait_for_selector("#answer:not([hidden])")
    browser.until(page, "!document.body.innerText.includes('…')")
    assert page.locator("#gallery span").all_inner_texts() == list(runs.LABELS)
    assert not page.logged


@browser.needs_browser
@pytest.mark.browser
def test_a_damaged_download_is_noticed(made: Path, tmp_path: Path, chromium: Any) -> None:
    shutil.copytree(made / "apps" / "m-web", tmp_path / "m")
    damaged = bytearray((tmp_path / "m" / "model.onnx.gz").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "m" / "model.onnx.gz").write_bytes(damaged)
    with browser.hosted(tmp_path) as host, pytest.raises(AssertionError, match="did not open"):
        browser.opened(chromium, f"{host}/m/")


def test_the_single_file_holds_everything(made: Path) -> None:
    assert {path.name for path in (made / "single").iterdir()} == {
        "m.html",
        "README.md",
        "THIRD-PARTY.txt",
        ".lookalike",
    }
    html = (made / "single" / "m.html").read_text()
    assert "connect-src" not in html and "default-src 'none'" in html
    assert 'src="' not in html.replace('src="data:', "")


def test_without_npm_the_error_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "user_cache", lambda: tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingExtraError) as error:
        runtime.files()
    assert f"npm pack {runtime.PACKAGE}" in error.value.hint


def test_a_runtime_that_is_not_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tarfile

    monkeypatch.setattr(runtime, "user_cache", lambda: tmp_path)
    folder = tmp_path / runtime.PACKAGE.replace("@", "-")
    folder.mkdir()
    with tarfile.open(folder / "x.tgz", "w:gz") as archive:
        for name in runtime.SHA256:
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = 4
            archive.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises(LookalikeError, match="not the file that was pinned"):
        runtime.files()
    assert not list(folder.glob("*.mjs"))


def test_a_grey_photo_of_sixteen_bits_is_close_in_python_and_scaled() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((70, 70), 0x8000, np.uint16)).save(buffer, "PNG")
    assert images.read(buffer.getvalue(), InputSpec(64)).max() == 128
