"""Copies of one photo and wrong labels: found, grouped, ranked; and what that does to the split."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

from lookalike import plugins
from lookalike.photos import faces
from lookalike.photos.copies import closely, grain, links, near
from lookalike.photos.copies.agree import Agreement
from lookalike.photos.copies.closely import Asked, Kind
from lookalike.photos.decode import Pool
from lookalike.project.dataset import split
from lookalike.project.records import Example
from tests.conftest import Cli
from tests.support import crowds, draw

SIZE = (320, 240)
CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half": lambda image: image.resize((160, 120)),
    "re-encoded": lambda image: image,
    "cropped": lambda image: image.crop((30, 20, 302, 224)),
    "mirrored": ImageOps.mirror,
    "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
    "all of it": lambda image: ImageOps.mirror(image.crop((0, 0, 272, 204))).resize((136, 102)),
}
LARGE_CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half": lambda image: image.resize((480, 360)),
    "twice": lambda image: image.resize((1920, 1440)),
    "cropped": lambda image: image.crop((60, 40, 900, 680)),
    "mirrored": lambda image: ImageOps.mirror(image.resize((640, 480))),
    "grey": CHANGES["grey"],
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return draw.folder(tmp_path / "images", {"circles": 8, "stripes": 8}, SIZE)


def _copy(photos: Path, name: str, change: str, label: str = "circles") -> None:
    with Image.open(photos / "circles" / name) as image:
        CHANGES[change](image.convert("RGB")).save(photos / label / "copy.jpg", quality=40)


def _groups(photos: Path) -> dict[str, str]:
    """The group of every file that has one, by the last line about it."""
    lines = [json.loads(line) for line in (photos / "manifest.jsonl").read_text().splitlines()]
    return {line["file"]: line["group"] for line in lines if line.get("group")}


def _aside(data: Any) -> dict[str, tuple[str, str]]:
    return {item["file"]: (item["reason"], item["other"]) for item in data["aside"]}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_set_aside_and_the_original_stays(cli: Cli, photos: Path, change: str) -> None:
    _copy(photos, "003.jpg", change)
    data = cli("clean", "--json", "--suspects", 0).data
    (aside,) = data["aside"]
    assert {aside["file"], aside["other"]} == {"circles/copy.jpg", "circles/003.jpg"}
    assert aside["reason"] == "near-copy"
    if change in ("half", "cropped", "all of it"):
        assert aside["file"] == "circles/copy.jpg"


RECOLOURED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "warmer": lambda image: image.convert("RGB", (1.2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0.8, 0)),
}


def test_copies_of_photos_of_little_are_told_by_the_grain_of_a_bare_surface(cli: Cli, tmp_path: Path) -> None:
    photos, changes = draw.folder(tmp_path / "images", {"stripes": 20}, SIZE), CHANGES | RECOLOURED
    names = ["half", "cropped", "mirrored", *RECOLOURED]
    for number, path in enumerate(sorted(photos.rglob("*.jpg"))):
        with Image.open(path) as image:
            changed = changes[names[number % len(names)]](image)
        changed.save(path.with_name(f"copy-{path.name}"), quality=90)
    groups = cli("clean", "--json", "--dry-run", "--suspects", 0).data["groups"]
    right = [[f"stripes/{n:03}.jpg", f"stripes/copy-{n:03}.jpg"] for n in range(20)]
    found = [sorted(group) for group in groups]
    assert all(group in right for group in found)
    assert len(found) >= 19


def test_a_pattern_that_repeats_is_no_grain() -> None:
    y, x = np.mgrid[:112, :112]
    weave, noise = 4 * np.sin(1.5 * x) * np.sin(1.5 * y), np.random.default_rng(1).normal(0, 1.5, (2, 112, 112))
    bare = np.full((14, 14), True)
    cloth, wall = (np.repeat(shown[:, None], 3, axis=1).astype(np.float32) for shown in (weave + noise, noise))
    assert grain.shared(cloth[0], cloth[1], bare) == 0
    assert grain.shared(wall[0], wall[1], bare) < 0.1
    assert grain.shared(wall[0], 0.8 * wall[0] + 20, bare) > 0.9


@pytest.mark.parametrize("border", [(0, 40, 0, 40), (30, 0, 30, 0), (25, 25, 25, 25)], ids=["bars", "pillars", "frame"])
@pytest.mark.parametrize("colour", ["white", "black"])
def test_a_copy_with_a_border_around_it_is_set_aside(
    cli: Cli, photos: Path, border: tuple[int, int, int, int], colour: str
) -> None:
    with Image.open(photos / "circles" / "003.jpg") as image:
        ImageOps.expand(image, border, colour).save(photos / "circles" / "copy.jpg", quality=80)
    (aside,) = cli("clean", "--json", "--suspects", 0).data["aside"]
    assert {aside["file"], aside["other"]} == {"circles/copy.jpg", "circles/003.jpg"}


def test_of_two_copies_the_enlarged_one_goes(cli: Cli, photos: Path) -> None:
    with Image.open(photos / "circles" / "003.jpg") as image:
        image.resize((640, 480), Image.Resampling.BICUBIC).save(photos / "circles" / "large.jpg", quality=97)
    (aside,) = cli("clean", "--json", "--suspects", 0).data["aside"]
    assert (aside["file"], aside["other"]) == ("circles/large.jpg", "circles/003.jpg")


def test_of_two_copies_of_about_one_size_the_enlarged_one_goes(cli: Cli, photos: Path) -> None:
    with Image.open(photos / "circles" / "003.jpg") as image:
        blurred = image.resize((image.width // 4, image.height // 4)).resize(
            (image.width * 21 // 20, image.height * 21 // 20), Image.Resampling.BICUBIC
        )
    blurred.save(photos / "circles" / "large.png")
    asides = cli("clean", "--json", "--suspects", 0, "--min-sharpness", 0).data["aside"]
    assert [(aside["file"], aside["other"]) for aside in asides] == [("circles/large.png", "circles/003.jpg")]


@pytest.mark.parametrize("mode", ["1", "L", "P", "as RGB"])
def test_of_two_copies_the_one_with_fewer_tones_goes(cli: Cli, photos: Path, mode: str) -> None:
    scan = crowds.scan(crowds.Rng(4)) if mode in ("1", "as RGB") else draw.photo("circles", 3, SIZE)
    scan.resize((120, 90)).save(photos / "circles" / "fine.jpg", quality=90)
    (photos / "circles" / "003.jpg").unlink()
    big = scan.resize((480, 360)).convert("1" if mode == "as RGB" else mode, palette=Image.Palette.ADAPTIVE)
    big = big.convert("RGB") if mode == "as RGB" else big
    big.save(photos / "circles" / "poor.bmp" if mode != "P" else photos / "circles" / "poor.png")
    asides = [item["file"] for item in cli("clean", "--json", "--suspects", 0, "--min-sharpness", 0).data["aside"]]
    assert "circles/fine.jpg" not in asides
    assert mode in ("1", "as RGB") or asides == [f"circles/poor.{'png' if mode == 'P' else 'bmp'}"]


def test_different_photos_are_no_copies(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "images", {"circles": 40, "stripes": 40}, SIZE)
    assert cli("clean", "--json", "--suspects", 0).data["groups"] == []


def test_photos_alike_only_in_their_large_shapes_are_no_copies() -> None:
    slope = np.linspace(0, 200, 64)[None, :] + np.zeros((64, 1))
    noise = np.random.default_rng(1).integers(0, 55, (2, 64, 64))
    pictures = (slope + noise).astype(np.uint8)
    assert near.find([0, 1], lambda numbers: pictures[numbers]) == []


def test_copies_form_one_group_and_it_is_in_the_manifest(cli: Cli, photos: Path) -> None:
    with Image.open(photos / "circles" / "003.jpg") as image:
        image.resize((200, 150)).save(photos / "circles" / "small.jpg")
        ImageOps.mirror(image).save(photos / "circles" / "turned.jpg")
    data = cli("clean", "--json", "--suspects", 0).data
    assert [sorted(group) for group in data["groups"]] == [
        ["circles/003.jpg", "circles/small.jpg", "circles/turned.jpg"]
    ]
    groups = _groups(photos)
    assert set(groups) == {"circles/003.jpg", "circles/small.jpg", "circles/turned.jpg"}
    assert len(set(groups.values())) == 1


def test_copies_can_stay_and_a_split_still_keeps_them_together(cli: Cli, photos: Path) -> None:
    _copy(photos, "003.jpg", "cropped")
    data = cli("clean", "--json", "--suspects", 0, "--keep-copies").data
    assert data["aside"] == []
    groups = _groups(photos)
    files = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.jpg"))
    for seed in range(20):
        examples = [Example(file, file.split("/")[0], f"{seed}{file}", groups.get(file, "")) for file in files]
        parts = {example.file: example.part for example in split(examples, seed=seed, valid=0.5, before={})}
        assert parts["circles/003.jpg"] == parts["circles/copy.jpg"]


def test_a_changed_copy_under_another_label_is_a_note_and_one_group(cli: Cli, photos: Path) -> None:
    _copy(photos, "003.jpg", "cropped", label="stripes")
    data = cli("clean", "--json", "--suspects", 0).data
    assert data["aside"] == []
    assert [(note["file"], note["reason"], note["other"]) for note in data["notes"]] == [
        ("stripes/copy.jpg", "alike", "circles/003.jpg")
    ]
    assert _groups(photos)["circles/003.jpg"] == _groups(photos)["stripes/copy.jpg"]


def test_a_large_photo_saved_again_under_another_label_takes_both_out(cli: Cli, tmp_path: Path) -> None:
    for label, quality in (("halls", 92), ("rooms", 80)):
        (tmp_path / "images" / label).mkdir(parents=True)
        crowds.scene(crowds.Rng(3), (960, 720)).save(tmp_path / "images" / label / "photo.jpg", quality=quality)
    aside = cli("clean", "--json", "--suspects", 0, "--yes").data["aside"]
    assert [item["reason"] for item in aside] == ["two-labels"] * 2


def test_a_photo_saved_again_under_another_label_takes_both_out(cli: Cli, photos: Path) -> None:
    with Image.open(photos / "circles" / "003.jpg") as image:
        image.save(photos / "stripes" / "copy.png")
    data = cli("clean", "--json", "--suspects", 0).data
    assert _aside(data) == {
        "circles/003.jpg": ("two-labels", "stripes/copy.png"),
        "stripes/copy.png": ("two-labels", "circles/003.jpg"),
    }


def test_where_a_small_change_is_the_label_both_stay_and_are_one_group(cli: Cli, tmp_path: Path) -> None:
    photos, rng = tmp_path / "images", crowds.Rng(3)
    for label in ("without", "with"):
        (photos / label).mkdir(parents=True)
    for number in range(6):
        seen = crowds.scene(rng)
        seen.save(photos / "without" / f"{number}.jpg", quality=92)
        seen.paste((180, 215, 240), (100, 80, 140, 110))
        seen.save(photos / "with" / f"{number}.jpg", quality=92)
    data = cli("clean", "--json", "--suspects", 0).data
    assert data["aside"] == []
    assert [note["reason"] for note in data["notes"]] == ["alike"] * 6
    groups = _groups(photos)
    assert all(groups[f"with/{n}.jpg"] == groups[f"without/{n}.jpg"] for n in range(6))
    assert len(set(groups.values())) == 6


def _slabs(root: Path, width: int = 3, darker: int = 50) -> None:
    """Large photos of slabs, each once whole and once with a crack, under labels that say so."""
    for label in ("whole", "cracked"):
        (root / label).mkdir(parents=True)
    for seed in range(3):
        rng = crowds.Rng(seed)
        slab = crowds.grain(rng, crowds.soft(rng, (640, 640), 40, 90, 170).convert("L").convert("RGB"), 5)
        slab.save(root / "whole" / f"{seed}.jpg", quality=92)
        dark = slab.point(lambda value: value - darker)
        crack = Image.new("1", slab.size)
        ImageDraw.Draw(crack).line([(40, 70 + 90 * seed), (250, 200), (420, 150), (600, 300)], fill=1, width=width)
        slab.paste(dark, mask=crack)
        slab.save(root / "cracked" / f"{seed}.jpg", quality=92)


def test_a_crack_of_a_few_pixels_in_a_large_photo_is_seen(cli: Cli, tmp_path: Path) -> None:
    _slabs(tmp_path / "images")
    for _ in range(2):  # the second time from what was kept of the first
        data = cli("clean", "--json", "--suspects", 0).data
        assert data["aside"] == []
        assert [note["reason"] for note in data["notes"]] == ["alike"] * 3
    groups = _groups(tmp_path / "images")
    assert all(groups[f"whole/{seed}.jpg"] == groups[f"cracked/{seed}.jpg"] for seed in range(3))


@pytest.mark.parametrize(("width", "darker"), [(1, 80), (3, 30)])
def test_a_finer_difference_is_enough_between_labels(cli: Cli, tmp_path: Path, width: int, darker: int) -> None:
    _slabs(tmp_path / "images", width, darker)
    data = cli("clean", "--json", "--suspects", 0).data
    assert data["aside"] == [] and [note["reason"] for note in data["notes"]] == ["alike"] * 3


@pytest.mark.parametrize("resolution", [1, 2])
def test_large_forms_filled_in_otherwise_are_no_copies(cli: Cli, tmp_path: Path, resolution: int) -> None:
    (tmp_path / "images" / "forms").mkdir(parents=True)
    rng, small, large = crowds.Rng(3), ImageFont.load_default(size=22), ImageFont.load_default(size=28 - 6 * resolution)
    lines = ["".join(rng.choices("abcdefghij klmno pqrst ", k=80)) for _ in range(22)]
    for number in range(6):
        form = Image.new("RGB", (1240, 1754), (250, 250, 250))
        pen = ImageDraw.Draw(form)
        for line, words in enumerate(lines):
            pen.text((110, 100 + 70 * line), words, fill=(30, 30, 30), font=small)
        for y in (110, 880, 1600):
            pen.rectangle((300, y, 800, y + 40), fill=(250, 250, 250))
            pen.text((310, y + 4), "".join(rng.choices("ABCDEFGHKLMNO", k=16)), fill="black", font=large)
        form = form.resize((1240 * resolution, 1754 * resolution))
        form.save(tmp_path / "images" / "forms" / f"{number}.jpg", quality=80)
    assert cli("clean", "--json", "--suspects", 0, "--yes").data["aside"] == []


@pytest.mark.parametrize("change", LARGE_CHANGES)
def test_copies_of_a_large_photo_are_found_at_its_own_pixels(cli: Cli, tmp_path: Path, change: str) -> None:
    folder = tmp_path / "images" / "halls"
    folder.mkdir(parents=True)
    hall = crowds.scene(crowds.Rng(3), (960, 720))
    hall.save(folder / "hall.jpg", quality=92)
    LARGE_CHANGES[change](hall).save(folder / "other.jpg", quality=60)
    (aside,) = cli("clean", "--json", "--suspects", 0).data["aside"]
    assert aside["reason"] == "near-copy"


@pytest.mark.parametrize("quality", [75, 95])
def test_the_same_form_with_another_number_is_no_copy(cli: Cli, tmp_path: Path, quality: int) -> None:
    (tmp_path / "images" / "trams").mkdir(parents=True)
    for seed in range(4):
        for number in (417_925, 417_835):
            ticket = crowds.ticket(crowds.Rng(seed), number)
            ticket.save(tmp_path / "images" / "trams" / f"{seed}-{number}.jpg", quality=quality)
    data = cli("clean", "--json", "--suspects", 0).data
    assert data["aside"] == [] and {note["reason"] for note in data["notes"]} == {"alike"}


@pytest.mark.parametrize(("size", "away"), [(72, 0), (160, 1)])
def test_small_signs_drawn_both_ways_stay_while_a_mirrored_photo_goes(
    cli: Cli, tmp_path: Path, size: int, away: int
) -> None:
    (tmp_path / "images" / "signs").mkdir(parents=True)
    sign = crowds.scene(crowds.Rng(7), (size, size))
    sign.save(tmp_path / "images" / "signs" / "left.png")
    ImageOps.mirror(sign).save(tmp_path / "images" / "signs" / "right.png")
    data = cli("clean", "--json", "--suspects", 0).data
    assert (len(data["aside"]), len(data["notes"])) == (away, 1 - away)
    assert len(set(_groups(tmp_path / "images").values())) == 1


def test_small_drawings_of_few_colours_are_known_again_after_a_change_of_tone(cli: Cli, tmp_path: Path) -> None:
    folder, rng = tmp_path / "images" / "signs", crowds.Rng(5)
    folder.mkdir(parents=True)
    tones = [*RECOLOURED.values(), lambda image: ImageEnhance.Color(image).enhance(1.8)]
    for number in range(12):
        sign = crowds.stamp(rng) if number % 3 == 0 else crowds.face(rng)
        sign = sign.resize((64, 64), Image.Resampling.LANCZOS)
        sign.save(folder / f"{number:02}.png")
        tones[number % len(tones)](sign).save(folder / f"{number:02}-copy.jpg", quality=90)
    groups = cli("clean", "--json", "--dry-run", "--suspects", 0).data["groups"]
    assert sorted(sorted(group) for group in groups) == [
        [f"signs/{number:02}-copy.jpg", f"signs/{number:02}.png"] for number in range(12)
    ]


@pytest.mark.parametrize("kind", crowds.KINDS)
def test_photos_that_only_look_alike_stay(cli: Cli, tmp_path: Path, kind: str) -> None:
    crowds.folder(tmp_path / "images", kind, 48)
    data = cli("clean", "--json", "--suspects", 0, "--min-size", 1, "--aside", "damaged").data
    assert (data["aside"], data["groups"]) == ([], [])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pairs are looked at closely, each time that some are."""
    asked: list[int] = []

    def counted(pairs: Iterator[Asked], count: int, pool: Pool) -> Iterator[Kind]:
        asked.append(count)
        return compare(pairs, count, pool)

    compare = links._kinds
    monkeypatch.setattr(links, "_kinds", counted)
    return asked


