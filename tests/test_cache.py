"""Decoded photos in .cache/ stay within the limit that the settings give, whichever command reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cli


@pytest.mark.parametrize("command", ["evaluate --no-heat", "evaluate --no-heat --folds 2", "compare RUN RUN"])
def test_every_command_keeps_to_the_limit(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    pixels = trained / ".cache" / "pixels"
    pixels.mkdir(parents=True, exist_ok=True)
    (pixels / "from-before.rgb").write_bytes(bytes(1_000_000))
    run = next((trained / "runs").iterdir()).name
    assert cli(*command.replace("RUN", run).split()).code == 0
    assert (pixels / "from-before.rgb").exists()
    monkeypatch.setenv("LOOKALIKE_TRAIN_CACHE_LIMIT", "1")
    assert cli(*command.replace("RUN", run).split()).code == 0
    assert not (pixels / "from-before.rgb").exists()
