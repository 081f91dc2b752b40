"""Decoding in children: none of them can hurt the run, whatever a photo does to it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lookalike.errors import UnusablePhoto
from lookalike.photos import decode
from lookalike.photos.decode import Pool
from tests.conftest import Cli
from tests.support import crowds, draw


def double(number: int) -> int:
    return 2 * number


def abort(number: int) -> int:
    if number == 3:
        os.abort()
    return number


def hang(number: int) -> int:
    if number == 3:
        time.sleep(60)
    return number


def hungry(number: int) -> int:
    return len(bytearray(2_000_000_000)) if number == 3 else number


def loud(number: int) -> int:
    os.write(1, b"noise that must not reach the answers")
    os.write(2, b"libtiff: complaint")
    return number


def buggy(number: int) -> float:
    return 1 / number


def _answers(name: str, **limits: Any) -> list[Any]:
    with Pool(2, **limits) as pool:
        return [
            answer.reason if isinstance(answer, UnusablePhoto) else answer
            for _, answer in pool.map(f"tests.test_clean_decode:{name}", range(8))
        ]


def test_answers_come_back_in_the_order_of_the_items() -> None:
    assert _answers("double") == [0, 2, 4, 6, 8, 10, 12, 14]


@pytest.mark.parametrize(("name", "reason"), [("abort", "decoder-died"), ("hang", "too-slow"), ("hungry", "too-large")])
def test_an_item_that_kills_its_child_gets_a_reason_and_the_others_their_answers(name: str, reason: str) -> None:
    assert _answers(name, seconds=4) == [0, 1, 2, reason, 4, 5, 6, 7]


def test_an_exception_in_the_child_is_one_row() -> None:
    assert _answers("buggy")[:2] == ["unreadable", 1.0]


def test_what_libraries_print_in_a_child_stays_there(capfd: pytest.CaptureFixture[str]) -> None:
    assert _answers("loud") == list(range(8))
    assert capfd.readouterr() == ("", "")


def test_items_are_taken_only_as_fast_as_answers_are_read() -> None:
    taken = []
    with Pool(1) as pool:
        answers = pool.map("tests.test_clean_decode:double", (taken.append(n) or n for n in range(1000)))
        next(answers)
        assert len(taken) < 50


def test_no_child_outlives_the_pool() -> None:
    with Pool(2) as pool:
        assert pool.call("tests.test_clean_decode:double", 4) == 8
        children = [child._process for child in pool._children]
    assert all(child is not None and child.poll() is not None for child in children)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What children load, one entry for each that is started."""
    started: list[str] = []
    spawn = decode._spawn

    def counted(loads: str) -> subprocess.Popen[bytes]:
        started.append(loads)
        return spawn(loads)

    monkeypatch.setattr(decode, "_spawn", counted)
    return started


@pytest.mark.parametrize("jobs", [1, 2])
def test_clean_has_as_many_children_as_it_was_told(cli: Cli, tmp_path: Path, started: list[str], jobs: int) -> None:
    crowds.folder(tmp_path / "images", "trap", 200)  # of which many pairs are compared closely
    photo = next(tmp_path.glob("images/*/*.jpg"))
    with Image.open(photo) as small:
        small.resize((2 * small.width, 2 * small.height)).save(photo.with_name("enlarged.jpg"))
    assert cli("clean", "--json", "--dry-run", "--suspects", 0, "--jobs", jobs).data["groups"]
    assert len(started) == jobs


def test_clean_starts_no_children_where_nothing_is_new(cli: Cli, tmp_path: Path, started: list[str]) -> None:
    draw.folder(tmp_path / "images", {"circles": 4})
    cli("clean", "--suspects", 0)
    assert started
    started.clear()
    cli("clean", "--suspects", 0)
    assert not started


def test_photos_come_back_as_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(draw.jpeg("circles", 1))
    with Pool(1) as pool:
        assert pool.call("lookalike.photos.images:open_rgb", tmp_path / "a.jpg").size == (160, 120)
