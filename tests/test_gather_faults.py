"""Everything that can go wrong between an address and a photo: one row, one reason, and the others go on.

The first part fetches all of FAULTS in a single run, each from a server of its own, and looks at each line. What needs
a run of its own follows. ROWS at the end says which numbered fault is shown where.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lookalike.cli import main
from lookalike.gather.reasons import meaning
from lookalike.text import without_user
from tests import test_gather_interrupted as interrupted
from tests.conftest import Cli
from tests.support.certificates import Authority
from tests.support.faults import ELSEWHERE, FAULTS, HEIC, Fault, grey, png_that_claims
from tests.support.faultserver import FaultServer
from tests.support.gathering import allow, fetch, lines, photos, reasons
from tests.support.searchserver import SearchServer

pytest_plugins = ("tests.support.gathering",)


@dataclass
class Run:
    """What one run over all faults left behind."""

    code: int
    lines: dict[str, dict[str, Any]]
    servers: dict[str, FaultServer]
    images: Path
    seconds: float


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One gather over every fault at once."""
    folder = tmp_path_factory.mktemp("faults")
    servers = {fault.path: FaultServer() for fault in FAULTS}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        allow(patch, *servers.values())
        for name, value in {"TOTAL_TIMEOUT": "3", "READ_TIMEOUT": "2", "MAX_BYTES": "3000000"}.items():
            patch.setenv(f"LOOKALIKE_NETWORK_{name}", value)
        for server in servers.values():
            server.__enter__()
            server.bodies |= {"heic": HEIC, "bomb-png": png_that_claims(20000, 20000), "grey": grey()}
        addresses = {server.url(path): path for path, server in servers.items()} | {url: url for url in ELSEWHERE}
        kept = {without_user(url): name for url, name in addresses.items()}
        rows = [{"url": url, "label": "cat"} for url in addresses]
        Path("list.jsonl").write_text("\n".join(map(json.dumps, rows)))
        start = time.monotonic()
        code = main(["gather", "--provider", "urls", "--source", "list.jsonl", "--quiet", "--jobs", "32"])
        seconds = time.monotonic() - start
        told = {kept[line["image_url"]]: line for line in lines()}
        yield Run(code, told, servers, folder / "images", seconds)
    for server in servers.values():
        server.__exit__()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.row:02}{fault.path[:50]}")
def test_each_fault_is_one_line_with_its_reason(run: Run, fault: Fault) -> None:
    line = run.lines[fault.path]
    assert (line.get("reason") or line["status"]) == fault.reason
    first = fault.path.partition("?")[0].partition("#")[0]
    if fault.hits > 1 or fault.reason.startswith(("http-4", "ok")):
        asked = (
            sum(run.servers[fault.path].hits.values())
            if "%" in first or " " in first
            else run.servers[fault.path].hits[first]
        )
        assert asked == fault.hits


@pytest.mark.parametrize("url", ELSEWHERE, ids=lambda url: url[:40])
def test_each_address_that_may_not_be_reached_is_refused(run: Run, url: str) -> None:
    assert run.lines[url]["reason"] == ELSEWHERE[url][1]


def test_every_reason_is_explained(run: Run) -> None:
    assert all(meaning(line["reason"]) for line in run.lines.values() if line["status"] == "failed")


def test_a_run_full_of_faults_ends_well_and_in_bounded_time(run: Run) -> None:
    assert run.code == 0
    assert run.seconds < 30
    assert len(run.lines) == len(FAULTS) + len(ELSEWHERE)


def test_only_whole_photos_under_our_own_names_are_left(run: Run) -> None:
    kept = {line["file"] for line in run.lines.values() if line["status"] == "ok"}
    assert set(photos(run.images)) == kept
    assert all(file == f"cat/urls-{Path(file).stem[-16:]}{Path(file).suffix}" for file in kept)
    assert not list(run.images.rglob("*.part"))
    assert not list(run.images.parent.rglob("*evil*"))


def test_no_name_or_password_of_an_address_is_kept(run: Run) -> None:
    kept = "".join(path.read_text() for path in run.images.rglob("*.jsonl"))
    assert "***@example.org" in kept and "***@example.net" in kept
    assert "s3cret" not in kept and "t0ken" not in kept


def test_the_name_follows_the_content_and_not_the_address(run: Run) -> None:
    assert run.lines["/format/WEBP/27/x.jpg"]["file"].endswith(".webp")
    assert run.lines["/format/AVIF/28/x.jpg"]["file"].endswith(".avif")
    assert run.lines["/format/PNG/29/x.jpg"]["file"].endswith(".png")
    assert "HEIC" in run.lines["/bytes/heic"]["detail"]