@pytest.mark.parametrize("kind", ["stroke", "barred", "page", "stamp", "scan", "face"])
def test_of_photos_that_look_alike_few_are_compared_closely(
    cli: Cli, tmp_path: Path, asked: list[int], kind: str
) -> None:
    crowds.folder(tmp_path / "images", kind, 120)
    cli("clean", "--suspects", 0)
    assert asked
    assert sum(asked) <= 60


@pytest.mark.parametrize("copies", [0, 30])
def test_where_all_look_alike_each_is_compared_with_the_likest_alone_unless_some_are_copies(
    cli: Cli, tmp_path: Path, asked: list[int], copies: int
) -> None:
    images = crowds.folder(tmp_path / "images", "ticket", 300)
    for photo in sorted(images.rglob("*.jpg"))[:copies]:
        with Image.open(photo) as image:
            image.save(photo.with_name(f"{photo.stem}-copy.jpg"), quality=70)
    found = cli("clean", "--json", "--dry-run", "--suspects", 0, "--aside", "damaged").data["groups"]
    assert len(found) == copies
    assert (sum(asked) > 600) == bool(copies)
    assert sum(asked) <= 300 or copies


@pytest.mark.parametrize(("kind", "count"), [("trap", 120), ("ticket", 120), ("barred", 360)])
def test_a_coarse_look_tells_most_photos_that_look_alike(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, count: int
) -> None:
    laid = []

    def counted(*pair: np.ndarray, whole: bool) -> Agreement:
        laid.append(pair)
        return Agreement(*pair, whole=whole)

    monkeypatch.setattr(closely, "Agreement", counted)
    crowds.folder(tmp_path / "images", kind, count)
    cli("clean", "--suspects", 0, "--jobs", 1)
    assert len(laid) <= 20


