"""The review page: what it opens on, and its marks in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.browser import browser, needs_browser
from tests.support.reviewing import Server

pytest_plugins = ("tests.support.reviewing",)


def test_the_mistakes_of_the_newest_evaluation_are_told_and_decided_like_any_photo(
    evaluated: Path, serve: Callable[[], Server]
) -> None:
    server = serve()
    wrong = {file: photo for file, photo in server.photos().items() if photo["taken_for"]}
    assert {file: photo["taken_for"] for file, photo in wrong.items()} == {
        "stripes/004.jpg": "circles",
        "circles/001.jpg": "stripes",
    }
    assert wrong["stripes/004.jpg"]["loss"] > wrong["circles/001.jpg"]["loss"]
    moved = server.decide("label", "stripes/004.jpg", label="circles", sha256=wrong["stripes/004.jpg"]["sha256"])
    assert moved["changed"][0]["label"] == moved["changed"][0]["taken_for"] == "circles"
    server.decide("aside", "circles/001.jpg")
    assert (evaluated / "quarantine/circles/001.jpg").is_file()
    server.ask("/api/undo", {})
    assert server.photos()["circles/001.jpg"]["taken_for"] == "stripes"


@pytest.mark.parametrize("gone", ["run.json", "evaluation.json"])
def test_without_a_finished_evaluation_there_are_no_mistakes(
    evaluated: Path, serve: Callable[[], Server], gone: str
) -> None:
    (evaluated / "runs/r1" / gone).unlink()
    assert not any(photo["taken_for"] for photo in serve().photos().values())


@pytest.mark.browser
@needs_browser
def test_in_the_browser_marks_stay_through_labels_reloads_tabs_and_a_kill(
    serve: Callable[[], Server], project: Path
) -> None:
    first = serve()
    with browser() as chromium:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{first.url}/?token={first.token}")
        page.click("nav >> text=circles")
        page.click("[data-file='circles/000.jpg']")
        page.keyboard.press("k")
        page.wait_for_selector("[data-file='circles/000.jpg'].kept")
        page.click("[data-file='circles/002.jpg']")
        page.click("[data-file='circles/003.jpg']", modifiers=["Shift"])
        page.keyboard.press("d")
        page.wait_for_selector("[data-file='circles/002.jpg']", state="detached")
        page.click("nav >> text=stripes")
        page.wait_for_selector("[data-file='stripes/000.jpg']")
        page.click("nav >> text=circles")
        page.wait_for_selector("[data-file='circles/000.jpg'].kept")
        page.reload()
        page.wait_for_selector("[data-file='circles/000.jpg'].kept")
        first.process.kill()
        second = serve()
        page.goto(f"{second.url}/?token={second.token}")
        page.wait_for_selector("[data-file='circles/000.jpg'].kept")
        assert page.query_selector("[data-file='circles/003.jpg']") is None
        page.select_option("#view", "aside")
        page.wait_for_selector("[data-file='circles/003.jpg'].aside")
        tab = context.new_page()
        tab.goto(second.url)
        tab.wait_for_selector("[data-file='circles/000.jpg'].kept")
        tab.keyboard.press("u")
        page.wait_for_selector("[data-file='circles/003.jpg']", state="detached", timeout=10_000)
    assert (project / "images" / "circles" / "003.jpg").is_file()
    assert (project / "images" / "circles" / "002.jpg").is_file()


@pytest.mark.browser
@needs_browser
def test_in_the_browser_the_page_opens_on_the_mistakes_worst_first(
    evaluated: Path, serve: Callable[[], Server]
) -> None:
    server = serve()
    with browser() as chromium:
        page = chromium.new_page()
        page.goto(f"{server.url}/?token={server.token}")
        page.wait_for_selector(".card")
        assert page.locator(".card .name").all_inner_texts() == ["stripes/004.jpg", "circles/001.jpg"]
        assert "the network says circles 90 %" in page.locator(".card .why").first.inner_text()
        page.click("[data-file='stripes/004.jpg']")
        page.keyboard.press("1")
        page.wait_for_selector("[data-file='stripes/004.jpg']", state="detached")
        assert page.locator(".card .name").all_inner_texts() == ["circles/001.jpg"]
    assert (evaluated / "images/circles/004~2.jpg").is_file()
