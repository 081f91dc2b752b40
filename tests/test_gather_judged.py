"""Photos, sites and licences are judged by what they are, not by a word in their name."""

from __future__ import annotations

import pytest

from lookalike.gather.licences import allows
from tests.conftest import Cli
from tests.support.faultserver import FaultServer
from tests.support.gathering import fetch, reasons

pytest_plugins = ("tests.support.gathering",)

NAMED = [
    "/photo/circles/1/unremoved-signin-logo-noimages.jpg",
    "/placeholder-text/../photo/circles/2",
    "/photo/circles/3/",
]


@pytest.mark.parametrize("path", NAMED)
def test_a_photo_is_judged_by_what_it_is_and_not_by_words_in_its_address(
    cli: Cli, faults: FaultServer, path: str
) -> None:
    fetch(cli, faults.url(f"/to?url={path}"))
    assert reasons() == {"ok": 1}


def test_what_a_server_calls_a_photo_does_not_matter_nor_does_what_it_calls_a_film(
    cli: Cli, faults: FaultServer
) -> None:
    faults.bodies |= {"film": b"\0\0\0\x20ftypisom" + bytes(4_000_000)}
    fetch(cli, faults.url("/typed/video~mp4/1"), faults.url("/bytes/film"))
    assert reasons() == {"ok": 1, "not-an-image": 1}


def test_a_site_that_is_down_behind_a_well_known_shield_is_asked_again(cli: Cli, faults: FaultServer) -> None:
    fetch(cli, faults.url("/flaky/503/1/15?Server=cloudflare"), faults.url("/shield/cloudflare"))
    assert reasons() == {"ok": 1, "blocked": 1}


@pytest.mark.parametrize(
    ("license", "allowed"),
    [
        ("All rights reserved by Ann", False), ("not in the public domain", False), ("by Ann", False), ("cc", False),
        ("Creative Commons Attribution-ShareAlike 4.0 International", True), ("CC BY-SA 3.0 de", True),
        ("CC BY-SA 4.0,3.0,2.5", True), ("PD-old-70", True), ("No known copyright restrictions", True),
    ],
)  # fmt: skip
def test_a_licence_is_read_as_a_whole(license: str, allowed: bool) -> None:
    assert allows(license, "cc") is allowed
