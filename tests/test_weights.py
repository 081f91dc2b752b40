"""Files of weights: looked for where they may be, fetched once, pinned; offline, a line says both ways on."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from lookalike.net import weights
from tests.conftest import Cli
from tests.support import draw

CONTENT = bytes(range(256)) * 900
NAME = "face_detection_yunet_2023mar.onnx"


class Host(ThreadingHTTPServer):
    """One address for each way a download can go: /whole, /cut, /other, /longer, /gone."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str]] = []

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Host

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.server.asked.append((self.path, self.headers.get("Range", "")))
        if self.path == "/gone":
            return self.send_error(404)
        body = {"/other": CONTENT[::-1], "/longer": CONTENT + b"more"}.get(self.path, CONTENT)
        start = 0 if self.path == "/forgetful" else start
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : 131_072 if self.path == "/cut" else None])
        return None


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, no package that carries the file, and another file than the published one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "distributions", list)
    weights._packaged.cache_clear()
    pin(monkeypatch, CONTENT)


def pin(monkeypatch: pytest.MonkeyPatch, content: bytes, *addresses: str) -> None:
    sha256 = hashlib.sha256(content).hexdigest()
    entry = replace(weights.WEIGHTS["yunet"], bytes=len(content), sha256=sha256, addresses=addresses)
    monkeypatch.setitem(weights.WEIGHTS, "yunet", entry)


def fetch(monkeypatch: pytest.MonkeyPatch, host: Host, *paths: str) -> Path:
    """Get the file from these addresses, as a command does."""
    pin(monkeypatch, CONTENT, *map(host.address, paths))
    network = weights.NetworkSettings(allow_hosts=["127.0.0.1"])
    return weights.get("yunet", network, without="do without")


def test_a_file_is_fetched_once(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    path = fetch(monkeypatch, host, "/whole")
    assert path.read_bytes() == CONTENT and path == weights.cache_folder() / NAME
    assert fetch(monkeypatch, host, "/whole") == path and len(host.asked) == 1


def test_the_next_address_goes_on_where_the_last_broke_off(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    assert fetch(monkeypatch, host, "/gone", "/cut", "/whole").read_bytes() == CONTENT
    assert host.asked == [("/gone", ""), ("/cut", ""), ("/whole", "bytes=131072-")]


def test_a_host_that_cannot_go_on_is_read_from_the_start(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    assert fetch(monkeypatch, host, "/cut", "/forgetful").read_bytes() == CONTENT


@pytest.mark.parametrize("path", ["/other", "/longer"])
def test_another_file_under_the_name_is_refused(monkeypatch: pytest.MonkeyPatch, host: Host, path: str) -> None:
    with pytest.raises(weights.NetworkError):
        fetch(monkeypatch, host, path)
    assert weights.find("yunet") is None
    assert fetch(monkeypatch, host, path, "/whole").read_bytes() == CONTENT


def test_a_damaged_file_in_the_cache_is_fetched_again(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    path = fetch(monkeypatch, host, "/whole")
    path.write_bytes(CONTENT[:-1] + b"?")
    assert fetch(monkeypatch, host, "/whole").read_bytes() == CONTENT


def test_the_folder_of_the_settings_comes_first_and_must_hold_the_right_file(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    assert weights.find("yunet", tmp_path) == tmp_path / NAME
    (tmp_path / NAME).write_bytes(CONTENT[::-1])
    with pytest.raises(weights.ConfigError):
        weights.find("yunet", tmp_path)


def test_a_package_that_carries_the_very_bytes_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in (("lying", CONTENT[::-1]), ("honest", CONTENT)):
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (tmp_path / name).mkdir()
        (tmp_path / name / NAME).write_bytes(content)
        (info / "RECORD").write_text(f"{name}/__init__.py,,0\n{name}/{NAME},sha256=x,{len(CONTENT)}\n")
    packages = [PathDistribution(tmp_path / f"{name}-1.dist-info") for name in ("lying", "honest")]
    monkeypatch.setattr(weights, "distributions", lambda: packages)
    assert weights.find("yunet") == tmp_path / "honest" / NAME


def test_offline_one_line_says_both_ways_on(
    cli: Cli, tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    pin(monkeypatch, CONTENT, host.address("/whole"))
    answer = cli("train", "--crop", "face", "--size", "64", "--epochs", "0")
    assert answer.code == 4 and not host.asked  # nobody has listed this private host
    error = answer.err[answer.err.index("error:") :]
    assert NAME in error and str(weights.cache_folder()) in error and "--crop none" in error


def test_training_goes_on_without_faces_and_says_why(
    cli: Cli, tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    pin(monkeypatch, CONTENT, host.address("/gone"))
    monkeypatch.setenv("LOOKALIKE_ALLOW_HOSTS", "127.0.0.1")
    answer = cli("train", "--size", "64", "--epochs", "0")
    assert answer.code == 0 and host.asked
    assert "not searched for faces" in answer.err and "http-404" in answer.err and "MIT" in answer.err
