"""serve as a real process: its API, and everything a hostile or clumsy client may do to it."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lookalike.serve import is_local
from lookalike.settings.fields import ServeSettings
from tests.conftest import Cli
from tests.support import draw, models, servers
from tests.support.servers import Server

PHOTO = draw.jpeg("circles", 4)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the whole file."""
    with servers.serving(models.bundle(tmp_path_factory.mktemp("models") / "toy")) as running:
        yield running
        assert requests.get(f"{running.address}/healthz", timeout=10).json() == {"ok": True}  # it outlived them all


def test_a_photo_is_answered_as_a_form_and_as_a_body(server: Server) -> None:
    raw = server.ask(PHOTO)
    form = requests.post(f"{server.address}/api/predict", files={"photo": ("x.jpg", PHOTO)}, timeout=10).json()
    assert raw.status_code == 200 and raw.json()["label"] == "circles" and raw.json()["model"] == "toy"
    assert form == {**raw.json(), "file": "x.jpg"}


def test_what_the_model_knows_and_the_api_are_described(server: Server) -> None:
    assert requests.get(f"{server.address}/api/model", timeout=10).json()["labels"] == ["circles", "stripes"]
    api = requests.get(f"{server.address}/openapi.json", timeout=10).json()
    answer = api["paths"]["/api/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(answer["required"]) <= set(server.ask(PHOTO).json())
    assert "neither" in answer["properties"]["label"]["enum"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [(PHOTO[:2000], "truncated"), (b"<svg onload='alert(1)'/>", "not-an-image"), (b"x", "not-an-image")],
)
def test_what_is_no_photo_gets_its_reason(server: Server, body: bytes, reason: str) -> None:
    answer = server.ask(body)
    assert (answer.status_code, answer.json()["reason"]) == (422, reason)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_picture_that_would_fill_the_memory_is_refused(server: Server) -> None:
    header = b"BM" + b"\0" * 8 + b"\x36\0\0\0" + b"\x28\0\0\0" + (60_000).to_bytes(4, "little") * 2
    answer = server.ask(header + b"\x01\0\x18\0" + b"\0" * 400)
    assert answer.status_code == 422 and answer.json()["reason"] in ("too-large", "truncated", "unreadable")


def test_a_request_without_a_photo_is_a_bad_request(server: Server) -> None:
    assert server.ask(b"").status_code == 400
    assert requests.post(f"{server.address}/api/predict", files={"a": (None, "b")}, timeout=10).status_code == 400


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "", "2130706433:{port}", "localhost.:{port}"]
)
def test_only_its_own_names_are_answered(server: Server, host: str) -> None:
    request = f"GET / HTTP/1.1\r\nHost: {host.format(port=server.port)}\r\nConnection: close\r\n\r\n"
    status = server.raw(request.encode()).split()[1]
    assert status in (b"400", b"403")
    assert server.raw(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").split()[1] in (b"400", b"403")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example", "Content-Type": "text/plain"},
    ],
)  # fmt: skip
def test_other_sites_may_not_post(server: Server, headers: dict[str, str]) -> None:
    answer = server.ask(PHOTO, **headers)
    assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers


def test_a_body_over_the_cap_is_refused_with_and_without_a_length(server: Server) -> None:
    cap = ServeSettings().max_bytes
    head = f"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n"
    assert server.raw(f"{head}Content-Length: {10**9}\r\n\r\n".encode()).split()[1] == b"413"
    before = memory(server)
    status = send_chunks(server, head, cap + 2_000_000)
    assert status in (b"413", b"reset") and memory(server) - before < 100_000_000


def send_chunks(server: Server, head: str, size: int) -> bytes:
    """POST so many bytes in chunks, without saying how many there will be; the status, or that we were cut off."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        try:
            connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            for _ in range(size // 0x10000 + 1):
                connection.sendall(chunk)
            connection.sendall(b"0\r\n\r\n")
            return connection.recv(100).split()[1]
        except OSError:
            return b"reset"


def memory(server: Server) -> int:
    """Resident bytes of the server process."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_a_form_of_ten_thousand_parts_and_a_header_of_a_megabyte_are_refused(server: Server) -> None:
    parts = {f"f{i}": (f"{i}.jpg", b"x") for i in range(10_000)}
    assert requests.post(f"{server.address}/api/predict", files=parts, timeout=30).status_code == 400
    request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nX: {'x' * 1_000_000}\r\n\r\n"
    try:
        answer = server.raw(request.encode())
    except ConnectionError:
        answer = b""
    assert b"200 OK" not in answer


