"""A server with one path for each way a download can go wrong, on this machine only.

with FaultServer() as server:
    server.url("/photo/circles/7")        a good photo, drawn for that number
    server.hits["/status/404"]            how often a path was asked for
    server.headers_of("/photo/circles/7") what the last request carried
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import socket
import struct
import threading
import time
from collections import Counter
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support import draw


@lru_cache(maxsize=4096)
def jpeg(kind: str, seed: int) -> bytes:
    return draw.jpeg(kind, seed, (160, 140))


def picture(format: str, seed: int = 1, size: tuple[int, int] = (160, 140)) -> bytes:
    buffer = io.BytesIO()
    draw.photo("circles", seed, size).save(buffer, format)
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultServer

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.hits[parts.path] += 1
        self.server.seen[parts.path] = dict(self.headers)
        if self.server.cut.is_set():
            return self.reset()
        if parts.path == "/robots.txt":
            return self.robots_txt()
        name, *rest = [unquote(part) for part in parts.path.strip("/").split("/")]
        action = getattr(self, f"do_{name.replace('-', '_')}", None)
        if action is None:
            return self.answer(404)
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            action(*rest, **{key: values[0] for key, values in parse_qs(parts.query).items()})
        return None

    def do_POST(self) -> None:
        self.sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def answer(self, status: int = 200, body: bytes = b"", kind: str = "image/jpeg", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            for line in value.split("\n"):
                self.send_header(name if "-" in name else name.replace("_", "-"), line)
        self.end_headers()
        self.wfile.write(body)

    def raw(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()
        self.close_connection = True

    def do_raw(self) -> None:
        """Whatever bytes the test has prepared, as the whole answer."""
        self.raw(self.server.bodies["raw"])

    def reset(self) -> None:
        """Drop the connection so that the other side sees a reset, not an end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def nth(self) -> int:
        return self.server.hits[urlsplit(self.path).path]

    def robots_txt(self) -> None:
        text = self.server.bodies.get("robots.txt")
        self.answer(200 if text else 404, text or b"", "text/plain")

    # good answers

    def do_photo(self, kind: str, seed: str, *more: str, **query: str) -> None:
        self.answer(body=jpeg(kind, int(seed.partition(".")[0])))

    def do_slow(self, seconds: str, seed: str) -> None:
        with self.server.guard:
            self.server.active += 1
            self.server.most_active = max(self.server.most_active, self.server.active)
        time.sleep(float(seconds))
        with self.server.guard:
            self.server.active -= 1
        self.answer(body=jpeg("circles", int(seed)))

    def do_format(self, format: str, seed: str = "1", *more: str) -> None:
        self.answer(body=picture(format, int(seed)))

    def do_same(self, number: str) -> None:
        self.answer(body=jpeg("stripes", 424242))

    def do_sized(self, width: str, height: str) -> None:
        self.answer(body=picture("JPEG", 3, (int(width), int(height))))

    def do_bytes(self, name: str) -> None:
        self.answer(body=self.server.bodies[name])

    # refusals

    def do_status(self, status: str, number: str = "") -> None:
        self.answer(int(status))

    def do_flaky(self, status: str, times: str, seed: str, **headers: str) -> None:
        """So many refusals, then the photo."""
        if self.nth() <= int(times):
            return self.answer(int(status), b"", **headers)
        return self.answer(body=jpeg("circles", int(seed)))

    def do_hotlink(self, seed: str) -> None:
        self.answer(200 if "Referer" in self.headers else 403, jpeg("circles", int(seed)))

    def do_retry_after(self, seconds: str, status: str = "429") -> None:
        self.answer(int(status), Retry_After=seconds)

    def do_challenge(self) -> None:
        self.answer(403, b"<html>prove it</html>", "text/html", cf_mitigated="challenge")

    def do_shield(self, server: str) -> None:
        self.answer(
            403, b"<html>" + bytes(3000) + b"<script>window._cf_chl_opt={}</script>", "text/html", Server=server
        )

    def do_typed(self, kind: str, seed: str) -> None:
        self.answer(body=jpeg("circles", int(seed)), kind=kind.replace("~", "/"))

    # broken bodies

    def do_reset_body(self, seed: str = "1", times: str = "1") -> None:
        body = jpeg("circles", int(seed))
        if self.nth() > int(times):
            return self.answer(body=body)
        self.answer(body=body[:2000], Content_Length=str(len(body)))
        return self.reset()

    def do_short(self, seed: str = "1", times: str = "99") -> None:
        body = jpeg("circles", int(seed))
        if self.nth() > int(times):
            return self.answer(body=body)
        self.answer(body=body[:2000], Content_Length=str(len(body)))
        self.close_connection = True
        return None

    def do_no_length(self, seed: str = "1") -> None:
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg("circles", int(seed))[:2000])

    def do_length(self, value: str, seed: str = "1") -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {value}\r\n\r\n"
        self.raw(head.encode() + jpeg("circles", int(seed)))

    def do_bad_chunk(self) -> None:
        self.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n" + jpeg("circles", 1))

    def do_silent(self) -> None:
        self.server.gone.wait(60)
        self.close_connection = True

    def do_drip(self, what: str = "body") -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        data = b"HTTP/1.1 200 OK\r\nX-Slow: " if what == "head" else head
        self.wfile.write(data)
        while not self.server.gone.wait(0.1):
            self.wfile.write(b"x")
            self.wfile.flush()
        self.close_connection = True

    def do_endless(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n")
        block = b"\xff\xd8\xff" + b"x" * 65533
        while not self.server.gone.is_set():
            self.wfile.write(block)

    def do_bomb(self) -> None:
        self.answer(body=_bomb(), Content_Encoding="gzip")

    def do_encoding(self, name: str) -> None:
        self.answer(body=jpeg("circles", 1), Content_Encoding=name)

    def do_empty(self, status: str = "200") -> None:
        self.answer(int(status))

    def do_html(self, what: str = "html") -> None:
        bodies = {"html": b"<!DOCTYPE html><html>Please log in</html>", "json": b'{"error": "no"}', "svg": b"<svg/>"}
        self.answer(body=bodies[what])

    def do_named(self, seed: str, name: str) -> None:
        """A photo with a dangerous file name suggested; control characters go out as they are."""
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(jpeg('circles', int(seed)))}\r\n"
        head += f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
        self.raw(head.encode("utf-8", "replace") + jpeg("circles", int(seed)))

    def do_robots(self, seed: str, **headers: str) -> None:
        """A photo with headers from the query: lines of a repeated header are separated by a bar."""
        self.answer(
            body=jpeg("circles", int(seed)), **{name: value.replace("|", "\n") for name, value in headers.items()}
        )

    # redirects

    def do_to(self, **query: str) -> None:
        self.answer(302, Location=query["url"])

    def do_hops(self, number: str, seed: str = "1") -> None:
        left = int(number)
        self.answer(302, Location=f"/hops/{left - 1}/{seed}" if left > 1 else f"/photo/circles/{seed}")

    def do_loop(self) -> None:
        self.answer(302, Location="/loop")


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    return gzip.compress(b"\xff\xd8\xff" + bytes(100_000_000), 6)


class FaultServer(ThreadingHTTPServer):
    """Serves on a free port until the block ends. `gone` ends the endless answers; `cut` resets every request."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, handler: type[BaseHTTPRequestHandler] = Handler, address: str = "127.0.0.1") -> None:
        self.hits: Counter[str] = Counter()
        self.seen: dict[str, dict[str, str]] = {}
        self.bodies: dict[str, bytes] = {}
        self.gone, self.cut = threading.Event(), threading.Event()
        self.guard = threading.Lock()
        self.active = self.most_active = 0
        super().__init__((address, 0), handler)
        self.place = f"{address}:{self.server_port}"

    def url(self, path: str) -> str:
        return f"http://{self.place}{path}"

    def headers_of(self, path: str) -> dict[str, str]:
        return self.seen[path]

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    def __enter__(self) -> FaultServer:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *arguments: object) -> None:
        self.gone.set()
        self.shutdown()
        self.server_close()


def jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
