"""Photos, sites and licences are judged by what they are, not by a word in their name."""

from __future__ import annotations

import pytest

from lookalike.gather.licences import allows
from lookalike.gather.providers import commons, inat, serpapi
from tests.conftest import Cli
from tests.support.contracts import commons_page, observation, observations
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


@pytest.mark.parametrize(
    ("url", "large"),
    [
        ("https://a.example/square.d/1/square.jpg", "https://a.example/square.d/1/large.jpg"),
        ("https://a.example/1/square.jpeg?1545", "https://a.example/1/large.jpeg?1545"),
        ("https://a.example/square.org/1/medium.jpg", "https://a.example/square.org/1/medium.jpg"),
    ],
)
def test_only_the_file_of_a_photo_is_called_by_its_size(url: str, large: str) -> None:
    page = observations(1, 1, observation(1, "cc0"))
    page["results"][0]["photos"][0]["url"] = url
    assert inat.parse(page).hits[0].address == large


@pytest.mark.parametrize(
    ("query", "kept"),
    [("?utm_source=x", ""), ("?id=5&utm_source=x&w=2", "?id=5&w=2"), ("?id=%3Futm_", "?id=%3Futm_"), ("", "")],
)
def test_only_what_counts_visitors_is_taken_off_an_address(query: str, kept: str) -> None:
    page = commons_page(1, 900)
    page["imageinfo"][0]["url"] = f"https://a.example/1.jpg{query}"
    assert commons.parse({"query": {"pages": [page]}}).hits[0].address == f"https://a.example/1.jpg{kept}"


def test_only_a_thumbnail_of_its_own_is_no_original_to_serpapi() -> None:
    addresses = ["https://encrypted-tbn0.gstatic.com/images?q=x", "https://a.example/gstatic.com/1.jpg"]
    found = serpapi.parse({"images_results": [{"original": address} for address in addresses]})
    assert [hit.address for hit in found.hits] == addresses[1:]
