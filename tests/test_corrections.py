"""A wrong answer is corrected on the served page: the photo and the word go into the project, and can be taken back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from lookalike.files import sha256_file, write_json
from lookalike.project.dataset import write_split
from lookalike.project.manifest import Manifest, State
from lookalike.project.paths import Project
from lookalike.project.records import Dataset, Example
from lookalike.settings.fields import TrainSettings
from lookalike.train.prepare import split_of
from tests.conftest import Cli
from tests.support import browser, draw, models, servers
from tests.support.servers import Server

NEW = draw.jpeg("circles", 99)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for the whole file: every test leaves it as it was."""
    root = tmp_path_factory.mktemp("project")
    draw.folder(root / "images", {"circles": 3, "stripes": 3})
    models.bundle(root / "models" / "toy")
    return root


@pytest.fixture(autouse=True)
def as_it_was(project: Path) -> Iterator[None]:
    before = state(project)
    yield
    assert state(project) == before


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[Server]:
    with servers.serving(project / "models" / "toy", "--project", str(project)) as running:
        yield running


def state(project: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Every photo of the project by its path, and what the manifest says about each but who said it when."""
    folded = Manifest(project / "images").fold()
    assert isinstance(folded, State) and not folded.attempts
    files = {file: (r.label, r.status, r.reason, r.provider) for file, r in folded.files.items()}
    photos = {path.relative_to(project).as_posix(): path.read_bytes() for path in project.rglob("*.jpg")}
    return photos, {file: row for file, row in files.items() if row[2:] != ("", "by-hand")}


def test_a_new_photo_goes_under_its_label_as_gathered_ones_do_and_an_undo_leaves_no_trace(
    server: Server, project: Path
) -> None:
    before = state(project)
    kept = server.change("correct?label=stripes", NEW).json()
    photos, said = state(project)
    assert kept["file"].startswith("images/stripes/correction-") and photos[kept["file"]] == NEW
    assert said[kept["file"].removeprefix("images/")] == ("stripes", "ok", "kept", "correction")
    assert server.change("correct?label=stripes", NEW).json()["correction"] == "", "it is there already"
    assert server.change(f"undo?correction={kept['correction']}").status_code == 200
    assert state(project) == before
    assert server.change(f"undo?correction={kept['correction']}").status_code == 400


@pytest.mark.parametrize("label", ["stripes", "neither"])
def test_a_photo_that_the_set_has_is_moved_and_not_doubled(server: Server, project: Path, label: str) -> None:
    photo = project / "images/circles/001.jpg"
    before, content = state(project), photo.read_bytes()
    kept = server.change(f"correct?label={label}", content).json()
    assert kept["file"] == {"stripes": "images/stripes/001~2.jpg", "neither": "quarantine/circles/001.jpg"}[label]
    assert list(state(project)[0].values()).count(content) == 1
    server.change(f"undo?correction={kept['correction']}")
    assert state(project) == before


def test_what_is_none_of_the_labels_is_kept_outside_of_them_until_it_is_one(server: Server, project: Path) -> None:
    kept = server.change("correct?label=neither", NEW).json()
    assert kept["file"].startswith("others/correction-") and state(project)[0][kept["file"]] == NEW
    other = server.change("correct?label=circles", NEW).json()
    assert [name for name, data in state(project)[0].items() if data == NEW] == [other["file"]]
    server.change(f"undo?correction={other['correction']}")
    again = server.change("correct?label=neither", NEW).json()
    server.change(f"undo?correction={again['correction']}")
    assert NEW not in state(project)[0].values()


def test_a_photo_decided_about_since_is_left_alone_by_an_undo(server: Server, project: Path) -> None:
    kept = server.change("correct?label=stripes", NEW).json()
    later = server.change("correct?label=circles", NEW).json()
    answer = server.change(f"undo?correction={kept['correction']}")
    assert answer.status_code == 400 and "since" in answer.json()["detail"]
    assert state(project)[0][later["file"]] == NEW
    for name in (later["correction"], kept["correction"]):
        assert server.change(f"undo?correction={name}").status_code == 200


@pytest.mark.parametrize(
    ("path", "photo", "headers", "status"),
    [
        ("correct?label=bears", NEW, {}, 400), ("correct?label=../../x", NEW, {}, 400), ("correct", NEW, {}, 400),
        ("correct?label=circles", b"", {}, 400), ("correct?label=circles", NEW[:900], {}, 422),
        ("correct?label=circles", b"<svg/>", {}, 422), ("correct?label=circles", NEW, {"x-lookalike-token": ""}, 403),
        ("correct?label=circles", NEW, {"x-lookalike-token": "x"}, 403), ("undo?correction=x", b"", {}, 400),
        ("correct?label=circles", NEW, {"origin": "https://evil.example"}, 403),
        ("correct?label=circles", NEW, {"host": "evil.example"}, 403), ("undo", b"", {"x-lookalike-token": ""}, 403),
    ],
)  # fmt: skip
def test_what_is_no_correction_of_this_page_changes_nothing(
    server: Server, project: Path, path: str, photo: bytes, headers: dict[str, str], status: int
) -> None:
    assert server.change(path, photo, **headers).status_code == status


def test_while_another_command_works_in_the_set_a_correction_waits_and_then_says_so(
    server: Server, project: Path
) -> None:
    with Manifest(project / "images").lock():
        answer = server.change("correct?label=circles", NEW)
    assert answer.status_code == 409 and "another lookalike command" in answer.json()["detail"]


def test_a_model_from_elsewhere_takes_no_corrections(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = models.bundle(tmp_path_factory.mktemp("elsewhere") / "toy")
    with servers.serving(elsewhere, "--project", str(project)) as server:
        assert server.change("correct?label=circles", NEW).status_code == 404
        assert "corrections" not in requests.get(f"{server.address}/api/model", timeout=10).json()


KILLED = """
import os, sys
from pathlib import Path
from lookalike.decisions import corrections
from lookalike.photos.whole import decode
from lookalike.project.manifest import Manifest
from lookalike.project.paths import Project

place, when = sys.argv[1:]
owner, name = {"file": (corrections, "write_bytes"), "line": (Manifest, "append")}[place]
real = getattr(owner, name)
def dying(*arguments):
    if when == "after":
        real(*arguments)
    os._exit(9)
setattr(owner, name, dying)
photo = Path("new").read_bytes()
corrections.Corrections(Project(Path()), ["circles"]).keep(photo, decode(photo), "circles")
"""


@pytest.mark.parametrize("place", ["file", "line"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_between_the_click_and_the_answer_leaves_the_photo_whole_or_absent(
    project: Path, server: Server, place: str, when: str
) -> None:
    (project / "new").write_bytes(NEW)
    done = subprocess.run([sys.executable, "-c", KILLED, place, when], cwd=project, timeout=60, check=False)
    assert done.returncode == 9
    copies = [name for name, data in state(project)[0].items() if data == NEW]
    assert len(copies) == ((place, when) != ("file", "before"))
    assert len(list((project / "images/circles").glob("*.jpg"))) == 3 + len(copies), "none is half there"
    known = Manifest(project / "images").fold().files.get((copies or [""])[0].removeprefix("images/"))
    kept = server.change("correct?label=circles", NEW).json()
    assert [name for name, data in state(project)[0].items() if data == NEW] == [kept["file"]]
    server.change(f"undo?correction={kept['correction'] or (known and known.by)}")


def test_a_corrected_photo_is_learnt_from_and_never_held_back(server: Server, project: Path) -> None:
    photos = [draw.jpeg("circles", seed) for seed in range(200, 206)]
    kept = [server.change("correct?label=circles", photo).json()["correction"] for photo in photos]
    known = Manifest(project / "images").fold().files.values()
    examples = [Example(record.file, record.label, record.sha256, "", "train") for record in known]
    examples += [Example(f"circles/{n}.jpg", "circles", f"{n:064}", "", "train") for n in range(4)]
    sides = split_of(Project(project), TrainSettings(valid=0.5), examples, divided=False)
    assert {example.part for example in sides if example.file.startswith("circles/correction-")} == {"train"}
    assert "valid" in {example.part for example in sides}
    for name in kept:
        server.change(f"undo?correction={name}")


def as_if_trained(project: Path) -> None:
    """A run that learnt the photos as they are now."""
    files = sorted(path.relative_to(project / "images").as_posix() for path in project.glob("images/*/*.jpg"))
    rows = tuple(Example(f, f.split("/")[0], sha256_file(project / "images" / f), f, "train") for f in files)
    write_split(project / "runs/r1/split.csv", Dataset("images", models.LABELS, rows, ""), seed=1, valid=0.2)
    write_json(project / "runs/r1/run.json", {})


def test_when_it_is_worth_it_to_train_again_is_told(server: Server, project: Path) -> None:
    as_if_trained(project)
    told = [server.change("correct?label=stripes", draw.jpeg("circles", seed)).json() for seed in range(300, 310)]
    assert told[0]["waiting"] == 1 and told[0]["advice"].startswith("1 correction since the last training; from 10 on")
    assert told[-1]["advice"] == f"10 corrections since the last training: lookalike train --project {project}"
    assert server.change(f"undo?correction={told.pop()['correction']}").json()["waiting"] == 9
    as_if_trained(project)
    assert server.change(f"undo?correction={told.pop()['correction']}").json()["waiting"] == 0
    for row in told:
        server.change(f"undo?correction={row['correction']}")


@browser.needs_browser
@pytest.mark.browser
def test_a_visitor_corrects_an_answer_and_takes_that_back(server: Server, project: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    before = state(project)
    with browser.browser() as chromium:
        page = browser.opened(chromium, server.address)
        page.set_input_files("#file", {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": NEW})
        page.select_option("#right", label="none of these")
        page.select_option("#right", label="stripes")
        page.click("text=Keep that")
        page.wait_for_selector("#correcting button:text('Undo'):visible")
        assert "Kept as stripes." in page.inner_text("#correcting")
        assert any(name.startswith("images/stripes/correction-") for name in state(project)[0])
        assert page.evaluate("document.activeElement.textContent") == "Undo" and not page.logged
        assert not axe.run(page).response["violations"]
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.keyboard.press("Enter")
        page.wait_for_selector("#right:visible")
        assert "Taken back." in page.inner_text("#correcting") and state(project) == before


def test_a_network_names_corrected_photos_as_it_was_told_and_the_others_as_before(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "images", {"circles": 8, "stripes": 8})
    odd = [tmp_path / f"{seed}.jpg" for seed in range(400, 403)]
    for seed, path in enumerate(odd, 400):
        path.write_bytes(draw.jpeg("circles", seed))
    assert cli("correct", *odd, "--as", "stripes").code == 0
    assert cli("train", "--recipe", "probe", "--size", "64", "--quiet").code == 0
    photos = [*odd, *(tmp_path / "images").glob("*/0*.jpg")]
    said = {row["file"]: row["label"] for row in cli("predict", *photos, "--json").data["predictions"]}
    assert {said[str(path)] for path in odd} == {"stripes"}, "though all but they tell otherwise"
    assert all(label == Path(file).parent.name for file, label in said.items() if "images" in file)
