"""A TLS server with the manners of photo hosts: a new connection for each photo, and a wait before the answer.

    python -m tests.bench.photo_server FOLDER COUNT

prints its port and serves /0.jpg to /COUNT-1.jpg on all of 127.0.0.0/8. Waits are 0.1 s plus an exponential share of
0.4 s on average, the same for the same photo. /span tells how long it took from the first request to the last answer
since the last /span, and how many photos were served.
"""

from __future__ import annotations

import io
import json
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.support.certificates import Authority

HOSTS = [f"127.0.0.{number}" for number in range(1, 76)]


def wait(number: int) -> float:
    """Seconds before the answer for a photo."""
    return 0.1 + random.Random(number).expovariate(1 / 0.4)


def photo(number: int) -> bytes:
    """A JPEG of about 150 KB, different for each number."""
    noise = np.random.default_rng(number).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/span":
            body = json.dumps({"seconds": self.server.last - self.server.first, "served": self.server.served}).encode()
            self.server.first, self.server.last, self.server.served = 0.0, 0.0, 0
        else:
            self.server.first = self.server.first or time.monotonic()
            number = int(self.path.strip("/").partition(".")[0])
            time.sleep(wait(number))
            body = self.server.photos[number]
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.path != "/span":
            with self.server.guard:
                self.server.last, self.server.served = time.monotonic(), self.server.served + 1


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    first = last = 0.0
    served = 0

    def __init__(self, folder: Path, count: int) -> None:
        super().__init__(("0.0.0.0", 0), Handler)
        self.guard = threading.Lock()
        self.photos = [photo(number) for number in range(count)]
        context = Authority(folder).context(*HOSTS)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


if __name__ == "__main__":
    server = Server(Path(sys.argv[1]), int(sys.argv[2]))
    print(server.server_port, flush=True)
    server.serve_forever()