def test_two_hundred_slow_clients_do_not_stop_others(server: Server) -> None:
    head = f"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 1000000\r\n\r\n"
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(head.encode() + b"x")
        started = time.monotonic()
        assert server.ask(PHOTO).json()["label"] == "circles"
        assert time.monotonic() - started < 10
    finally:
        for connection in slow:
            connection.close()


def test_many_clients_at_once_all_get_their_own_answer(server: Server) -> None:
    answers: list[str] = []

    def ask(number: int) -> None:
        kind = ("circles", "stripes")[number % 2]
        answers.append(f"{kind}={server.ask(draw.jpeg(kind, (4, 1005)[number % 2])).json()['label']}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(24)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(set(answers)) == ["circles=circles", "stripes=stripes"] and len(answers) == 24


@pytest.mark.parametrize(
    "name", ["../../x", "C:\\x", "a\0b", "<img src=x onerror=alert(1)>", "x" * 1000, "/etc/passwd"]
)
def test_a_file_name_is_only_text(server: Server, name: str, tmp_path: Path) -> None:
    before = everything(Path(server.process.args[5]).parent)  # type: ignore[index]
    answer = requests.post(f"{server.address}/api/predict", files={"photo": (name, PHOTO)}, timeout=10)
    assert answer.status_code == 200 and len(answer.json()["file"]) <= 200
    assert answer.headers["content-type"] == "application/json"
    assert everything(Path(server.process.args[5]).parent) == before  # type: ignore[index]


def everything(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


TRAVERSAL = [
    "/../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/%252e%252e/etc/passwd", "/..%5c..%5cx",
    "//etc/passwd", "/page/../serve.py", "/app.js/../../serve.py", "/model.json", "/model.onnx", "/.git/config",
    "/app.js%00.css", "/remote.js", "/local.js",
]  # fmt: skip


@pytest.mark.parametrize("path", TRAVERSAL)
def test_no_path_leads_to_a_file(server: Server, path: str) -> None:
    assert served(server, path) in (b"404", b"400")


@settings(max_examples=60, deadline=None)
@given(path=st.text("./%25eEfF\\cC:~app.jsetcpasswd", max_size=30))
def test_no_made_up_path_leads_to_a_file(server: Server, path: str) -> None:
    assert path in ("", "app.js") or served(server, f"/{path}") in (b"404", b"400", b"405")


def served(server: Server, path: str) -> bytes:
    """The status of a GET for a path exactly as written."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n"
    return server.raw(request.encode()).split()[1]


def test_odd_methods_and_ranges_end_in_bounded_time(server: Server) -> None:
    for method, path in (("HEAD", "/"), ("PUT", "/"), ("TRACE", "/"), ("DELETE", "/api/predict"), ("BREW", "/")):
        request = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n"
        assert server.raw(request.encode()).split()[1] in (b"200", b"405", b"400", b"501")
    bomb = "bytes=" + ",".join(f"{i}-" for i in range(2000))
    assert requests.get(f"{server.address}/app.js", headers={"Range": bomb}, timeout=10).status_code in (200, 400, 416)


def test_the_page_and_its_answers_carry_their_guards(server: Server) -> None:
    headers = requests.get(f"{server.address}/", timeout=10).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "javascript" in requests.get(f"{server.address}/engine.js", timeout=10).headers["content-type"]


def test_beyond_this_computer_only_with_the_token(tmp_path: Path) -> None:
    with servers.serving(models.bundle(tmp_path / "toy"), "--host", "0.0.0.0") as server:
        assert len(server.token) > 20
        assert server.ask(PHOTO).status_code == 403
        assert requests.get(f"{server.address}/api/model", timeout=10).status_code == 403
        assert server.ask(PHOTO, **{"x-lookalike-token": "wrong"}).status_code == 403
        assert server.ask(PHOTO, **{"x-lookalike-token": server.token}).status_code == 200
        visit = requests.Session()
        page = visit.get(f"{server.address}/?token={server.token}", timeout=10)
        assert f'content="{server.token}"' in page.text and "token" not in page.url
        assert visit.get(f"{server.address}/api/model", timeout=10).json()["name"] == "toy"


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
    ],
)
def test_which_addresses_need_a_token(host: str, local: bool) -> None:
    assert is_local(host) is local


def test_nothing_listens_beyond_this_computer_unless_asked(server: Server) -> None:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{server.port:04X}")]
    assert ours == [f"0100007F:{server.port:04X}"]


def test_a_taken_port_and_a_missing_model_are_explained(cli: Cli, tmp_path: Path, server: Server) -> None:
    assert cli("serve").code == 3
    models.bundle(tmp_path / "models" / "toy")
    answer = cli("serve", "--port", server.port)
    assert answer.code == 2 and "lookalike serve --port 0" in answer.err


@pytest.mark.parametrize("host", ["nobody.invalid", "192.0.2.1", "x" * 70])
def test_an_address_that_is_not_this_computers_is_explained(cli: Cli, tmp_path: Path, host: str) -> None:
    models.bundle(tmp_path / "models" / "toy")
    answer = cli("serve", "--host", host, "--port", 0)
    assert answer.code == 2 and "name an address of this computer" in answer.err


def test_a_form_is_known_however_its_type_is_written_and_what_is_packed_is_no_bad_photo(server: Server) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n\r\n' + PHOTO + b"\r\n--x--\r\n"
    assert server.ask(body, **{"Content-Type": "Multipart/Form-Data; boundary=x"}).status_code == 200
    packed = server.ask(gzip.compress(PHOTO), **{"Content-Encoding": "gzip"})
    assert packed.status_code == 400 and packed.json()["reason"] == "bad-request"


def test_a_server_behind_a_proxy_or_another_port_is_told_its_addresses(tmp_path: Path, server: Server) -> None:
    refused = requests.post(f"{server.address}/api/predict", PHOTO, headers={"host": "Bears.example.org"}, timeout=10)
    assert refused.status_code == 403 and refused.text.endswith("start it with --allow-hosts bears.example.org")
    nowhere = server.ask(PHOTO, origin="null")
    assert nowhere.status_code == 403 and "--allow-hosts" not in nowhere.text
    allowed = "https://Bears.example.org/,localhost:9000"  # one as it stands in the address bar
    with servers.serving(models.bundle(tmp_path / "toy"), "--allow-hosts", allowed) as behind:
        for host, scheme in (("bears.example.org", "https"), ("localhost:9000", "http")):
            assert behind.ask(PHOTO, host=host, origin=f"{scheme}://{host}").status_code == 200
        for host in ("localhost:9001", "bears.example.org:8000", "www.bears.example.org", "<b>"):
            assert behind.ask(PHOTO, host=host).status_code == 403
        assert behind.ask(PHOTO, origin="https://elsewhere.example.org").status_code == 403
        assert "<b>" not in behind.ask(PHOTO, host="<b>").text


@pytest.mark.parametrize("host", ["*", "a.example:port", "a b", "[::1", "null", "http://"])
def test_an_allowed_host_that_can_be_none_is_a_usage_error(cli: Cli, tmp_path: Path, host: str) -> None:
    answer = cli("serve", "--allow-hosts", f"good.example:8080,{host}", "--port", 0)
    assert answer.code == 2 and "neither host nor host:port" in answer.err


def test_ctrl_c_ends_the_server_with_a_count(tmp_path: Path) -> None:
    with servers.serving(models.bundle(tmp_path / "toy"), "--json") as server:
        server.ask(PHOTO)
        server.process.send_signal(signal.SIGINT)
        out, err = server.process.communicate(timeout=30)
    assert server.process.returncode == 0 and json.loads(out)["data"]["answered"] == 1 and "Traceback" not in err


def test_serve_never_imports_torch(tmp_path: Path) -> None:
    program = "import sys, lookalike.serve; print(sorted({'torch', 'fastai', 'timm', 'onnx'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_no_upload_becomes_a_temporary_file(tmp_path: Path) -> None:
    folder = models.bundle(tmp_path / "models" / "toy")
    big = tmp_path / "big.png"
    Image.effect_noise((1500, 1500), 90).save(big)  # more than a form parser keeps in memory by itself
    with servers.serving(folder) as server:
        post(server, PHOTO)  # whatever is loaded at the first request is loaded now
        assert watch_files(server, lambda: post(server, big.read_bytes())) == []


def post(server: Server, photo: bytes) -> None:
    answer = requests.post(f"{server.address}/api/predict", files={"photo": ("big.png", photo)}, timeout=20)
    assert answer.status_code == 200


def watch_files(server: Server, act: Any) -> list[str]:
    """Files on disk that the server holds open while `act` runs, other than those it held before."""
    folder = Path(f"/proc/{server.process.pid}/fd")

    def held() -> set[str]:
        names = set()
        for entry in folder.iterdir():
            try:
                names.add(str(entry.readlink()))
            except OSError:
                continue
        return {name for name in names if name.startswith("/") and not name.startswith("/dev")}

    before, seen, done = held(), set[str](), threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.update(held())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        act()
    finally:
        done.set()
        watcher.join()
    return sorted(seen - before)
