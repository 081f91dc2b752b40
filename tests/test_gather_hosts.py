"""The queue that decides which host is asked next, with a clock that stands still; and small parts of the client."""

from __future__ import annotations

import gzip
import random
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from lookalike.gather.hosts import Hosts, site
from lookalike.gather.reasons import meaning
from lookalike.gather.search import connections
from lookalike.net.addresses import is_public
from lookalike.net.client import Client, FetchError, may_recover, retry_after
from lookalike.settings.fields import NetworkSettings
from tests.conftest import Cli
from tests.support import draw
from tests.support.faultserver import FaultServer
from tests.support.gathering import fetch, photos, reasons
from tests.support.searchserver import SearchServer

pytest_plugins = ("tests.support.gathering",)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def queue(clock: Clock, at_once: int = 99, per_host: int = 2, pause: float = 0.0) -> Hosts[int]:
    return Hosts(at_once, per_host, pause, lambda url: "listed" in url, clock, connections())


def taken(hosts: Hosts[int]) -> list[int]:
    """Everything that may start at this moment."""
    found = []
    while (item := hosts._pick(hosts.clock())) is not None:
        found.append(item[1])
    return found


def test_hosts_take_turns_and_get_two_at_a_time() -> None:
    hosts = queue(Clock())
    for number in range(4):
        hosts.add(f"http://a.example/{number}", number)
        hosts.add(f"http://b.example/{number}", 10 + number)
    assert taken(hosts) == [0, 10, 1, 11]
    hosts.done("http://a.example/0", failed=False)
    assert taken(hosts) == [2]


def test_no_more_than_so_many_run_in_all() -> None:
    hosts = queue(Clock(), at_once=3)
    for number in range(9):
        hosts.add(f"http://host{number}.example/", number)
    assert taken(hosts) == [0, 1, 2]
    hosts.done("http://host1.example/", failed=True)
    assert taken(hosts) == [3]


def test_starts_on_one_site_are_apart_and_listed_hosts_are_free() -> None:
    clock = Clock()
    hosts = queue(clock, per_host=9, pause=0.1)
    for number in range(3):
        hosts.add(f"http://www{number}.slow.example/", number)
        hosts.add(f"http://listed/{number}", 10 + number)
    assert taken(hosts) == [0, 10, 11, 12]
    clock.now += 0.11
    assert taken(hosts) == [1]


def test_all_hosts_of_wikimedia_share_two_connections() -> None:
    hosts = queue(Clock(), per_host=8)
    for number in range(4):
        hosts.add(f"https://{'thumb' if number % 2 else 'upload'}.wikimedia.org/{number}", number)
    assert taken(hosts) == [0, 1]


def test_a_host_that_asks_for_time_gets_it_and_the_others_go_on() -> None:
    clock = Clock()
    hosts = queue(clock)
    hosts.add("http://a.example/", 1)
    hosts.add("http://b.example/", 2)
    hosts.hold("http://a.example/", 3)
    assert taken(hosts) == [2]
    clock.now += 3.1
    assert taken(hosts) == [1]


def test_a_task_to_be_tried_later_waits_its_time() -> None:
    clock = Clock()
    hosts = queue(clock)
    hosts.add("http://a.example/", 1, delay=0.02)
    assert taken(hosts) == []
    clock.now += 1
    assert hosts.take() == ("http://a.example/", 1)


def test_five_straight_failures_close_a_host_and_a_success_opens_it() -> None:
    hosts = queue(Clock(), per_host=99)
    for number in range(6):
        hosts.add(f"http://a.example:81/{number}", number)
    taken(hosts)
    for number in range(5):
        assert hosts.why_not("http://a.example:81/") == ""
        hosts.done(f"http://a.example:81/{number}", failed=True)
    assert hosts.why_not("http://a.example:81/x") == "host-down"
    assert hosts.why_not("http://a.example/") == ""
    hosts.done("http://a.example:81/5", failed=False)
    assert hosts.why_not("http://a.example:81/x") == ""


