"""The page that names photos, as visitors use it: many at once, by keyboard, on a phone, in the dark."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lookalike.cli import main
from tests.support import browser, models, runs, servers
from tests.support.reviewing import Server

pytestmark = [browser.needs_browser, pytest.mark.browser]
pytest_plugins = ("tests.support.reviewing",)
LABELS = ("tree_sparrow", "=house_sparrow")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser.browser() as started:
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A served model that calls warm photos one thing and cold ones another, and is sure from 0.8 on."""
    folder = models.bundle(tmp_path_factory.mktemp("served") / "birds", labels=LABELS, threshold=0.8)
    with servers.serving(folder) as server:
        yield server.address


def _file(name: str, data: bytes) -> dict[str, Any]:
    return {"name": name, "mimeType": "image/png", "buffer": data}


def _plain(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, "PNG")
    return buffer.getvalue()


WARM, COLD, NEITHER = _plain((255, 40, 0)), _plain((0, 40, 255)), _plain((120, 120, 120))


def test_many_photos_are_named_at_once_and_saved_as_a_table(address: str, chromium: Any) -> None:
    page = browser.opened(chromium, address)
    files = [_file("=warm.png", WARM), _file("cold.png", COLD), _file("grey.png", NEITHER), _file("page.html", b"<p>")]
    page.set_input_files("#file", files)
    browser.until(
        page, "document.querySelectorAll('#gallery li').length == 4 && !document.body.innerText.includes('…')"
    )
    said = page.locator("#gallery button span").all_inner_texts()
    assert said[3] == "No answer" and said[2].startswith("Not sure; closest is ")
    assert {said[0], said[1]} == {"tree sparrow", "=house sparrow"}, "names have spaces where folders have underscores"
    with page.expect_download() as waiting:
        page.click("#csv")
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text())))
    assert [row["file"] for row in rows] == ["'=warm.png", "cold.png", "grey.png", "page.html"]
    assert {rows[0]["label"], rows[1]["label"]} == {"tree_sparrow", "'=house_sparrow"}
    assert [row["reason"] for row in rows[2:]] == ["unlikely", "not-an-image"] and not rows[2]["probability"]
    page.click("#clear")
    assert not any(page.is_visible(part) for part in ("#answer", "#classify", "#session"))
    assert page.locator("#gallery li").count() == 0


def test_everything_can_be_reached_by_keyboard(address: str, chromium: Any) -> None:
    page = browser.opened(chromium, address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    outline = "getComputedStyle(document.getElementById('drop')).outlineStyle"
    assert page.evaluate(outline) == "solid", "the drop zone shows that it has the focus"
    page.set_input_files("#file", [_file("warm.png", WARM), _file("cold.png", COLD)])
    browser.until(page, "!document.body.innerText.includes('…')")
    first = page.inner_text("#label")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.closest('#gallery') ? 'gallery' : document.activeElement.id")
        )
    assert {"another", "classify", "camera", "gallery", "csv", "clear"} <= set(reached)
    page.locator("#gallery button").nth(1).focus()
    page.keyboard.press("Enter")
    browser.until(page, f"document.getElementById('label').innerText != {first!r}")
    assert page.evaluate("document.activeElement.getAttribute('aria-current')") == "true"


def test_a_photo_without_an_answer_can_be_asked_about_again(address: str, chromium: Any) -> None:
    page = browser.opened(chromium, address)
    assert page.is_hidden("#classify"), "there is nothing to ask about yet"
    page.route("**/api/predict", lambda route: route.abort())
    page.set_input_files("#file", [_file("warm.png", WARM)])
    page.wait_for_selector("#answer:not([hidden])")
    assert page.inner_text("#label") == "No answer" and "try once more" in page.inner_text("#remark")
    page.unroute("**/api/predict")
    page.get_by_role("button", name="Ask again").click()
    browser.until(page, "document.getElementById('label').innerText.endsWith('sparrow')")


DOORS = ["serve", "review", "report", "cleaning"]


@pytest.fixture
def pages(address: str, project: Path, serve: Callable[..., Server]) -> Callable[[str], str]:
    """The address of a page of each kind."""

    def of(door: str) -> str:
        if door == "serve":
            return address
        if door == "review":
            started = serve()
            return f"{started.url}/?token={started.token}"
        if door == "cleaning":
            assert main(["clean", "--project", str(project), "--suspects", "0", "--quiet"]) == 0
            return (project / "quarantine" / "report.html").as_uri()
        folder = runs.untrained(project)
        models.bundle(folder / "model", models.warm_or_cold(liked=-1))
        assert main(["evaluate", "--project", str(project), "--no-heat", "--quiet"]) == 0
        return (folder / "report" / "index.html").as_uri()

    return of


@pytest.mark.parametrize("door", DOORS)
def test_no_page_shuts_anybody_out_or_is_wider_than_a_phone(
    pages: Callable[[str], str], chromium: Any, door: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    where = pages(door)
    for scheme in ("light", "dark"):
        page = chromium.new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
        page.logged = []
        page.goto(where)
        page.wait_for_timeout(300)
        if door == "serve":
            page.set_input_files("#file", [_file("warm.png", WARM), _file("grey.png", NEITHER)])
            browser.until(page, "!document.body.innerText.includes('…')")
        found = axe.run(page).response["violations"]
        told = [(rule["id"], [node["html"][:120] for node in rule["nodes"][:3]]) for rule in found]
        assert not told, (door, scheme, told)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
