"""Folders as people have them: every file is accounted for, by every command in the same way."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lookalike.project.walk import walk
from tests.conftest import Answer, Cli
from tests.support import draw, models

Tree = dict[str, int]


def make(root: Path, counts: Tree) -> Path:
    """Photos in folders: how many in each; no two the same."""
    for number, (folder, count) in enumerate(counts.items()):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            kind = "circles" if number % 2 else "stripes"
            (root / folder / f"p{number}-{index}.jpg").write_bytes(draw.jpeg(kind, 1000 * number + index))
    return root


def muddle(images: Path) -> dict[str, str]:
    """One of each thing that is no photo of its own; returns the reasons."""
    one = images / "ants"
    (one / "notes.txt").write_text("to do")
    (one / "none.jpg").write_bytes(b"")
    (one / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (one / "phone.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    (one / "gone.jpg").symlink_to(images.parent / "nowhere.jpg")
    (one / "twin.jpg").symlink_to("p0-0.jpg")
    (one / "list.jpg").symlink_to("notes.txt")
    (one / "round.jpg").symlink_to("round.jpg")
    os.mkfifo(one / "pipe.jpg")
    (one / "folder.jpg").mkdir()
    make(images, {"ants/more": 2})
    (images / "loose.jpg").write_bytes(draw.jpeg("circles", 77))
    (images / "labels.csv").write_text("file,label\n")
    (images / "manifest.jsonl").touch()
    return {
        "ants/notes.txt": "not-an-image", "ants/none.jpg": "empty", "ants/.DS_Store": "hidden",
        "ants/phone.jpg": "unsupported", "ants/gone.jpg": "link", "ants/twin.jpg": "link", "ants/list.jpg": "link",
        "ants/round.jpg": "link", "ants/pipe.jpg": "special-file", "ants/folder.jpg": "folder",
        "ants/more/p0-0.jpg": "nested", "ants/more/p0-1.jpg": "nested", "loose.jpg": "unlabelled",
        "labels.csv": "not-an-image",
    }  # fmt: skip


def told(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["file"]: row["reason"] for row in rows}


@pytest.fixture
def no_heic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.project.kinds.reads_heic", lambda: False)


def test_every_file_is_accounted_for_by_every_command(cli: Cli, tmp_path: Path, no_heic: None) -> None:
    images = make(tmp_path / "images", {"ants": 6, "bees": 6})
    expected = muddle(images)
    everything = {path.relative_to(images).as_posix() for path in images.rglob("*") if not path.is_dir()}
    everything = everything - {"manifest.jsonl"} | {"ants/folder.jpg"}
    trained = cli("train", "--size", 64, "--recipe", "probe", "--json")
    assert told(trained.data["passed_over"]) == expected
    assert len(everything) == 12 + len(expected)
    line = next(line for line in trained.err.splitlines() if "photos in" in line)
    assert line.startswith(
        "12 photos in 2 labels, 14 files passed over: 4 links that lead to no other photo, 2 no images"
    )
    cleaned = cli("clean", "--dry-run", "--json").data
    looked_at = {"ants/notes.txt": "not-an-image", "ants/none.jpg": "empty"}
    assert told(cleaned["aside"]) == looked_at
    assert told(cleaned["skipped"]) | looked_at == expected
    gathered = cli("gather", "3", "--provider", "digits", "--count", 10, "--json").data
    assert told(gathered["passed_over"]) == expected
    copied = cli("gather", "--provider", "folder", "--source", images, "--project", tmp_path / "other", "--json").data
    assert told(copied["source_passed_over"]) == expected
    assert {row["label"]: row["total"] for row in copied["labels"]} == {"3": 10, "ants": 6, "bees": 6}


def test_predict_accounts_for_every_file_below_a_folder(cli: Cli, tmp_path: Path) -> None:
    models.bundle(tmp_path / "models" / "toy")
    images = make(tmp_path / "images", {"ants": 2, "ants/more": 2})
    (images / "ants" / ".hidden.jpg").write_bytes(b"")
    (images / "ants" / "loop").symlink_to(images)
    (images / "ants" / "gone.jpg").symlink_to("nowhere")
    (images / "ants" / "good.jpg").symlink_to("p0-0.jpg")
    os.mkfifo(images / "pipe.jpg")
    answer = cli("predict", "images", "--json").data
    assert len(answer["predictions"]) == 5
    assert told(answer["passed_over"]) == {
        "images/ants/.hidden.jpg": "hidden", "images/ants/loop": "link", "images/ants/gone.jpg": "link",
        "images/pipe.jpg": "special-file",
    }  # fmt: skip
    assert "4 files passed over: 2 links" in cli("predict", "images").out


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A set made of links: absolute ones into a store, and relative ones."""
    store = make(tmp_path / "store", {"ants": 6, "bees": 6})
    for label in ("ants", "bees"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for path in sorted((store / label).iterdir()):
            goal = path if label == "ants" else Path("../../store") / label / path.name
            (tmp_path / "images" / label / path.name).symlink_to(goal)
    return tmp_path / "images"


def test_links_to_photos_are_photos(cli: Cli, linked: Path, tmp_path: Path) -> None:
    answer = cli("train", "--size", 64, "--recipe", "probe")
    assert answer.code == 0 and "12 photos in 2 labels;" in answer.err
    assert cli("clean", "--dry-run", "--json").data["before"] == {"ants": 6, "bees": 6}
    copied = cli("gather", "--provider", "folder", "--source", linked, "--project", tmp_path / "other", "--json").data
    assert copied["saved"] == 12
    assert not any(path.is_symlink() for path in (tmp_path / "other").rglob("*.jpg"))


def test_clean_moves_links_and_never_what_they_lead_to(cli: Cli, linked: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    (store / "bees" / "p1-0.jpg").write_bytes(draw.jpeg("circles", 99, (40, 40)))
    (store / "ants" / "p0-0.jpg").write_bytes(draw.jpeg("circles", 98, (40, 40)))
    before = {path: path.read_bytes() for path in store.rglob("*.jpg")}
    for images in ("images", "deep/er/photos"):
        if not Path(images).exists():
            Path(images).parent.mkdir(parents=True)
            make_links(linked, Path(images))
        links = {path: (path.readlink(), path.read_bytes()) for path in Path(images).rglob("*.jpg")}
        data = cli("clean", "--yes", "--images", images, "--json").data
        assert [row["file"] for row in data["aside"]] == ["ants/p0-0.jpg", "bees/p1-0.jpg"]
        moved = [path for path in tmp_path.rglob("p1-0.jpg") if "quarantine" in str(path)]
        assert all(path.is_symlink() and path.read_bytes() == before[store / "bees" / "p1-0.jpg"] for path in moved)
        assert cli("clean", "--undo", "--images", images, "--json").data["restored"]
        assert {path: (path.readlink(), path.read_bytes()) for path in Path(images).rglob("*.jpg")} == links
    assert {path: path.read_bytes() for path in store.rglob("*.jpg")} == before


def make_links(source: Path, target: Path) -> None:
    for path in source.rglob("*.jpg"):
        (target / path.parent.name).mkdir(parents=True, exist_ok=True)
        (target / path.parent.name / path.name).symlink_to(os.path.relpath(path.resolve(), target / path.parent.name))


def test_a_link_in_the_set_to_a_photo_of_the_set_is_counted_once(tmp_path: Path) -> None:
    images = make(tmp_path / "images", {"ants": 2, "bees": 2, ".store": 1})
    (images / "bees" / "same.jpg").symlink_to("../ants/p0-0.jpg")
    (images / "bees" / "own.jpg").symlink_to("../.store/p2-0.jpg")
    found = walk(images)
    assert next(item.file for item in found.photos if item.file.startswith("bees")) == "bees/own.jpg"
    assert [(item.file, item.detail) for item in found.passed if item.reason == "link"] == [
        ("bees/same.jpg", "to ants/p0-0.jpg")
    ]


@pytest.mark.parametrize(
    ("folders", "sides"),
    [
        (("Train", "Test"), {"train": 4, "test": 4}),
        (("Training", "Testing", "Validation"), {"train": 4, "test": 4, "valid": 4}),
        (("train_set", "test-set"), {"train": 4, "test": 4}),
        (("TRAIN", "VAL"), {"train": 4, "valid": 4}),
    ],
)
def test_parts_are_known_however_their_folders_are_written(
    folders: tuple[str, ...], sides: dict[str, int], tmp_path: Path
) -> None:
    make(tmp_path, {f"{folder}/{label}": 2 for folder in folders for label in ("ants", "bees")})
    found = walk(tmp_path)
    assert Counter(item.part for item in found.photos) == sides
    assert found.labels == ["ants", "bees"]


@pytest.mark.parametrize(
    ("tree", "labels"),
    [
        ({"bus": 2, "car": 2, "train": 2}, ["bus", "car", "train"]),
        ({"bus": 2, "Test": 2}, ["Test", "bus"]),
        ({"valid": 2, "neither": 2}, ["neither", "valid"]),
        ({"train/bus": 2, "train/train": 2, "val/bus": 2, "val/train": 2}, ["bus", "train"]),
        ({"ants": 2, "bees": 2, "test/ants": 2, "test/bees": 2}, ["ants", "bees"]),
        ({"bus": 2, "train": 2, "train/steam": 2}, ["bus", "train"]),
        ({"train2017/ant": 2, "train2017/bee": 2, "val2017/ant": 1, "val2017/bee": 1}, ["ant", "bee"]),
    ],
)
def test_a_label_may_have_the_name_of_a_part(tree: Tree, labels: list[str], tmp_path: Path) -> None:
    assert walk(make(tmp_path, tree)).labels == labels


LAYOUTS: list[tuple[Tree, str, str]] = [
    ({"PetImages/cat": 2, "PetImages/dog": 2}, "images/PetImages has: cat, dog", "add --images images/PetImages"),
    ({"set/set/cat": 2, "set/set/dog": 2}, "images/set/set has: cat, dog", "add --images images/set/set"),
    ({"set/train/cat": 2, "set/train/dog": 2, "set/val/cat": 2}, "images/set has: cat, dog", "--images images/set"),
    ({"seg_test/seg_test/a": 1, "seg_test/seg_test/b": 1, "seg_train/seg_train/a": 2, "seg_train/seg_train/b": 2},
     "images/seg_train/seg_train has: a, b", "--images images/seg_train/seg_train"),
    ({"test_set/test_set/a": 2, "test_set/test_set/b": 2, "training_set/training_set/a": 2,
      "training_set/training_set/b": 2}, "images/training_set has: a, b", "--images images/training_set"),
    ({"seg_pred/a": 3, "seg_pred/b": 3, "seg_test/a": 3, "seg_test/b": 3, "seg_train/a": 3, "seg_train/b": 3},
     "images/seg_train has: a, b", "--images images/seg_train"),
    ({"cat/train": 2, "cat/test": 1, "dog/train": 2, "dog/test": 1},
     "each of cat, dog has: test, train; sides belong outside", "such as images/train/cat/p0-1.jpg"),
    ({"cat/train": 2, "cat/val": 1, "dog/train": 2}, "each of cat, dog has: train; sides belong outside",
     "such as images/val/cat/p1-0.jpg"),
    ({"cat/siam": 2, "cat/persian": 2, "dog/pug": 2, "dog/poodle": 1}, "cat, dog has folders, cat: persian, siam",
     "if cat, dog are the labels, move each photo up"),
    ({"cat/2019": 2, "cat/2020": 2, "dog/2019": 2, "dog/2021": 1}, "each of cat, dog has: 2019",
     "if cat, dog are the labels, move each photo up"),
    ({"normal/images": 2, "normal/masks": 2, "tumor/images": 2, "tumor/masks": 2},
     "in images, each of normal, tumor has: images, masks", "if normal, tumor are the labels, move each photo up"),
    ({"fold1/cat": 2, "fold1/dog": 2, "fold2/cat": 2, "fold2/dog": 2}, "each of fold1, fold2 has: cat, dog",
     "if cat, dog are, add --images images/fold1"),
    ({".": 3}, "images holds 3 photos and no label folders", "such as images/LABEL/p0-0.jpg"),
    ({"train": 3, "test": 3}, "test/ and train/ in images hold photos and no label folders", "images/test/LABEL/"),
    ({"valid/a": 2, "test/a": 2, "valid/b": 2, "test/b": 2}, "images has test, valid and no train folder", "`train`"),
    ({"train/a": 2, "train/b": 2, "test/a": 1, "test/wasps": 2},
     "'wasps' has 2 photos in images/test and none in images/train", "move some into images/train/wasps"),
    ({"ants": 3}, "images has one label, 'ants'", "lookalike gather"),
    ({"ants": 3, "Ants ": 3}, "differ only in case", "merge"),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "words", "hint"), LAYOUTS, ids=lambda value: "+".join(value)[:40])
def test_a_layout_that_cannot_be_learnt_from_is_named_with_the_way_on(
    tree: Tree, words: str, hint: str, cli: Cli, tmp_path: Path
) -> None:
    make(tmp_path / "images", tree)
    answer = cli("train", "--json")
    assert answer.code == 3
    assert words in answer.json["error"]["message"]
    assert hint in answer.json["error"]["hint"]


@pytest.mark.parametrize("kind", ["zip", "gztar"])
@pytest.mark.parametrize("place", ["set", "images/set"])
def test_an_archive_is_no_folder_and_the_line_that_unpacks_it_works(
    cli: Cli, tmp_path: Path, kind: str, place: str
) -> None:
    make(tmp_path / "made", {"cat": 3, "dog": 3})
    archive = Path(shutil.make_archive(str(tmp_path / place), kind, tmp_path / "made"))
    flags = ["--images", archive.name] if place == "set" else []
    answer = cli("clean", "--dry-run", *flags, "--json")
    assert answer.code == 3 and "is an archive" in answer.json["error"]["message"]
    unpack, images = re.findall(r"unpack it: python (.*); then add --images (.*)", answer.json["error"]["hint"])[0]
    subprocess.run([sys.executable, *shlex.split(unpack)], check=True, cwd=tmp_path)
    assert cli("clean", "--dry-run", "--images", images, "--json").data["before"] == {"cat": 3, "dog": 3}


def test_a_file_in_place_of_the_folder_is_called_a_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "images").write_text("ants\nbees\n")
    assert "images is a file" in cli("train").err


