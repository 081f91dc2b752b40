"""Fixtures and shorthands for the tests of gather."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Answer, Cli
from tests.support.faultserver import FaultServer
from tests.support.searchserver import SearchServer


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer() as server:
        allow(monkeypatch, server)
        yield server


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Iterator[SearchServer]:
    """A search server that the settings point to; its own photos may be fetched."""
    with SearchServer() as server:
        allow(monkeypatch, server)
        for name in ("openverse", "commons"):
            monkeypatch.setenv(f"LOOKALIKE_{name.upper()}_ENDPOINT", server.url(f"/{name}"))
        monkeypatch.setenv("BING_SEARCH_V7_ENDPOINT", server.url("/bing"))
        monkeypatch.setenv("BING_SEARCH_V7_SUBSCRIPTION_KEY", server.key)
        yield server


def allow(monkeypatch: pytest.MonkeyPatch, *servers: FaultServer) -> None:
    monkeypatch.setenv("LOOKALIKE_ALLOW_HOSTS", ",".join(server.place for server in servers))


def fetch(cli: Cli, *urls: str, flags: tuple[object, ...] = ()) -> Answer:
    """Gather a list of addresses under the label "cat"."""
    Path("list.txt").write_text("\n".join(urls) + "\n", encoding="utf-8")
    return cli("gather", "cat", "--provider", "urls", "--source", "list.txt", "--min-per-label", 0, "--json", *flags)


def lines(folder: Path | str = "images") -> list[dict[str, Any]]:
    path = Path(folder) / "manifest.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def reasons(folder: Path | str = "images") -> dict[str, int]:
    """How often each reason is in the manifest; "ok" counts the photos kept."""
    return dict(Counter(line.get("reason") or line["status"] for line in lines(folder)))


def photos(folder: Path | str = "images") -> list[str]:
    """Every file below the folder that is not our bookkeeping."""
    root = Path(folder)
    kept = (path for path in root.rglob("*") if path.is_file() and path.parent != root)
    return sorted(path.relative_to(root).as_posix() for path in kept)