def test_slow_addresses_that_time_out_together_do_not_close_a_host_that_answers_others() -> None:
    clock = Clock()
    hosts = queue(clock, per_host=99)
    for number in range(9):
        hosts.add(f"http://a.example/{number}", number)
    taken(hosts)
    began, clock.now = clock.now, clock.now + 29
    hosts.done("http://a.example/0", failed=False, began=clock.now - 1)
    clock.now += 1
    for number in range(1, 9):
        hosts.done(f"http://a.example/{number}", failed=True, began=began)
    assert hosts.why_not("http://a.example/") == ""


def test_a_parked_host_is_answered_at_once() -> None:
    clock = Clock()
    hosts = queue(clock, pause=60)
    hosts.park("http://a.example/", 3600)
    for number in range(4):
        hosts.add(f"http://a.example/{number}", number)
    assert hosts.why_not("http://a.example/") == "rate-limited"
    assert taken(hosts) == [0, 1, 2, 3]
    clock.now += 3601
    assert hosts.why_not("http://a.example/") == ""


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("live.staticflickr.com", "staticflickr.com"),
        ("example.org", "example.org"),
        ("news.bbc.co.uk", "bbc.co.uk"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("localhost", "localhost"),
    ],
)
def test_a_site_is_the_part_of_a_host_that_was_bought(host: str, expected: str) -> None:
    assert site(host) == expected


def test_retry_after_is_a_number_or_a_date() -> None:
    assert retry_after({"Retry-After": "120"}) == 120
    assert retry_after({"Retry-After": formatdate(time.time() + 100, usegmt=True)}) == pytest.approx(100, abs=3)
    assert retry_after({"Retry-After": formatdate(time.time() - 100, usegmt=True)}) == 0
    assert retry_after({"Retry-After": "9" * 400}) == 7 * 86400
    for senseless in ("soon", "²", "Wed, 21 Oct 29999999999999999999 07:28:00 GMT"):
        assert retry_after({"Retry-After": senseless}) is None
    assert retry_after({}) is None


def test_only_what_may_change_is_tried_again() -> None:
    again = [
        "timeout",
        "dns",
        "refused",
        "connection-lost",
        "truncated",
        "http-429",
        "http-500",
        "http-503",
        "http-599",
    ]
    never = ["http-404", "http-403", "http-410", "blocked-address", "tls", "not-an-image", "opt-out", "too-small", ""]
    assert [reason for reason in again + never if may_recover(reason)] == again


PUBLIC = [
    "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34", "64:ff9b::5db8:d822",
    "2002:808:808::",
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "0.0.0.0", "198.51.100.7", "224.0.0.1", "::ffff:10.1.2.3",
    "64:ff9b::a01:203", "64:ff9b:1::1", "2002:a01:203::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::1",
    "::", "::7f00:1", "::10.0.0.1", "::8.8.8.8", "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "fec0::1", "feff::1",
    "100::1",
    "64:ff9b::7f00:1", "64:ff9b:1::808:808", "2002:7f00:1::", "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "2606:4700::200:5efe:10.0.0.1", "2001:db8::1", "3fff::1", "5f00::1", "192.0.0.1", "192.88.99.1", "198.18.0.1",
    "240.0.0.1", "255.255.255.255",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC + PRIVATE)
def test_an_address_is_public_only_when_all_it_wraps_is(address: str) -> None:
    assert is_public(address) is (address in PUBLIC)


@pytest.mark.parametrize("jobs", [1, 4])
def test_as_many_downloads_run_at_once_as_were_asked_for(cli: Cli, faults: FaultServer, jobs: int) -> None:
    fetch(cli, *(faults.url(f"/slow/0.2/{number}") for number in range(4 * jobs)), flags=("--jobs", jobs))
    assert faults.most_active == jobs


def test_a_run_does_not_wait_for_slow_addresses_when_others_will_do(cli: Cli, search: SearchServer) -> None:
    search.results["cat"] = [search.url(f"/drip/body?{number}") for number in range(3)]
    search.photos("cat", 40)
    answer = cli("gather", "cat", "--provider", "bing", "--count", 12, "--patience", 1, "--json")
    assert answer.data["labels"][0]["total"] == len(photos()) == reasons()["ok"] >= 12
    assert reasons()["abandoned"] >= 3
    assert "timeout" not in reasons()


