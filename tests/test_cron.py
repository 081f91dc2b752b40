"""Commands as a cron job runs them: no terminal, no home, little of everything, and a clock that is put back."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.conftest import Cli
from tests.support import runs
from tests.support.searchserver import SearchServer

pytest_plugins = ("tests.support.gathering",)


def made(path: Path) -> datetime:
    return datetime.fromisoformat(json.loads(path.read_text())["created"])


def test_a_clock_that_was_put_back_does_not_make_the_old_newer(cli: Cli, tmp_path: Path) -> None:
    run = runs.untrained(tmp_path) / "run.json"
    future = (datetime.now(UTC) + timedelta(days=400)).isoformat(timespec="milliseconds")
    run.write_text(json.dumps({**json.loads(run.read_text()), "created": future}))
    assert cli("export", "--name", "m", "--run", "r1").code == 0
    new = Path(cli("train", "--size", 32, "--recipe", "probe", "--json").data["folder"])
    assert cli("evaluate", "--no-heat", "--json").data["run"] == new.name
    assert cli("predict", "images/circles/000.jpg", "--json").data["model"]["name"] == new.name
    times = [made(path) for path in (run, tmp_path / "models/m/model.json", new / "run.json", new / "evaluation.json")]
    assert times == sorted(times) and len(set(times)) == 4


def test_what_a_search_answered_in_the_future_is_asked_again(cli: Cli, search: SearchServer, tmp_path: Path) -> None:
    search.photos("cat", 30)
    cli("gather", "cat", "--provider", "bing", "--count", 10)
    (kept,) = (tmp_path / ".cache").rglob("*bing*.json")
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "at": time.time() + 10**8}))
    assert cli("gather", "cat", "--provider", "bing", "--count", 20, "--json").data["calls"] == {"bing": 1}
