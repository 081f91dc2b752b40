"""Pages in a real headless Chromium: open one, give it photos as a visitor does, read its answers."""

from __future__ import annotations

import base64
import functools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""


FAKE_CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


def _missing() -> str:
    if not CHROMIUM:
        return "no chromium on this machine"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    return ""


MISSING = _missing()
needs_browser = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *FAKE_CAMERA])
        yield chromium
        chromium.close()


def opened(chromium: Any, address: str) -> Any:
    """The page at `address`, its model loaded. What it logs is kept in page.logged, its requests in page.asked."""
    page = chromium.new_page(viewport={"width": 480, "height": 800})
    page.logged, page.asked = [], []
    page.on("console", lambda message: page.logged.append(message.text))
    page.on("pageerror", lambda error: page.logged.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    for _ in range(600):
        ready = page.evaluate("document.documentElement.dataset.ready")
        if ready:
            assert ready == "yes", (page.inner_text("#about"), page.logged)
            return page
        page.wait_for_timeout(50)
    raise AssertionError(page.logged)


def until(page: Any, condition: str) -> None:
    """Wait until a condition in JavaScript holds. (Pages forbid Chromium's own way, which makes code of text.)"""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError((condition, page.logged))


def ask(page: Any, photo: Path | dict[str, Any]) -> dict[str, Any]:
    """What the page's engine answers for a photo that a visitor chooses, with all digits."""
    page.evaluate("document.getElementById('answer').hidden = true")
    page.set_input_files("#file", photo)
    page.wait_for_selector("#answer:not([hidden])", timeout=30_000)
    names = page.locator("#bars .name span:first-child").all_inner_texts()
    widths = page.evaluate("[...document.querySelectorAll('.bar > div')].map((bar) => parseFloat(bar.style.width))")
    probabilities = {name: width / 100 for name, width in zip(names, widths, strict=True)}
    return {
        "label": page.inner_text("#label"),
        "remark": page.inner_text("#remark"),
        "probabilities": probabilities,
    }


def answer(page: Any, photo: Path) -> dict[str, Any]:
    """All that the engine of a page answers for a photo; the engine is opened once more for that."""
    asked = """async (data) => {
      const { open } = await import('./engine.js');
      window.opened ??= await open();
      return window.opened.classify(new Blob([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))]));
    }"""
    return dict(page.evaluate(asked, base64.b64encode(photo.read_bytes()).decode()))


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """A plain static web server over `folder`; gives its address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
