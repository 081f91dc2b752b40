"""Sets so large that they take minutes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import draw

MANY, PHOTOS, MEMORY = 100_000, 50, 1_500_000_000


def clean(folder: Path) -> tuple[str, float, int]:
    """What `clean --dry-run` says, how many seconds it takes, and the most bytes that its largest process held."""
    command = [sys.executable, "-m", "lookalike", "clean", "--dry-run", "--suspects", "0", "--json"]
    start = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=os.environ.copy(), capture_output=True, text=True, check=True)
    return done.stdout, time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_files_are_cleaned_in_bounded_memory(tmp_path: Path) -> None:
    """Fifty photos under two thousand names each, as links to the same bytes on disk."""
    draw.folder(tmp_path / "drawn", {"circles": PHOTOS // 2, "stripes": PHOTOS // 2})
    for photo in (tmp_path / "drawn").glob("*/*.jpg"):
        label = tmp_path / "images" / photo.parent.name
        label.mkdir(parents=True, exist_ok=True)
        for number in range(MANY // PHOTOS):
            os.link(photo, label / f"{photo.stem}-{number}.jpg")
    out, first, memory = clean(tmp_path)
    assert out.count('"duplicate"') >= MANY - PHOTOS and memory < MEMORY
    again, second, _ = clean(tmp_path)
    assert again.count('"duplicate"') == out.count('"duplicate"') and second < first