def test_what_plug_ins_are_installed_is_read_once_however_many_photos_look_alike(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def counted(**group: str) -> EntryPoints:
        read.append(group["group"])
        return entry_points(**group)

    plugins._installed.cache_clear()
    monkeypatch.setattr(plugins, "entry_points", counted)
    crowds.folder(tmp_path / "images", "trap", 40)
    alike = [note for note in cli("clean", "--json", "--suspects", 0).data["notes"] if note["reason"] == "alike"]
    assert len(alike) >= 10
    assert len(read) == len(set(read))


def test_a_copy_that_comes_back_keeps_its_group(cli: Cli, photos: Path) -> None:
    _copy(photos, "003.jpg", "half")
    cli("clean", "--suspects", 0)
    cli("clean", "--undo")
    groups = _groups(photos)
    assert groups["circles/003.jpg"] == groups["circles/copy.jpg"]


def test_handwriting_that_only_looks_alike_is_left_alone(cli: Cli) -> None:
    cli("gather", "3", "8", "--provider", "digits", "--count", 80)
    data = cli("clean", "--json", "--suspects", 0).data
    assert (data["aside"], data["groups"]) == ([], [])


@pytest.mark.slow
def test_swapped_labels_lead_the_suspects_and_stay_until_asked(cli: Cli, tmp_path: Path) -> None:
    photos = draw.folder(tmp_path / "images", {"circles": 30, "stripes": 30})
    for number in (2, 5, 9):
        (photos / "circles" / f"{number:03}.jpg").rename(photos / "stripes" / f"wrong{number}.jpg")
    wrong = {"stripes/wrong2.jpg", "stripes/wrong5.jpg", "stripes/wrong9.jpg"}
    data = cli("clean", "--json").data
    assert {item["file"] for item in data["suspects"][:3]} == wrong
    assert data["aside"] == []
    assert data["purity"]["stripes"] == pytest.approx(30 / 33, abs=0.03)
    assert data["purity"]["circles"] == pytest.approx(1, abs=0.04)
    applied = cli("clean", "--json", "--apply-suspects", 3).data
    assert {item["file"]: item["reason"] for item in applied["aside"]} == dict.fromkeys(wrong, "suspect")


def test_the_report_shows_what_was_set_aside(cli: Cli, photos: Path) -> None:
    _copy(photos, "003.jpg", "half")
    (photos / "circles" / "<b>page.jpg").write_bytes(b"<html>")
    page = Path(cli("clean", "--json", "--suspects", 0).data["report"]).read_text()
    assert "near-copy" in page
    assert "not-an-image" in page
    assert "&lt;b&gt;page.jpg" in page
    assert page.count("data:image/jpeg;base64,") == 1
    assert "http" not in page


def test_where_photos_show_faces_those_with_none_or_several_are_marked(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd, nobody = draw.photo("circles", 70, SIZE), draw.photo("circles", 71, SIZE)
    crowd.putpixel((0, 0), (255, 0, 0))
    nobody.putpixel((0, 0), (0, 0, 255))
    crowd.save(photos / "circles" / "crowd.png")
    nobody.save(photos / "stripes" / "nobody.png")
    one = faces.Face(0, 0, 100, 100, 0.9)

    def find(image: Image.Image) -> list[faces.Face]:
        corner = image.getpixel((0, 0))
        small = faces.Face(0, 0, 10, 10, 0.9)
        return {(255, 0, 0): [one, one], (0, 0, 255): []}.get(corner, [one, small])

    monkeypatch.setattr(faces, "find", find)
    monkeypatch.setattr(faces, "offered", lambda *_: True)
    monkeypatch.setattr("lookalike.clean.people.judge", lambda *_: None)  # such faces have no features
    data = cli("clean", "--json").data
    marked = {item["file"]: item["reason"] for item in data["notes"]}
    assert marked == {"circles/crowd.png": "several-faces", "stripes/nobody.png": "no-face"}
    assert data["aside"] == []
    asked = cli("clean", "--json", "--dry-run", "--aside", "no-face,damaged").data
    assert [item["file"] for item in asked["aside"]] == ["stripes/nobody.png"]