def test_nothing_arrives_at_a_private_host_behind_a_redirect(cli: Cli, faults: FaultServer) -> None:
    with FaultServer() as inner:
        fetch(cli, faults.url(f"/to?url={inner.url('/photo/circles/1')}"))
        assert (reasons(), inner.hits) == ({"blocked-address": 1}, {})


def test_a_refused_connection_is_a_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("LOOKALIKE_ALLOW_HOSTS", place)
        fetch(cli, f"http://{place}/x.jpg")
    assert reasons() == {"refused": 1}


def test_the_address_that_was_checked_is_the_one_connected_to(
    cli: Cli, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers with a public address first and a private one from then on gains nothing."""
    answers = iter(["93.184.216.34"])
    connected: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers, "127.0.0.1"), port))]

    def connect(self: socket.socket, address: tuple[str, int]) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", connect)
    fetch(cli, "http://rebind.example/x.jpg")
    assert connected == ["93.184.216.34"]
    assert lines()[0]["reason"] == "blocked-address"


def test_a_name_server_that_never_answers_costs_a_bounded_time(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(30))
    monkeypatch.setenv("LOOKALIKE_NETWORK_CONNECT_TIMEOUT", "0.3")
    start = time.monotonic()
    fetch(cli, "http://slow.example/x.jpg")
    assert (reasons(), time.monotonic() - start < 10) == ({"timeout": 1}, True)


def test_certificates_must_be_in_order_and_the_others_go_on(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    kinds = {
        "good": authority.context("127.0.0.1"),
        "expired": authority.context("127.0.0.1", days=-1),
        "wrong host": authority.context("127.0.0.2"),
        "self-signed": authority.context("127.0.0.1", own=True),
    }
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    servers = [FaultServer() for _ in kinds]
    for server, context in zip(servers, kinds.values(), strict=True):
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.__enter__()
    allow(monkeypatch, *servers)
    fetch(cli, *(f"https://{server.place}/photo/circles/{n}" for n, server in enumerate(servers)))
    for server in servers:
        server.__exit__()
    assert reasons() == {"ok": 1, "tls": 3}


def test_a_placeholder_served_300_times_leaves_no_photo(cli: Cli, faults: FaultServer) -> None:
    answer = fetch(cli, *(faults.url(f"/same/{number}") for number in range(300)))
    assert photos() == []
    assert answer.data["placeholders"] == [lines()[0]["file"]]
    assert len(lines()) == 301


def test_the_same_photo_from_two_addresses_is_one_file_with_both_sources(cli: Cli, faults: FaultServer) -> None:
    url, other = faults.url("/photo/circles/1"), faults.url("/photo/circles/1/again")
    fetch(cli, url, url, other)
    assert len(photos()) == 1
    assert {(line["image_url"], line["status"]) for line in lines()} in (
        {(url, "ok"), (other, "duplicate")}, {(other, "ok"), (url, "duplicate")},
    )  # fmt: skip


def test_a_photo_found_under_two_names_is_listed_and_kept_for_neither(cli: Cli, search: SearchServer) -> None:
    search.photos("ann", 12)
    search.photos("eve", 12, first=11)
    answer = cli("gather", "ann", "eve", "--provider", "bing", "--json")
    assert [conflict["file"].endswith(".jpg") for conflict in answer.data["conflicts"]] == [True]
    assert [row["total"] for row in answer.data["labels"]] == [11, 11]
    assert len(photos()) == 22
    assert len(photos("quarantine")) == 1
    assert cli("clean", "--undo", "--json").code == 0
    assert len(photos()) == 23


def test_a_thousand_addresses_of_the_real_mix_are_a_thousand_lines(cli: Cli, faults: FaultServer) -> None:
    """Shares as people have measured them: 85 % good, 6 % gone, 1.4 % refused, the rest broken in other ways."""
    mix = [("/photo/circles/{n}", 860), ("/status/404/{n}", 60), ("/status/403/{n}", 20), ("/html/html?{n}", 20),
           ("/status/400/{n}", 20), ("/encoding/gzip?{n}", 20)]  # fmt: skip
    urls = [faults.url(path.format(n=number)) for path, count in mix for number in range(count)]
    answer = fetch(cli, *urls, flags=("--jobs", 32))
    assert answer.data["saved"] == 860
    assert reasons() == {
        "ok": 860,
        "http-404": 60,
        "http-403": 20,
        "not-an-image": 20,
        "http-400": 20,
        "bad-encoding": 20,
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((429, {"detail": "Request was throttled."}, {"Retry-After": "3600"}), "rate-limited"),
        ((200, {"result_count": 0, "page_count": 0, "page": 1, "results": []}, {}), "no-hits"),
        ((200, {"items": []}, {}), "changed"),
        ((200, b"<html>unusual traffic</html>", {}), "blocked"),
        ((403, b"<html>no</html>", {}), "blocked"),
        ((301, b"", {"Location": "http://127.0.0.1:1/"}), "changed"),
    ],
)
def test_a_search_that_fails_says_how_and_the_next_one_goes_on(
    cli: Cli, search: SearchServer, answer: Any, outcome: str
) -> None:
    search.script["openverse"] = [answer]
    search.photos("cat", 12)
    result = cli("gather", "cat", "--count", 12, "--json")
    assert result.code == 0
    assert [(row["reason"], row["saved"]) for row in result.data["providers"]] == [(outcome, 0), ("enough", 12)]


def test_a_search_that_fails_alone_ends_with_four_and_the_reason(cli: Cli, search: SearchServer) -> None:
    search.script["openverse"] = [(429, {"detail": "Request was throttled."}, {"Retry-After": "3600"})]
    answer = cli("gather", "cat", "--provider", "openverse")
    assert answer.code == 4
    assert "openverse: it asked us to slow down: until " in answer.err


def test_sites_that_reserve_their_photos_can_be_overruled_by_the_user(cli: Cli, faults: FaultServer) -> None:
    fetch(cli, faults.url("/robots/1?X-Robots-Tag=noai"), flags=("--no-opt-out",))
    assert reasons() == {"ok": 1}


@pytest.mark.parametrize("target", ["file", "read-only", "link"])
def test_a_place_that_cannot_be_written_to_is_told_before_the_first_fetch(
    cli: Cli, faults: FaultServer, target: str, tmp_path: Path
) -> None:
    if target == "file":
        (tmp_path / "images").write_text("")
    elif target == "link":
        (tmp_path / "images").mkdir()
        (tmp_path / "images/cat").symlink_to(tmp_path / "elsewhere")
    else:
        (tmp_path / "images").symlink_to("/proc/self/attr")
    answer = fetch(cli, faults.url("/photo/circles/1"))
    assert (answer.code, not faults.hits) == (3, True)


def test_a_host_that_keeps_failing_is_left_alone(cli: Cli, faults: FaultServer) -> None:
    faults.cut.set()
    fetch(cli, *(faults.url(f"/photo/circles/{number}") for number in range(60)), flags=("--jobs", 2))
    assert set(reasons()) == {"connection-lost", "host-down"}
    assert sum(faults.hits.values()) < 12


def test_what_the_network_lost_halfway_comes_with_the_next_run(cli: Cli, faults: FaultServer) -> None:
    urls = [faults.url(f"/photo/circles/{number}") for number in range(40)]
    fetch(cli, *urls[:15])
    faults.cut.set()
    assert fetch(cli, *urls).data["saved"] == 0
    faults.cut.clear()
    assert fetch(cli, *urls).data["saved"] == 25
    assert len(photos()) == 40


ROWS: dict[int, Any] = {fault.row: test_each_fault_is_one_line_with_its_reason for fault in FAULTS if fault.row} | {
    6: test_a_refused_connection_is_a_line,
    18: test_nothing_arrives_at_a_private_host_behind_a_redirect,
    19: test_each_address_that_may_not_be_reached_is_refused,
    20: test_the_address_that_was_checked_is_the_one_connected_to,
    21: test_each_address_that_may_not_be_reached_is_refused,
    22: test_certificates_must_be_in_order_and_the_others_go_on,
    23: test_a_name_server_that_never_answers_costs_a_bounded_time,
    25: test_a_placeholder_served_300_times_leaves_no_photo,
    30: test_the_same_photo_from_two_addresses_is_one_file_with_both_sources,
    31: test_a_photo_found_under_two_names_is_listed_and_kept_for_neither,
    32: test_a_search_that_fails_says_how_and_the_next_one_goes_on,
    34: test_a_thousand_addresses_of_the_real_mix_are_a_thousand_lines,
    35: interrupted.test_a_run_killed_at_any_moment_loses_nothing_and_fetches_nothing_twice,
    36: interrupted.test_ctrl_c_ends_within_two_seconds_and_the_next_run_goes_on,
    37: interrupted.test_a_full_disk_ends_the_run_cleanly_and_says_how_much_is_missing,
    38: test_a_place_that_cannot_be_written_to_is_told_before_the_first_fetch,
    39: interrupted.test_two_runs_in_one_folder_take_turns,
    40: test_what_the_network_lost_halfway_comes_with_the_next_run,
}


def test_each_numbered_fault_has_a_case() -> None:
    assert sorted(ROWS) == list(range(1, 41))
