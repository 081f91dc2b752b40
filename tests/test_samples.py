"""`export --sample`: photos that the maker chooses are shown by the app, small, and only where that is allowed."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lookalike.files import sha256_file
from lookalike.project.manifest import Manifest
from lookalike.project.records import ImageRecord
from tests.conftest import Cli
from tests.support import draw, runs


def embedded(page: Path) -> list[tuple[str, bytes]]:
    """The samples of a page, each with its name."""
    found = re.findall(r'<img alt="([^"]*)" src="data:image/jpeg;base64,([^"]+)"', page.read_text())
    return [(name, base64.b64decode(data)) for name, data in found]


def test_samples_go_into_every_app_small_upright_and_without_metadata(cli: Cli, tmp_path: Path) -> None:
    runs.untrained(tmp_path)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "where I live"  # lies on its side, and says something
    draw.photo("stripes", 1, (1000, 500)).save(tmp_path / "mine.jpg", exif=exif)
    answer = cli("export", "--name", "m", "--to", "docker,voila,space", "--gradio", "--sample", "mine.jpg",
                 "--sample", "circles/000.jpg", "--json")  # fmt: skip
    assert answer.code == 0, answer.err
    apps = tmp_path / "apps"
    (name, data), (other, _) = embedded(apps / "m-docker" / "page" / "index.html")
    assert (name, other) == ("Example 1", "Example 2") and b"where I live" not in data
    with Image.open(io.BytesIO(data)) as photo:
        assert photo.size == (320, 640) and not photo.getexif()
    for app in ("m-voila", "m-space"):
        assert (apps / app / "samples" / "Example 1.jpg").read_bytes() == data
    told = answer.data["told"]["docker"]
    assert len(told) == 1 and re.fullmatch(r"2 example photos for everybody to see, \d+ kB", told[0])
    assert cli("export", "--name", "m", "--to", "voila", "--quiet").code == 0
    assert not (apps / "m-voila" / "samples").exists(), "never by themselves"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"license": "All rights reserved"}, "its licence is not known to allow it: All rights reserved"),
        ({"image_url": "https://example.org/1.jpg"}, "from the web, without a licence"),
        ({"license": "CC0", "status": "quarantined", "reason": "blurred"}, "set aside: blurred"),
    ],
)
@pytest.mark.parametrize("place", ["images/ant/1.jpg", "ant/1.jpg", "copy.jpg"])
def test_a_photo_of_the_set_that_may_not_be_handed_on_is_no_sample(
    cli: Cli, tmp_path: Path, told: dict[str, Any], why: str, place: str
) -> None:
    told = dict(told)
    photo = draw.folder(tmp_path / "images", {"ant": 2}) / "ant" / "1.jpg"
    (photo.parent / "001.jpg").rename(photo)
    (tmp_path / "copy.jpg").write_bytes(photo.read_bytes())
    record = ImageRecord("ant", told.pop("status", "ok"), "ant/1.jpg", sha256=sha256_file(photo), **told)
    Manifest(tmp_path / "images").append([record])
    answer = cli("export", "--to", "web", "--sample", place)
    assert answer.code == 2 and f"{place} can't be a sample: {why}" in answer.err


@pytest.mark.parametrize(
    ("name", "flags", "why"),
    [
        ("note.txt", ("--to", "web"), "note.txt can't be a sample: not-an-image"),
        ("gone.jpg", ("--to", "web"), "gone.jpg can't be a sample: it is no file"),
        ("images", ("--to", "web"), "images can't be a sample: it is no file"),
        ("x.jpg", ("--to", "dataset"), "--sample is for an app"), ("x.jpg", (), "--sample is for an app"),
    ],
)  # fmt: skip
def test_what_can_be_no_sample_is_told_before_anything_is_written(
    cli: Cli, tmp_path: Path, name: str, flags: tuple[str, ...], why: str
) -> None:
    draw.folder(tmp_path / "images", {"ant": 1})
    (tmp_path / "note.txt").write_text("no photo")
    (tmp_path / "x.jpg").write_bytes(draw.jpeg("circles", 1))
    answer = cli("export", *flags, "--sample", name)
    assert answer.code == 2 and why in answer.err and not (tmp_path / "apps").exists()
