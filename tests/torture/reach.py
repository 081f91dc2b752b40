"""S: requests that arrive at a private address, bytes that leak, code of strangers that runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.attacks import hostile
from tests.attacks.test_models import NAMES
from tests.support import draw, models, servers
from tests.support.faultserver import FaultServer
from tests.test_serve import TRAVERSAL

SECRET = b"nobody may read this"


def score(folder: Path) -> tuple[str, bool]:
    """All three counts together: how often something came through."""
    counts = {
        "requests": requests(folder / "net"),
        "leaks": leaks(folder / "page"),
        "canaries": canaries(folder / "code"),
    }
    for what, number in counts.items():
        print(f"  {what}: {number}")
    return f"S {sum(counts.values())}", not any(counts.values())


def lookalike(folder: Path, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own, in a folder."""
    known = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | environment
    command = [sys.executable, "-m", "lookalike", *map(str, words)]
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)


def disguises(port: int) -> list[str]:
    """This machine's own address, spelt in every way that some program takes for it."""
    hosts = [
        "127.0.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1",
        "127.0.0.1.", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]", "localhost", "localhost.", "LOCALHOST", "user@127.0.0.1", "127.0.0.1%00.example.org",
        "127。0。0。1", "①②⑦.⓪.⓪.①", "127.0.0.1#@example.org", "example.org@127.0.0.1", "[::1%25lo]", "127.255.255.254",
    ]  # fmt: skip
    return [f"http://{host}:{port}/photo/circles/1" for host in hosts] + [
        f"http:\\\\127.0.0.1:{port}/photo/circles/1", f"//127.0.0.1:{port}/photo/circles/1",
        f"http:/127.0.0.1:{port}/photo/circles/1", f"127.0.0.1:{port}/photo/circles/1",
    ]  # fmt: skip


def requests(folder: Path) -> int:
    """How many requests arrive at a server that nobody allowed: from lists, behind redirects, by any command."""
    folder.mkdir(parents=True)
    models.bundle(folder / "models" / "m")
    with FaultServer() as inner, FaultServer() as outer:
        urls = disguises(inner.server_port)
        urls += [outer.url(f"/to?url={url}") for url in disguises(inner.server_port)]
        (folder / "list.jsonl").write_text("\n".join(json.dumps({"url": url, "label": "cat"}) for url in urls))
        allowed = {"LOOKALIKE_ALLOW_HOSTS": outer.place}
        done = lookalike(
            folder, "gather", "--provider", "urls", "--source", "list.jsonl", "--min-per-label", 0, **allowed
        )
        assert done.returncode == 0, done.stderr
        lookalike(folder, "predict", *urls, "--csv", **allowed)
        endpoint = {"LOOKALIKE_OPENVERSE_ENDPOINT": inner.url("/openverse")}
        lookalike(folder, "gather", "dog", "--provider", "openverse", "--min-per-label", 0, **endpoint, **allowed)
        assert sum(outer.hits.values()) >= len(urls) // 2, "the redirects were not asked for"
        searched = sum(number for path, number in inner.hits.items() if path.startswith("/openverse"))
        return sum(inner.hits.values()) - searched


def leaks(folder: Path) -> int:
    """How many answers of `serve` hold bytes of files beside the page, the model's among them."""
    model = models.bundle(folder / "toy")
    for place in (folder / "secret.txt", model / "secret.txt", folder / ".git" / "config"):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(SECRET)
    secrets = [
        SECRET,
        b"root:x:0:0",
        (model / "model.json").read_bytes()[:40],
        (model / "model.onnx").read_bytes()[:40],
    ]
    climbs = [start + up * depth + end for start in ("/", "/app.js/", "/static/", "/api/", "/img/")
              for up in ("../", "..%2f", "%2e%2e/", "..\\", "..%5c", "%252e%252e%252f", "....//", "..;/")
              for depth in (1, 3, 9) for end in ("secret.txt", "etc/passwd", "model.json", ".git/config")]  # fmt: skip
    absolute = [f"/{folder}/secret.txt", f"//{folder}/secret.txt", f"/file://{folder}/secret.txt", *TRAVERSAL]
    with servers.serving(model) as server:
        found = 0
        for path in [*climbs, *absolute]:
            head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n"
            answer = server.raw(head.encode())
            found += any(secret in answer for secret in secrets)
        return found


def canaries(folder: Path) -> int:
    """How many files appear that only code inside a model could have made."""
    folder.mkdir(parents=True)
    (folder / "photo.jpg").write_bytes(draw.jpeg("circles", 1))
    sung = 0
    for number, kind in enumerate(hostile.pickles(Path("x"))):
        canary = folder / f"canary{number}"
        data = hostile.pickles(canary)[kind]
        given = folder / f"given{number}"
        given.mkdir()
        for name in NAMES:
            (given / name).write_bytes(data)
            lookalike(folder, "predict", "photo.jpg", "--model", given / name)
        lookalike(folder, "predict", "photo.jpg", given / NAMES[0])
        models.bundle(folder / "models" / f"m{number}", data)
        lookalike(folder, "predict", "photo.jpg", "--model", f"m{number}")
        lookalike(folder, "train", "--weights", given / NAMES[1], "--epochs", 1)
        sung += canary.exists()
    return sung
