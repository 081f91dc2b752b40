"""Decoded photos in .cache/ stay within the limit that the settings give, whichever command reads them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.photos import images
from lookalike.photos.cache import exact, near
from lookalike.project.records import InputSpec
from tests.conftest import Cli
from tests.support import draw


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


def test_a_large_photo_is_learnt_from_a_smaller_one_with_the_same_pixels_and_measured_on_as_it_is(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw.folder(tmp_path / "images", {"circles": 5, "stripes": 5}, (1600, 1200))
    decoded: list[tuple[int, int]] = []
    opened = images.open_rgb

    def counted(*given: Any, **how: Any) -> Image.Image:
        photo = opened(*given, **how)
        decoded.append(photo.size)
        return photo

    monkeypatch.setattr(images, "open_rgb", counted)
    assert cli("train", "--size", 64, "--recipe", "probe", "--crop", "none").code == 0
    assert Counter(decoded) == {(400, 300): 10, (1600, 1200): 2}  # all of them, and those held back
    spec, (first, *_) = InputSpec(64), (tmp_path / "images").rglob("*.jpg")
    small, whole = (
        reading.cut(opened(first, at_least=reading.at_least)).astype(float) for reading in (near(spec), exact(spec))
    )
    assert np.abs(small - whole).mean() < 0.5
    assert near(replace(spec, crop="face")).at_least is None
