"""The checks around every page served from this computer."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from lookalike.errors import ConfigError
from lookalike.web import server as web

TOKEN = "secret-token"


async def _echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def _serve(private: bool) -> Iterator[tuple[str, int]]:
    sock = web.listen("127.0.0.1", 0)
    host, port = sock.getsockname()
    inner = Starlette(routes=[Route("/", _echo, methods=["GET", "POST"]), Route("/x", _echo, methods=["GET", "POST"])])
    app = web.RequestGuard(inner, hosts=web.own_hosts(host, port), token=TOKEN, private=private, max_body=1000)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield host, port
    server.should_exit = True
    thread.join()
    sock.close()


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    yield from _serve(private=False)


@pytest.fixture
def private_server() -> Iterator[tuple[str, int]]:
    yield from _serve(private=True)


def _ask(server: tuple[str, int], line: str, *headers: str, body: bytes = b"") -> str:
    """The whole answer to a raw request; HOST in a header stands for the server's own."""
    own = f"{server[0]}:{server[1]}"
    text = "\r\n".join([f"{line} HTTP/1.1", *(header.replace("HOST", own) for header in headers), "Connection: close"])
    with socket.create_connection(server, timeout=10) as connection:
        connection.sendall(text.encode() + b"\r\n\r\n" + body)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")


def _status(answer: str) -> int:
    return int(answer.split()[1])


@pytest.mark.parametrize(
    "header",
    ["Host: evil.example", "Host: 127.0.0.1", "Host: 127.0.0.1:1", "Host: 2130706433", "Host: [::ffff:7f00:1]", "X: y"],
)
def test_a_request_under_another_name_is_refused(server: tuple[str, int], header: str) -> None:
    assert _status(_ask(server, "GET /", header)) in (400, 403)


def test_an_own_request_is_answered_with_protective_headers(server: tuple[str, int]) -> None:
    answer = _ask(server, "GET /", "Host: HOST").lower()
    assert _status(answer) == 200
    assert "x-content-type-options: nosniff" in answer
    assert "frame-ancestors 'none'" in answer


@pytest.mark.parametrize(
    "headers",
    [
        ("Origin: http://evil.example", f"x-lookalike-token: {TOKEN}"),
        ("Origin: null", f"x-lookalike-token: {TOKEN}"),
        ("Sec-Fetch-Site: cross-site", f"x-lookalike-token: {TOKEN}"),
        ("Origin: http://HOST",),
        ("x-lookalike-token: wrong",),
        (f"Cookie: lookalike={TOKEN}",),
    ],
)
def test_a_change_from_elsewhere_or_without_the_token_is_refused(
    server: tuple[str, int], headers: tuple[str, ...]
) -> None:
    assert _status(_ask(server, "POST /", "Host: HOST", "Content-Length: 1", *headers, body=b"x")) == 403


def test_a_change_with_the_token_is_made(server: tuple[str, int]) -> None:
    headers = ("Host: HOST", f"x-lookalike-token: {TOKEN}", "Origin: http://HOST", "Content-Length: 3")
    assert _ask(server, "POST /", *headers, body=b"abc").endswith("3")


def test_a_private_page_opens_once_with_its_address_and_then_with_its_cookie(private_server: tuple[str, int]) -> None:
    assert _status(_ask(private_server, "GET /x", "Host: HOST")) == 403
    first = _ask(private_server, f"GET /?token={TOKEN}", "Host: HOST")
    assert _status(first) == 303
    assert "samesite=strict" in first.lower()
    assert (
        _status(_ask(private_server, "GET /x", "Host: HOST", f"Cookie: lookalike-{private_server[1]}={TOKEN}")) == 200
    )
    assert _status(_ask(private_server, "GET /?token=wrong", "Host: HOST")) == 403


def test_a_large_body_is_refused_before_and_while_it_arrives(server: tuple[str, int]) -> None:
    token = f"x-lookalike-token: {TOKEN}"
    assert _status(_ask(server, "POST /", "Host: HOST", token, "Content-Length: 1001")) == 413
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n"
    assert _status(_ask(server, "POST /", "Host: HOST", token, "Transfer-Encoding: chunked", body=chunk)) == 413
    assert _status(_ask(server, "GET /", "Host: HOST")) == 200


def test_a_body_that_drips_is_cut_off(server: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "BODY_SECONDS", 0.2)
    answer = _ask(server, "POST /", "Host: HOST", f"x-lookalike-token: {TOKEN}", "Content-Length: 10", body=b"x")
    assert _status(answer) == 408


def test_a_taken_port_is_one_clear_line(server: tuple[str, int]) -> None:
    with pytest.raises(ConfigError, match="cannot listen on"):
        web.listen(*server)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("web") / "images"
    (root / "ants").mkdir(parents=True)
    (root / "ants" / "x.jpg").write_bytes(b"inside")
    (root / "ants" / ".hidden").write_bytes(b"hidden")
    (root.parent / "secret").write_bytes(b"outside")
    (root.parent / "images2").mkdir()
    (root.parent / "images2" / "y").write_bytes(b"outside")
    (root / "ants" / "link").symlink_to(root.parent / "secret")
    (root / "up").symlink_to(root.parent)
    os.mkfifo(root / "ants" / "pipe")
    return root


@pytest.mark.parametrize(
    "name",
    [
        "../secret", "ants/../../secret", "..", "", ".", "/etc/passwd", "..\\secret", "ants\\x.jpg", "C:/x",
        "ants/x.jpg\0", "ants/link", "up/secret", "ants/.hidden", "../images2/y", "ants", "ants/none", "ants/pipe",
        "//etc/passwd",
    ],
)  # fmt: skip
def test_no_name_leaves_the_folder(files: Path, name: str) -> None:
    assert web.safe_path(files, name) is None


def test_a_file_inside_is_found(files: Path) -> None:
    assert web.safe_path(files, "ants/x.jpg") == files / "ants" / "x.jpg"


@given(
    st.lists(
        st.sampled_from(["..", ".", "ants", "x.jpg", "secret", "up", "%2e%2e", "", "\\", "link", "etc"]), max_size=6
    )
)
def test_whatever_the_name_only_files_inside_are_found(files: Path, parts: list[str]) -> None:
    path = web.safe_path(files, "/".join(parts))
    assert path is None or path.resolve().is_relative_to(files.resolve())