def test_robots_txt_is_obeyed_when_asked_for(cli: Cli, faults: FaultServer) -> None:
    faults.bodies["robots.txt"] = b"User-agent: *\nDisallow: /photo/circles/1\n"
    urls = [faults.url("/photo/circles/1"), faults.url("/photo/circles/2")]
    fetch(cli, *urls, flags=("--robots",))
    assert reasons() == {"robots": 1, "ok": 1}
    assert faults.hits["/photo/circles/1"] == 0
    fetch(cli, faults.url("/photo/circles/3"))
    assert faults.hits["/robots.txt"] <= 2


def test_a_host_without_robots_txt_allows_everything(cli: Cli, faults: FaultServer) -> None:
    fetch(cli, faults.url("/photo/circles/1"), flags=("--robots",))
    assert reasons() == {"ok": 1}


def test_what_a_killed_run_was_writing_is_swept_away(cli: Cli, faults: FaultServer) -> None:
    Path("images/cat").mkdir(parents=True)
    Path("images/cat/.urls-0123.jpg.abc.part").write_bytes(b"half")
    fetch(cli, faults.url("/photo/circles/1"))
    assert len(photos()) == 1


def test_the_terms_of_a_restricted_provider_are_told_when_it_is_used(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 10)
    assert "bing: Microsoft's own terms forbid" in cli("gather", "cat", "--provider", "bing").err
    assert "forbid" not in cli("gather", "cat", "--provider", "openverse").err


def test_a_proxy_is_used_and_a_private_name_is_refused_before_it(
    cli: Cli, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy here is the fault server itself: it gets the whole address in the request line."""
    monkeypatch.setenv("http_proxy", faults.url(""))
    monkeypatch.setenv("LOOKALIKE_ALLOW_HOSTS", "photos.invalid")
    fetch(cli, "http://photos.invalid/photo/circles/1", "http://localhost/photo/circles/2", "http://10.0.0.1/x.jpg")
    assert reasons() == {"ok": 1, "blocked-address": 2}
    assert list(faults.hits) == ["/photo/circles/1"]


GOOD = draw.jpeg("circles", 1)
ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(GOOD) + GOOD,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(GOOD) + GOOD + b"\r\n0\r\n\r\n",
    b"HTTP/1.0 302 Found\r\nLocation: /x?y=1\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(GOOD),
    b"HTTP/1.1 429 Slow\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n",
]
INSERTS = [b"-1", b"9" * 30, b"\0", b"\xff\xfe", b";", b"chunked, gzip", b"http://[::1", b"//", b"\r\n", b"\xb2"]


def spoilt(answer: bytes, randomness: random.Random) -> bytes:
    """An answer with bytes of its head changed, dropped or added, or its end cut off."""
    content = bytearray(answer)
    for _ in range(randomness.randint(1, 5)):
        place = randomness.randrange(min(len(content), 200) or 1)
        match randomness.randrange(4):
            case 0:
                content[place : place + 1] = bytes([randomness.randrange(256)])
            case 1:
                del content[place : place + randomness.randint(1, 20)]
            case 2:
                content[place:place] = randomness.choice(INSERTS)
            case 3:
                del content[randomness.randrange(len(content) or 1) :]
    return bytes(content)


def test_no_answer_of_a_server_however_broken_raises_anything_but_a_reason(faults: FaultServer) -> None:
    randomness = random.Random(1)
    client = Client(NetworkSettings(allow_hosts=[faults.place], total_timeout=1, read_timeout=1))
    reached = set()
    for _ in range(250):
        faults.bodies["raw"] = spoilt(randomness.choice(ANSWERS), randomness)
        try:
            client.get(faults.url("/raw"))
        except FetchError as error:
            reached.add(error.reason)
    assert all(meaning(reason) for reason in reached)
    assert len(reached) > 4
