"""The review page and decision files: every decision is kept at once, and can be taken back."""

from __future__ import annotations

import csv
import io
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from PIL import Image

from tests.conftest import Cli
from tests.support import draw
from tests.support.reviewing import Server

pytest_plugins = ("tests.support.reviewing",)


def test_decisions_survive_a_kill_and_show_in_another_session(serve: Callable[[], Server], project: Path) -> None:
    first = serve()
    first.decide("keep", "circles/000.jpg")
    first.decide("aside", "circles/001.jpg", "stripes/002.jpg")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    photos = serve().photos()
    assert photos["circles/000.jpg"]["decision"] == "keep"
    assert photos["circles/001.jpg"]["aside"]
    assert photos["stripes/002.jpg"]["aside"]
    assert (project / "quarantine" / "circles" / "001.jpg").is_file()


def test_what_another_command_decides_meanwhile_shows_on_the_open_page(
    serve: Callable[[], Server], project: Path, cli: Cli
) -> None:
    server = serve()
    assert not server.photos()["circles/001.jpg"]["aside"]
    (project / "marks.csv").write_text("file,decision\ncircles/001.jpg,aside\ncircles/002.jpg,keep\n")
    assert cli("clean", "--apply", "marks.csv").code == 0
    photos = server.photos()
    assert photos["circles/001.jpg"]["aside"] and photos["circles/002.jpg"]["decision"] == "keep"
    assert cli("clean", "--undo").code == 0
    assert not server.photos()["circles/001.jpg"]["aside"]


def test_undo_takes_back_whole_decisions_even_after_a_restart(serve: Callable[[], Server], project: Path) -> None:
    before = {path: path.read_bytes() for path in (project / "images").rglob("*.jpg")}
    server = serve()
    server.decide("aside", "circles/001.jpg", "circles/002.jpg")
    server.decide("label", "circles/003.jpg", label="stripes")
    server.decide("keep", "circles/004.jpg")
    server.process.kill()
    again = serve()
    assert [again.ask("/api/undo", {})["undo"] for _ in range(3)] == [2, 1, 0]
    restored = {path: path.read_bytes() for path in (project / "images").rglob("*.jpg")}
    assert len(restored) == len(before)
    assert sorted(restored.values()) == sorted(before.values())
    assert not any(photo["decision"] or photo["aside"] for photo in again.photos().values())
    assert again.ask("/api/undo", {})["refused"]


def test_a_moved_photo_gets_a_free_name_and_the_other_stays(serve: Callable[[], Server], project: Path) -> None:
    taken = (project / "images" / "stripes" / "000.jpg").read_bytes()
    answer = serve().decide("label", "circles/000.jpg", label="stripes")
    assert answer["changed"][0]["file"] == "stripes/000~2.jpg"
    assert answer["gone"] == ["circles/000.jpg"]
    assert (project / "images" / "stripes" / "000.jpg").read_bytes() == taken


def test_what_a_person_keeps_is_not_set_aside_by_the_next_clean(
    serve: Callable[[], Server], project: Path, cli: Cli
) -> None:
    draw.photo("circles", 5, (30, 30)).save(project / "images" / "circles" / "small.png")
    server = serve()
    server.decide("keep", "circles/small.png")
    server.process.kill()
    assert cli("clean", "--json").data["aside"] == []


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"file": "circles/none.jpg", "action": "aside"}, "gone"),
        ({"file": "circles/000.jpg", "action": "delete"}, "not one of"),
        ({"file": "../secret", "action": "aside"}, "no photo of the set"),
        ({"file": "/etc/passwd", "action": "aside"}, "no photo of the set"),
        ({"file": "circles/000.jpg", "action": "label", "label": "../.."}, "no label"),
        ({"file": "circles/000.jpg", "action": "label", "label": "new"}, "no label"),
        ({"file": "circles/000.jpg", "action": "aside", "sha256": "0" * 64}, "changed"),
    ],
)
def test_a_decision_that_makes_no_sense_touches_no_file(
    serve: Callable[[], Server], project: Path, wish: dict[str, str], why: str
) -> None:
    answer = serve().ask("/api/decide", {"wishes": [wish]})
    assert why in answer["refused"][0]["why"]
    assert len(list((project / "images").rglob("*.jpg"))) == 12


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/api/photos", None, {"x_lookalike_token": "wrong"}, 403),
        ("/api/decide", {"wishes": []}, {"x_lookalike_token": "wrong"}, 403),
        ("/api/decide", {"wishes": []}, {"origin": "http://evil.example"}, 403),
        ("/api/decide", {"wishes": []}, {"content_type": "text/plain"}, 415),
        ("/api/decide", {"wishes": [{"file": 1}]}, {}, 400),
        ("/api/picture?file=../images/circles/000.jpg", None, {}, 404),
        ("/api/picture?file=%2e%2e/lookalike.toml", None, {}, 404),
        ("/api/picture?file=manifest.jsonl", None, {}, 404),
        ("/../pyproject.toml", None, {}, 404),
    ],
)
def test_a_strange_request_is_refused(
    serve: Callable[[], Server], path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(HTTPError) as fault:
        serve().ask(path, body, **headers)
    assert fault.value.code == status


def test_a_picture_is_drawn_anew_and_carries_nothing_of_the_file(serve: Callable[[], Server], project: Path) -> None:
    path = project / "images" / "circles" / "000.jpg"
    path.write_bytes(path.read_bytes() + b"<script>alert(1)</script>")
    picture = serve().ask("/api/picture?file=circles/000.jpg")
    assert picture[:2] == b"\xff\xd8"
    assert b"script" not in picture


def test_ctrl_c_ends_the_page_well(serve: Callable[[], Server]) -> None:
    server = serve()
    server.decide("keep", "circles/000.jpg")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(10) == 0


def test_marks_go_out_and_come_back_as_a_file(cli: Cli, project: Path) -> None:
    cli("clean", "--suspects", 0)
    assert cli("clean", "--export-marks", "marks.csv").code == 0
    with Path("marks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    decisions = {"circles/000.jpg": "aside", "circles/001.jpg": "keep", "stripes/000.jpg": "label: circles"}
    with Path("marks.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows([row | {"decision": decisions.get(row["file"], "")} for row in rows])
    answer = cli("clean", "--apply", "marks.csv", "--json").data
    assert answer["done"] == {"kept": 1, "set aside": 1, "moved": 1}
    assert (project / "quarantine" / "circles" / "000.jpg").is_file()
    assert (project / "images" / "circles" / "000.jpg").is_file()  # the moved one has taken the free name
    assert cli("clean", "--undo", "--json").data["restored"] == ["circles/000~2.jpg"]


def test_a_file_that_is_no_list_of_marks_is_one_clear_line(cli: Cli, project: Path) -> None:
    Path("wrong.csv").write_text("a,b\n1,2\n")
    answer = cli("clean", "--apply", "wrong.csv")
    assert answer.code == 2
    assert "--export-marks" in answer.err


def test_a_photo_is_shown_large_when_somebody_looks_closer(serve: Callable[[], Server], project: Path) -> None:
    draw.photo("circles", 9, (900, 600)).save(project / "images/circles/large.jpg")
    server = serve()
    sizes = [
        Image.open(io.BytesIO(server.ask(f"/api/picture?file=circles/large.jpg{more}"))).size
        for more in ("", "&size=closer", "&size=../x")
    ]
    assert sizes[1] == (900, 600) and sizes[0] == sizes[2] and max(sizes[0]) < 600
