"""The review page of a set of persons: boxes over the photos, the face that counts, another one by a click."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support import portraits
from tests.support.browser import browser, needs_browser
from tests.support.reviewing import Server

pytest_plugins = ("tests.support.reviewing",)
pytestmark = portraits.needs_networks
GROUP = "ann/group.jpg"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    images = portraits.people_folder(tmp_path / "images", {"ann": 9, "bea": 9})
    portraits.scene(800, "cas", "ann").save(images / GROUP, quality=92)
    return tmp_path


def test_the_face_of_the_labels_person_counts_until_another_is_chosen(
    serve: Callable[..., Server], project: Path, cli: Cli
) -> None:
    server = serve("--jobs", "1")
    photo = server.photos()[GROUP]
    left = [float(face.split(",")[0]) for face in photo["faces"]]
    assert len(left) == 2 and left[photo["chosen"]] > 0.4 and photo["ratio"] == pytest.approx(680 / 420)
    other = photo["faces"][1 - photo["chosen"]]
    wish = {"file": GROUP, "action": "face", "face": other, "sha256": photo["sha256"]}
    assert server.ask("/api/decide", {"wishes": [wish]})["changed"][0]["chosen"] == 1 - photo["chosen"]
    for wrong in ("", "1,2", "0.9,0.1,0.2,0.4", "a,b,c,d", "nan,0,1,1", "0,0,9,9"):
        assert server.ask("/api/decide", {"wishes": [{**wish, "face": wrong}]})["refused"], wrong
    last = json.loads((project / "images" / "manifest.jsonl").read_text().splitlines()[-1])
    assert (last["file"], last["face"], last["status"]) == (GROUP, other, "ok")
    server.decide("keep", GROUP)  # other decisions leave it
    server.process.kill()
    server.process.wait()
    marked = {row["file"]: row["reason"] for row in cli("clean", "--json", "--dry-run").data["notes"]}
    assert marked[GROUP] == "another-person"  # the chosen face is Cas's
    again = serve("--jobs", "1")
    assert again.photos()[GROUP]["chosen"] == 1 - photo["chosen"]
    again.ask("/api/undo", {})
    assert again.ask("/api/undo", {})["changed"][0]["chosen"] == photo["chosen"]


def test_training_learns_from_the_chosen_face(cli: Cli, tmp_path: Path) -> None:
    """One photo of Ann, beside Cas: after a click on Cas, the label is Cas."""
    for label, names in (("one", ("cas", "ann")), ("bea", ("bea",))):
        for part, seed in (("train", 810), ("valid", 811)):
            (tmp_path / "images" / part / label).mkdir(parents=True)
            portraits.scene(seed, *names, alike=True).save(
                tmp_path / "images" / part / label / f"{seed}.jpg", quality=92
            )
    assert "2 faces are taken for 'one'" in cli("train", "--recipe", "people").err
    from lookalike.photos import crowd, images

    path = tmp_path / "images" / "train" / "one" / "810.jpg"
    cas = min(crowd.read(images.open_rgb(path)).boxes)
    face = ",".join(f"{place / side:.4f}" for place, side in zip(cas, (680, 420, 680, 420), strict=True))
    record = {"label": "one", "status": "ok", "file": "train/one/810.jpg", "face": face}
    (tmp_path / "images" / "manifest.jsonl").write_text(json.dumps(record) + "\n")
    assert "are taken for" not in cli("train", "--recipe", "people").err
    for name, label in (("ann", "neither"), ("cas", "one")):
        portraits.scene(820, name).save(tmp_path / f"{name}.jpg")
        assert cli("predict", tmp_path / f"{name}.jpg", "--json").data["predictions"][0]["label"] == label


@pytest.mark.browser
@needs_browser
def test_in_the_browser_a_click_on_another_face_makes_it_count(serve: Callable[..., Server], project: Path) -> None:
    server = serve("--jobs", "1")
    with browser() as chromium:
        page = chromium.new_page()
        page.goto(f"{server.url}/?token={server.token}")
        card = f"[data-file='{GROUP}']"
        page.wait_for_selector(f"{card} .face.chosen")
        picture = page.locator(f"{card} img").bounding_box()
        counting = page.locator(f"{card} .face.chosen").bounding_box()
        assert counting["x"] > picture["x"] + 0.4 * picture["width"]
        page.click(f"{card} .face:not(.chosen)")
        for _ in range(100):
            now = page.locator(f"{card} .face.chosen").bounding_box()
            if now and now["x"] < counting["x"] - 20:
                break
            page.wait_for_timeout(50)
        else:
            raise AssertionError("the other face does not count")
    assert server.photos()[GROUP]["chosen"] >= 0
    assert '"face": "' in (project / "images" / "manifest.jsonl").read_text().splitlines()[-1]