def test_folders_that_give_no_label_are_named(cli: Cli, tmp_path: Path, no_heic: None) -> None:
    images = make(tmp_path / "images", {"ants": 4, "bees": 4, "__MACOSX/ants": 1})
    for name, content in {"phone": b"\0\0\0\x18ftypheic" + bytes(64), "cut": draw.jpeg("circles", 1)[:500]}.items():
        (images / name).mkdir()
        (images / name / "a.jpg").write_bytes(content)
    (images / "empty").mkdir()
    answer = cli("train", "--size", 32, "--recipe", "probe")
    assert answer.code == 0
    for name in ("phone", "empty"):
        assert f"'{name}' has no photos and is no label" in answer.err
    assert "not one photo of 'cut' can be read" in answer.err and "__MACOSX" not in answer.err


def test_copies_of_one_photo_are_no_two_photos_of_a_label(cli: Cli, tmp_path: Path) -> None:
    images = make(tmp_path / "images", {"ants": 4, "bees": 1})
    for number in range(2):
        shutil.copy(images / "bees" / "p1-0.jpg", images / "bees" / f"{number}.jpg")
    answer = cli("train", "--size", 32, "--recipe", "probe")
    assert answer.code == 3 and "'bees' has 3 photos, all copies of one; each label needs at least 2" in answer.err


