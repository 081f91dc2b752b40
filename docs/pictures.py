"""Take the pictures of the pages for docs/: `python -m docs.pictures` from a clone with chromium, in about a minute.

What they show is handwriting that comes with scikit-learn and one drawn picture: nobody's photo. They are looked at by
whoever takes them anew; tests only know which there are.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from lookalike.cli import main as lookalike
from tests.support import browser, draw

FOLDER = Path(__file__).parent / "pictures"
LABELS = ("3", "5", "8")
DESKTOP, PHONE = (920, 700), (360, 740)
QUALITY = 82  # of WebP
ANSWERED = "document.querySelector('#answer:not([hidden])') && !document.getElementById('status').textContent"
Steps = Callable[[Any, Path], None]


@dataclass(frozen=True)
class Picture:
    """A page, what a visitor does on it first, and how it is seen."""

    page: str
    steps: Steps
    size: tuple[int, int]
    scheme: str = "light"


def nothing(page: Any, project: Path) -> None:
    """As the page opens."""


def one(page: Any, project: Path) -> None:
    """One photo is named."""
    _give(page, photos(project, "3")[:1])


def unsure(page: Any, project: Path) -> None:
    """A photo of something else is none of the labels."""
    (project / "drawing.jpg").write_bytes(draw.jpeg("circles", 3))
    _give(page, [project / "drawing.jpg"])


def many(page: Any, project: Path) -> None:
    """Several photos, with the session below."""
    _give(page, [photos(project, label)[number] for number in (1, 2) for label in LABELS])


def corrected(page: Any, project: Path) -> None:
    """The model is told that it is indeed none of its labels, and that can be taken back."""
    unsure(page, project)
    page.select_option("#right", label="none of these")
    page.click("text=Keep that")
    page.wait_for_selector("#correcting button:text('Undo'):visible")


def whole_set(page: Any, project: Path) -> None:
    """All that is in the set."""
    page.wait_for_selector(".card")
    page.select_option("#view", "set")
    page.wait_for_timeout(500)


def mistakes(page: Any, project: Path) -> None:
    """What the network got wrong."""
    page.wait_for_selector(".card")
    page.select_option("#view", "mistakes")
    page.wait_for_timeout(500)


def closer(page: Any, project: Path) -> None:
    """A photo of those, large."""
    mistakes(page, project)
    page.click(".card")
    page.keyboard.press("Enter")
    page.wait_for_selector("#closer[open]")
    page.wait_for_timeout(500)


def worst(page: Any, project: Path) -> None:
    """Further down, at the worst photos."""
    page.get_by_role("heading", name="Worst photos").evaluate("heading => heading.scrollIntoView()")


PICTURES = {
    "serve-first": Picture("serve", nothing, DESKTOP),
    "serve-answer": Picture("serve", one, DESKTOP, "dark"),
    "serve-answer-phone": Picture("serve", one, PHONE),
    "serve-unsure-phone": Picture("serve", unsure, PHONE, "dark"),
    "serve-many": Picture("serve", many, (920, 1150)),
    "serve-corrected-phone": Picture("serve", corrected, PHONE),
    "review": Picture("review", whole_set, DESKTOP),
    "review-mistakes-phone": Picture("review", mistakes, PHONE, "dark"),
    "review-closer": Picture("review", closer, DESKTOP, "dark"),
    "report": Picture("report", nothing, DESKTOP),
    "report-worst": Picture("report", worst, DESKTOP, "dark"),
    "report-phone": Picture("report", nothing, PHONE),
}


def photos(project: Path, label: str) -> list[Path]:
    """The photos of a label, always in the same order."""
    return sorted((project / "images" / label).iterdir())


def _give(page: Any, files: list[Path]) -> None:
    page.set_input_files("#file", files)
    page.wait_for_timeout(300)
    page.logged = []
    browser.until(page, ANSWERED)


def prepare(project: Path) -> None:
    """A project that has been through every command."""
    done = [
        ["gather", *LABELS, "--provider", "digits"], ["train", "--recipe", "probe"], ["evaluate"],
        ["export", "--name", "digits"],
    ]  # fmt: skip
    for arguments in done:
        if code := lookalike([*arguments, "--project", str(project), "--quiet"]):
            raise SystemExit(code)


@contextmanager
def running(project: Path, *arguments: str) -> Iterator[str]:
    """The address that a command says its page is at."""
    command = [sys.executable, "-m", "lookalike", *arguments, "--port", "0"]
    still = {**os.environ, "BROWSER": "true"}  # a program that opens nothing
    with subprocess.Popen(
        command, cwd=project, env=still, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stderr
            yield next(found[0] for line in process.stderr if (found := re.search(r"http://\S+/(\?token=\S+)?", line)))
        finally:
            process.terminate()


def take(chromium: Any, name: str, address: str, project: Path) -> int:
    """Write one picture; returns its bytes."""
    wanted = PICTURES[name]
    width, height = wanted.size
    page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=wanted.scheme)
    page.goto(address)
    if wanted.page == "serve":
        page.wait_for_selector("html[data-ready=yes]")
    wanted.steps(page, project)
    page.wait_for_timeout(300)
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        shot.convert("RGB").save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)
    page.close()
    return (FOLDER / f"{name}.webp").stat().st_size


def main() -> None:
    """Take every picture anew; one that is no more goes."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory() as folder, browser.browser() as chromium:
        project = Path(folder)
        prepare(project)
        with running(project, "serve") as serve, running(project, "clean", "--review", "--suspects", "0") as review:
            report = next(project.glob("runs/*/report/index.html")).as_uri()
            address = {"serve": serve, "review": review, "report": report}
            sizes = {name: take(chromium, name, address[PICTURES[name].page], project) for name in PICTURES}
    sys.stdout.write("".join(f"{name}: {size / 1000:.0f} kB\n" for name, size in sizes.items()))


if __name__ == "__main__":
    main()
