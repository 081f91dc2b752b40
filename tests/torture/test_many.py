"""Sets so large that they take minutes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support import draw

MANY, PHOTOS, MEMORY = 100_000, 50, 1_500_000_000
CLEAN = ("clean", "--dry-run", "--suspects", "0", "--json")


def clean(folder: Path) -> tuple[str, int]:
    """What `clean --dry-run` says, and the most bytes that its largest process held."""
    with (folder / "said.json").open("w+") as said:
        child = subprocess.Popen([sys.executable, "-m", "lookalike", *CLEAN], cwd=folder, stdout=said)
        _, status, used = os.wait4(child.pid, 0)  # of this child and those it waited for, not of earlier tests' ones
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        return Path(said.name).read_text(), used.ru_maxrss * 1024


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_files_are_cleaned_in_bounded_memory(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty photos under two thousand names each, as links to the same bytes on disk."""
    draw.folder(tmp_path / "drawn", {"circles": PHOTOS // 2, "stripes": PHOTOS // 2})
    for photo in (tmp_path / "drawn").glob("*/*.jpg"):
        label = tmp_path / "images" / photo.parent.name
        label.mkdir(parents=True, exist_ok=True)
        for number in range(MANY // PHOTOS):
            os.link(photo, label / f"{photo.stem}-{number}.jpg")
    said, memory = clean(tmp_path)
    assert said.count('"duplicate"') >= MANY - PHOTOS and memory < MEMORY

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a photo that is known was opened again")

    monkeypatch.setattr("lookalike.photos.decode.Pool.call", opened)
    assert cli(*CLEAN).out.count('"duplicate"') == said.count('"duplicate"')
