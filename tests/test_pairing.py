"""Each address gets its own photo, whatever a server sends ahead of it, after it, or too late."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lookalike.net import pairing
from lookalike.net.client import Client
from lookalike.settings.fields import NetworkSettings
from tests.conftest import Cli
from tests.support import draw
from tests.support.faultserver import FaultServer
from tests.support.gathering import fetch, lines, reasons

pytest_plugins = ("tests.support.gathering",)

Send = Callable[[bytes], None]


def photo(path: str) -> bytes:
    return draw.jpeg("circles", int(path.rpartition("/")[2]), (160, 140))


def whole(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", body])


def ahead(status: bytes, times: int = 1) -> Callable[[str, Send], None]:
    """So many announcements, then the photo a little later."""

    def answer(path: str, send: Send) -> None:
        for _ in range(times):
            send(b"HTTP/1.1 " + status + b"\r\nLink: </s.css>; rel=preload\r\n\r\n")
        time.sleep(0.15)
        send(whole(photo(path)))

    return answer


def late(*head: bytes) -> Callable[[str, Send], None]:
    """An answer without a body, and another one, with a photo, when the next request is under way."""

    def answer(path: str, send: Send) -> None:
        send(b"\r\n".join([*head, b"", b""]))
        time.sleep(0.15)
        send(whole(photo(path)))

    return answer


def doubtful(path: str, send: Send) -> None:
    send(whole(b"", b"Content-Length: %d" % len(photo(path))))
    time.sleep(0.15)
    send(whole(photo(path)))


ODD = {
    "hints": ahead(b"103 Early Hints"), "processing": ahead(b"102 Processing", 3), "continue": ahead(b"100 Continue"),
    "unknown": ahead(b"142 Whatever"), "nothing": late(b"HTTP/1.1 204 No Content"),
    "unchanged": late(b"HTTP/1.1 304 Not Modified"), "reset": late(b"HTTP/1.1 205 Reset Content"), "lengths": doubtful,
    "switch": late(b"HTTP/1.1 101 Switching Protocols", b"Upgrade: other"), "chatter": ahead(b"103 Early Hints", 99),
}  # fmt: skip
ANNOUNCED = ("hints", "processing", "continue", "unknown")


class Server:
    """Keeps connections open, answers each path in its way, and counts connections."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.place = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file:
            try:
                while line := file.readline():
                    while file.readline().strip():
                        pass
                    path = line.split()[1].decode()
                    answer = ODD.get(path.split("/")[1])
                    if answer:
                        answer(path, connection.sendall)
                    else:
                        connection.sendall(whole(photo(path)))
            except OSError:
                return

    def url(self, path: str) -> str:
        return f"http://{self.place}{path}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    started = Server()
    monkeypatch.setenv("LOOKALIKE_ALLOW_HOSTS", started.place)
    yield started
    started.socket.close()


@pytest.mark.parametrize("kind", ODD)
def test_no_photo_is_kept_under_another_address(cli: Cli, server: Server, kind: str) -> None:
    paths = [f"/{name}/{number}" for number, name in enumerate([kind, "plain"] * 5)]
    fetch(cli, *map(server.url, paths), flags=("--jobs", 1, "--per-host", 1))
    kept = {line["image_url"]: line["sha256"] for line in lines() if line["status"] == "ok"}
    own = {server.url(path): hashlib.sha256(photo(path)).hexdigest() for path in paths}
    assert kept.items() <= own.items()
    assert len(kept) == (10 if kind in ANNOUNCED else 5)
    assert set(reasons()) <= {"ok", "empty", "http-304", "bad-response", "connection-lost"}


@pytest.mark.parametrize(
    "sent", [b"HTTP/1.1 200 OK\r\nServer: x\r\n", b"HTTP/1.1 200 OK\r\nServ", b"HTTP/1.1 200 OK\r\n\r\n"]
)
def test_an_answer_that_ends_before_its_body_is_asked_for_again_by_the_next_run(
    cli: Cli, faults: FaultServer, sent: bytes
) -> None:
    faults.bodies["raw"] = sent
    fetch(cli, faults.url("/raw"))
    assert set(reasons()) <= {"connection-lost", "truncated"}
    faults.bodies["raw"] = whole(photo("/1"))
    fetch(cli, faults.url("/raw"))
    assert reasons()["ok"] == 1


def test_a_redirect_in_an_old_encoding_is_followed_byte_by_byte(cli: Cli, faults: FaultServer) -> None:
    faults.bodies["raw"] = b"HTTP/1.1 302 Found\r\nLocation: /photo/circles/3/\xfcber.jpg\r\nContent-Length: 0\r\n\r\n"
    fetch(cli, faults.url("/raw"))
    assert [line["final_url"] for line in lines()] == [faults.url("/photo/circles/3/%FCber.jpg")]


def test_where_a_redirect_led_is_not_kept_with_a_signature(cli: Cli, faults: FaultServer) -> None:
    place = b"/photo/circles/3?X-Amz-Signature=5ec2e7&X-Amz-Expires=60"
    faults.bodies["raw"] = b"HTTP/1.1 302 Found\r\nLocation: " + place + b"\r\nContent-Length: 0\r\n\r\n"
    fetch(cli, faults.url("/raw"))
    assert [line["status"] for line in lines()] == ["ok"]
    assert "5ec2e7" not in Path("images", "manifest.jsonl").read_text()


def client(server: Server) -> Client:
    return Client(NetworkSettings(), trusted=[server.place])


def test_a_connection_is_used_again_after_a_plain_answer(server: Server) -> None:
    asking = client(server)
    assert [asking.get(server.url(f"/plain/{n}")).content for n in range(4)] == [photo(f"/{n}") for n in range(4)]
    assert server.connections == 1


def test_a_connection_left_alone_for_too_long_is_not_used_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairing, "IDLE_SECONDS", 0.2)
    asking = client(server)
    for number in range(3):
        asking.get(server.url(f"/plain/{number}"))
        time.sleep(0.5)
    assert server.connections == 3


def test_announcements_are_passed_over_behind_a_proxy_too(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{server.place}")
    monkeypatch.setitem(ODD, "", lambda path, send: ODD["hints"]("/7", send))  # a proxy sees whole addresses
    body = Client(NetworkSettings()).get("http://photos.invalid/hints/7")
    assert body.content == photo("/7")