@pytest.mark.parametrize("label", ["$(touch harm)", 'a"b', "-x", "it's"])
def test_the_advice_to_gather_more_can_be_pasted_whatever_the_label(cli: Cli, tmp_path: Path, label: str) -> None:
    draw.folder(tmp_path / "images", {"circles": 4, label: 1})
    hint = cli("train").err.split("gather more: lookalike ")[1].strip()
    pasted = subprocess.run(["sh", "-c", f"printf '%s\\0' {hint}"], capture_output=True, text=True, check=True)
    assert pasted.stdout.split("\0")[-2] == label and not (tmp_path / "harm").exists()


def test_the_command_that_is_named_works(cli: Cli, tmp_path: Path) -> None:
    make(tmp_path / "images", {"set/set/cat": 3, "set/set/dog": 3})
    hint = cli("clean", "--dry-run", "--json").json["error"]["hint"]
    assert cli("clean", "--dry-run", *hint.removeprefix("add ").split(), "--json").data["before"] == {
        "cat": 3,
        "dog": 3,
    }


@pytest.mark.parametrize(("lacking", "other"), [("val", "train"), ("train", "val")])
def test_a_label_that_one_side_lacks_is_named_with_both_folders(
    lacking: str, other: str, cli: Cli, tmp_path: Path
) -> None:
    tree = {f"{part}/{label}": 3 for part in ("train", "val") for label in ("ants", "bees", "wasps")}
    del tree[f"{lacking}/wasps"]
    make(tmp_path / "images", tree)
    answer: Answer = cli("train", "--size", 64, "--recipe", "probe")
    assert answer.code == 3
    assert f"'wasps' has 3 photos in images/{other} and none in images/{lacking}" in answer.err
    assert f"move some into images/{lacking}/wasps" in answer.err


def test_new_photos_join_the_folder_to_train_on_as_it_is_written(cli: Cli, tmp_path: Path) -> None:
    make(tmp_path / "images", {"Training/3": 2, "Training/8": 2, "Testing/3": 2})
    assert cli("gather", "3", "8", "--provider", "digits", "--count", 12, "--quiet").code == 0
    assert sorted(path.name for path in (tmp_path / "images").iterdir() if path.is_dir()) == ["Testing", "Training"]


def test_a_photo_by_hand_with_a_name_like_ours_counts(cli: Cli, tmp_path: Path) -> None:
    folder = make(tmp_path / "images", {"3": 4}) / "3"
    (folder / "p0-0.jpg").rename(folder / "digits-0123456789abcdef.jpg")
    data = cli("gather", "3", "--provider", "digits", "--count", 10, "--json").data
    assert (data["labels"][0]["total"], data["saved"]) == (10, 6)
