"""`lookalike serve` as a real process, and raw requests to it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests


@dataclass(frozen=True)
class Server:
    """A running server: its address, port, token, and process."""

    address: str
    port: int
    token: str
    process: subprocess.Popen[str]

    def ask(self, photo: bytes, **headers: str) -> requests.Response:
        """POST a photo as the whole body."""
        return requests.post(f"{self.address}/api/predict", data=photo, headers=headers, timeout=30)

    def change(self, path: str, photo: bytes = b"", **headers: str) -> requests.Response:
        """POST to api/`path` with the token that the page has."""
        page = requests.get(f"{self.address}/", timeout=10).text
        token = page.partition('lookalike-token" content="')[2].split('"')[0]
        headers = {"x-lookalike-token": token, **headers}
        return requests.post(f"{self.address}/api/{path}", data=photo, headers=headers, timeout=30)

    def raw(self, request: bytes, seconds: float = 10) -> bytes:
        """Send bytes as they are and read until the server closes or stays silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(request)
            parts = []
            try:
                while part := connection.recv(65536):
                    parts.append(part)
            except TimeoutError:
                pass
            return b"".join(parts)


@contextmanager
def serving(model: Path, *flags: str) -> Iterator[Server]:
    """Start a server over a model folder, on a free port."""
    command = [sys.executable, "-m", "lookalike", "serve", "--model", str(model), "--port", "0", *flags]
    with subprocess.Popen(
        command, cwd=model.parent, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr
            said, found = "", None
            while not found and (line := process.stderr.readline()):  # warnings may come first
                said, found = said + line, re.search(r"(http://[^/\s]+:(\d+))/(?:\?token=(\S+))?", line)
            assert found, said
            yield Server(found[1], int(found[2]), found[3] or "", process)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
