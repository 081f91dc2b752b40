"""Visitors who say nothing, or very slowly: the others are still answered."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import models

PROGRAM = """
import sys
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from lookalike.web import limits, server as web
web.BODY_SECONDS = limits.SECONDS = limits.READING_SECONDS = 1.0
sock = web.listen("127.0.0.1", 0)
print(sock.getsockname()[1], flush=True)
large = PlainTextResponse("x" * 50_000_000)
async def taken(request):
    return PlainTextResponse(str(len(await request.body())))
body = Route("/body", taken, methods=["POST"])
app = Starlette(routes=[body, Route("/large", large), Route("/healthz", PlainTextResponse("ok"))])
web.run(web.RequestGuard(app, hosts=web.own_hosts(*sock.getsockname())), sock)
"""


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[int]:
    """The port of `lookalike serve` over a model."""
    models.bundle(tmp_path / "models" / "m")
    command = [sys.executable, "-m", "lookalike", "--project", str(tmp_path), "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ.copy()) as process:
        assert process.stderr
        yield next(int(found[1]) for line in process.stderr if (found := re.search(r"127\.0\.0\.1:(\d+)", line)))
        process.send_signal(signal.SIGINT)


@pytest.fixture
def impatient() -> Iterator[int]:
    """The port of a server that waits one second where others wait ten or thirty."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield int(process.stdout.readline())
        process.send_signal(signal.SIGINT)


def status(port: int, path: str = "/healthz") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    return connection.getresponse().status


def begin(port: int, text: str) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=20)
    made.sendall(text.replace("HOST", f"127.0.0.1:{port}").encode())
    return made


HALF = {
    "nothing": "", "one letter": "G", "half a head": "GET / HTTP/1.1\r\nHost: HOST\r\nX: ",
    "half a body": "POST /api/predict HTTP/1.1\r\nHost: HOST\r\nContent-Length: 999\r\n\r\nx",
    "half a next head": "GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\nG",
}  # fmt: skip


@pytest.mark.parametrize("text", HALF.values(), ids=HALF)
def test_hundreds_of_visitors_who_do_not_go_on_lock_nobody_out(serving: int, text: str) -> None:
    held = [begin(serving, text) for _ in range(300)]
    assert [status(serving) for _ in range(5)] == [200] * 5
    for one in held:
        one.close()


def ended(one: socket.socket, keep: Callable[[], None] = lambda: None) -> bool:
    """Whether the server closes a connection by itself, `keep` being called again and again."""
    one.settimeout(0.2)
    for _ in range(60):
        try:
            keep()
            if not one.recv(1 << 16):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


@pytest.mark.parametrize("kind", ["one letter", "half a head", "half a next head"])
def test_a_head_that_drips_is_not_waited_for(impatient: int, kind: str) -> None:
    one = begin(impatient, HALF[kind])
    assert ended(one, lambda: one.sendall(b"x"))


def test_a_body_that_drips_is_not_waited_for(impatient: int) -> None:
    one = begin(impatient, "POST /body HTTP/1.1\r\nHost: HOST\r\nContent-Length: 999\r\n\r\nx")
    assert ended(one, lambda: one.sendall(b"x"))


def test_an_answer_that_nobody_reads_is_given_up(impatient: int) -> None:
    one = begin(impatient, "GET /large HTTP/1.1\r\nHost: HOST\r\n\r\n")
    one.recv(1000)
    time.sleep(3)
    got = 0
    one.settimeout(10)
    try:
        while part := one.recv(1 << 20):
            got += len(part)
    except OSError:
        pass
    assert got < 50_000_000


def test_a_visitor_who_reads_slowly_gets_all(impatient: int) -> None:
    one = begin(impatient, "GET /large HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n")
    got = 0
    while part := one.recv(1 << 20):
        got += len(part)
        threading.Event().wait(0.02)
    assert got > 50_000_000
