"""What a shared set says in its own files reaches nothing outside the folder it is for."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lookalike.project.names import OutsideError, checked, inside
from lookalike.project.records import Bundle, Evaluation, Example, ImageRecord, InputSpec, Rate, TrainedRun
from tests.conftest import Cli
from tests.support import draw, runs

ODD = ("..", ".", "", "~", "C:", "c:..", "\\", "\\\\server\\share", "NUL", "com1.jpg", "ants", "x.jpg", "x.", "\0", "/")
NAMES = st.one_of(
    st.text(max_size=40),
    st.lists(st.one_of(st.sampled_from(ODD), st.text(max_size=8)), max_size=5).map("/".join),
    st.lists(st.one_of(st.sampled_from(ODD), st.text(max_size=8)), max_size=5).map("\\".join),
)


@given(NAMES)
@example("ants/../../x.jpg")
@example("/ants/x.jpg")
@example("ants//x.jpg")
@example(f"ants/{'é' * 128}.jpg")
def test_a_name_that_is_believed_means_a_file_below_the_folder(name: str) -> None:
    try:
        assert checked(name, windows=False) == name
    except OutsideError:
        return
    path = PurePosixPath("/sets/images") / name
    assert path.is_relative_to("/sets/images") and len(path.parts) >= 5
    assert not any(part.startswith(".") or "\0" in part for part in path.parts)
    assert all(len(os.fsencode(part)) <= 255 for part in path.parts)


@given(NAMES)
@example("C:/x.jpg")
@example("ants/..\\..\\x.jpg")
@example("ants/x.jpg:stream")
@example("ants/nul")
@example("aux.d/x.jpg")
def test_a_name_that_is_believed_on_windows_means_a_file_below_the_folder(name: str) -> None:
    try:
        checked(name, windows=True)
    except OutsideError:
        return
    path = PureWindowsPath("D:/sets/images") / name
    assert path.is_relative_to("D:/sets/images") and list(path.parts[3:]) == name.split("/")
    assert not any(
        re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)\b", part) or part[-1] in ". " for part in path.parts[3:]
    )


@given(
    st.lists(st.from_regex(r"[^/\0.\ud800-\udfff][^/\0\ud800-\udfff]{0,30}", fullmatch=True), min_size=2, max_size=3)
)
def test_every_name_that_a_photo_can_have_is_believed(parts: list[str]) -> None:
    assert checked("/".join(parts), windows=False) == "/".join(parts)


@given(NAMES, st.sampled_from(["file", "moved_from"]))
def test_a_record_is_made_of_no_other_name(name: str, field: str) -> None:
    data = {"label": "ants", "status": "ok", "file": "ants/x.jpg", field: name}
    try:
        record = ImageRecord.from_json(data)
    except ValueError:
        return
    assert name == "" or inside(Path("/sets/images"), getattr(record, field)).is_relative_to("/sets/images")


JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(10**400), st.just("\ud83d")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
SPEC, RATE = {"size": 64}, {"value": 0.5, "low": 0, "high": 1, "right": 1, "total": 2}
SOUND: dict[Any, dict[str, Any]] = {
    InputSpec: {**SPEC, "resize": "pad", "mean": [0, 0.5, 1]},
    Example: {"file": "ants/x.jpg", "label": "ants", "sha256": "", "group": ""},
    ImageRecord: {"label": "ants", "status": "ok", "file": "ants/x.jpg", "width": 3},
    Bundle: {"labels": ["a", "b"], "input": SPEC, "files": {"model.onnx": ""}, "min_similarity": [0.1, 0.2]},
    Evaluation: {"run": "r", "part": "valid", "accuracy": RATE, "labels": ["a"], "per_label": {"a": {"recall": 1}},
                 "confusion": [[1]], "top_losses": [{"file": "a/x.jpg"}], "threshold": 0.5},
    TrainedRun: {"id": "r", "created": "", "labels": ["a", "b"], "arch": "", "recipe": "", "input": SPEC, "head": "",
                 "settings": {}, "fingerprint": "", "seed": 0, "images": "images", "counts": {"a": {"train": 1}}},
}  # fmt: skip


def is_one(value: Any, hint: Any) -> bool:
    """Whether a value is of a type, as the Python language has it; a whole number is no truth value."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in (Any, object):
        return True
    if origin in (Union, UnionType):
        return any(is_one(value, each) for each in inner)
    if origin is Literal:
        return value in inner
    if origin in (tuple, dict) and type(value) is not origin:
        return False
    if origin is tuple:
        each = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return len(value) == len(each) and all(map(is_one, value, each))
    if origin is dict:
        return all(is_one(key, inner[0]) and is_one(item, inner[1]) for key, item in value.items())
    if hint in SOUND or hint is Rate:
        return all(is_one(getattr(value, name), each) for name, each in get_type_hints(hint).items())
    return type(value) is hint


def test_what_is_sound_makes_a_record() -> None:
    assert all(is_one(kind.from_json(data), kind) for kind, data in SOUND.items())
    assert not is_one(True, int) and not is_one((1, "x"), tuple[int, ...])


@pytest.mark.parametrize("kind", SOUND)
@given(odd=st.data())
def test_no_json_value_makes_a_record_that_is_not_what_its_types_say(kind: Any, odd: st.DataObject) -> None:
    fields = st.dictionaries(st.sampled_from(sorted(kind.__dataclass_fields__)), JSON, min_size=1, max_size=2)
    data = odd.draw(st.one_of(JSON, fields.map(lambda changed: {**SOUND[kind], **changed})))
    try:
        record = kind.from_json(data)
    except (ValueError, TypeError):
        return
    assert is_one(record, kind)


@pytest.mark.parametrize("kind", SOUND)
def test_no_field_takes_what_is_not_of_its_type(kind: Any) -> None:
    for name, hint in get_type_hints(kind).items():
        for odd in (True, 10**400, {"a": object}, [[]], None, "\ud83d", 3, "x"):
            try:
                value = getattr(kind.from_json({**SOUND[kind], name: odd}), name)
            except (ValueError, TypeError):
                continue
            assert is_one(value, hint) or value is None, (name, odd)
            assert "\ud83d" not in str(value)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def stranger(photos: Path, *records: dict[str, Any]) -> None:
    with (photos / "manifest.jsonl").open("a") as file:
        file.writelines(json.dumps({"label": "circles", **record}) + "\n" for record in records)


ESCAPES = ("../../precious/a/x.jpg", "circles/../../../precious/a/x.jpg", "{root}/precious/a/x.jpg", "../victim.jpg")
COMMANDS = (("clean", "--yes"), ("clean", "--undo"), ("clean", "--undo-run", "last"), ("clean", "--apply", "marks.csv"))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("escape", ESCAPES)
def test_a_manifest_that_names_files_elsewhere_moves_and_removes_none(
    cli: Cli, photos: Path, tmp_path: Path, escape: str, command: tuple[str, ...]
) -> None:
    project = tmp_path / "work"
    project.mkdir()
    photos.rename(project / "images")
    (tmp_path / "precious" / "a").mkdir(parents=True)
    for victim in (tmp_path / "precious" / "a" / "x.jpg", project / "victim.jpg", tmp_path / "victim.jpg"):
        victim.write_bytes(b"mine")
    (project / "quarantine" / "circles").mkdir(parents=True)
    name = escape.format(root=tmp_path)
    inner = "circles/000.jpg"
    stranger(
        project / "images",
        {"status": "quarantined", "file": name, "by": "clean-1"},
        {"status": "ok", "file": name, "moved_from": inner, "by": "clean-2"},
        {"status": "ok", "file": inner, "moved_from": name, "by": "clean-2"},
    )
    (tmp_path / "marks.csv").write_text(f"file,decision\n{name},aside\n{name},label: stripes\n{name},keep\n")
    before = {k: v for k, v in everything(tmp_path).items() if v == b"mine"}
    answer = cli(*command, "--project", project)
    assert answer.code == 0 and "Traceback" not in answer.err
    assert {k: v for k, v in everything(tmp_path).items() if v == b"mine"} == before
    assert len(list((project / "images").rglob("*.jpg"))) == 12
    if command == COMMANDS[0]:
        assert "3 lines" in answer.err  # refused aloud


def test_the_rest_of_a_manifest_with_such_lines_still_counts(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (photos / "circles" / "empty.jpg").write_bytes(b"")
    cli("clean")
    stranger(photos, {"status": "quarantined", "file": "../victim.jpg"})
    assert cli("clean", "--undo", "--json").data["restored"] == ["circles/empty.jpg"]


def test_a_label_folder_that_is_a_link_loses_no_photo_behind_it(cli: Cli, photos: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (photos / "stripes").rename(elsewhere)
    (photos / "stripes").symlink_to(elsewhere)
    (elsewhere / "empty.jpg").write_bytes(b"")
    (tmp_path / "quarantine" / "stripes").mkdir(parents=True)
    (tmp_path / "quarantine" / "stripes" / "000.jpg").write_bytes((elsewhere / "000.jpg").read_bytes())
    stranger(photos, {"status": "quarantined", "file": "stripes/000.jpg"})
    before = everything(elsewhere)
    answer = cli("clean", "--yes")
    assert answer.code == 0 and everything(elsewhere) == before
    assert "stripes/empty.jpg stays" in answer.err and "is a link" in answer.err


def test_photos_are_never_set_aside_through_a_link(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (photos / "circles" / "empty.jpg").write_bytes(b"")
    (tmp_path / "private" / "letters").mkdir(parents=True)
    (tmp_path / "private" / "letters" / "a.txt").write_text("mine")
    (tmp_path / "quarantine").symlink_to(tmp_path / "private")
    for command in (("clean", "--yes"), ("clean", "--undo")):
        answer = cli(*command)
        assert answer.code == 3 and "is a link" in answer.err
    (tmp_path / "quarantine").unlink()
    (tmp_path / "quarantine").mkdir()
    (tmp_path / "quarantine" / "circles").symlink_to(tmp_path / "private")
    assert cli("clean", "--yes").code == 0
    assert sorted(everything(tmp_path / "private")) == ["letters/a.txt"]
    assert (photos / "circles" / "empty.jpg").exists()


def test_a_split_that_names_files_elsewhere_is_refused(cli: Cli, tmp_path: Path) -> None:
    split = runs.untrained(tmp_path) / "split.csv"
    for name in ("../../etc/passwd", "/etc/passwd", "passwd", "circles/../../../passwd"):
        rows = split.read_text().splitlines()
        split.with_name("new.csv").write_text("\n".join([rows[0], re.sub(r"^[^,]*", name, rows[1]), *rows[2:], ""]))
        split.with_name("new.csv").replace(split)
        answer = cli("export")
        assert answer.code == 3 and "split.csv is missing or damaged" in answer.err


@pytest.mark.parametrize("images", ["../private", "a/../../private", "images/../..", 5, None, "\0"])
def test_a_run_whose_photos_would_be_outside_the_project_is_refused(cli: Cli, tmp_path: Path, images: object) -> None:
    run = runs.untrained(tmp_path) / "run.json"
    run.write_text(json.dumps({**json.loads(run.read_text()), "images": images}))
    answer = cli("evaluate")
    assert answer.code == 3 and "run.json is damaged or not ours: images" in answer.err


ODD_FILES = (
    b"new\nline.jpg", "\u202egpj.exe.jpg".encode(), b"x" * 251 + b".jpg", b"-rf.jpg", b"--csv", b"..x", b"dot.",
    b"space ", "\N{HONEYBEE}.jpg".encode(), b"\xff\xfe.jpg", b"\xed\xa0\xbd.jpg", b"\"q'`$(id).jpg", b"=1+1.jpg",
    b"<img src=x onerror=alert(1)>.jpg", b"%2e%2e.jpg", b"a\\b.jpg", b"C:x.jpg", b"NUL", b"\x1b[31m.jpg",
    b"cafe\xcc\x81.jpg", *(b"\xff\xfe%d.jpg" % number for number in range(12)),
)  # fmt: skip


def test_photos_with_odd_names_take_every_way(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    for number, name in enumerate(ODD_FILES):
        label = "circles" if number % 2 else "stripes"
        (tmp_path / "images" / label / os.fsdecode(name)).write_bytes(draw.jpeg(label, 900 + number))
    for command in (
        "clean --yes", "train --size 32 --epochs 1", "evaluate", "export --to web", "predict images --csv",
        "predict images --sort-into sorted", "gather --provider folder --source images --project other",
        "clean --yes --project other",
    ):  # fmt: skip
        answer = cli(*command.split())
        assert answer.code == 0 and "\x1b" not in answer.out + answer.err, (command, answer.err)
    answered = [row for row in cli("predict", "images", "--json").data["predictions"] if "label" in row]
    assert len(answered) == 12 + len(ODD_FILES) - 1  # one is hidden
    assert cli("evaluate", "--json").code == 0


def test_a_label_folder_whose_name_is_no_text_is_named_before_the_training(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    (tmp_path / "images" / "circles").rename(tmp_path / "images" / "\udcff\udcfe")
    answer = cli("train", "--size", "32", "--epochs", "1")
    assert answer.code == 3 and "images/\\xff\\xfe has bytes that are no text" in answer.err
    answer = cli("gather", "--provider", "folder", "--source", "images", "--project", "other", "--min-per-label", 0)
    assert answer.code == 0 and "bad-label 6" in answer.out and "6 new photos in other/images" in answer.out
    assert cli("gather", "\udcff", "--project", "other").code == 2


@pytest.mark.parametrize(
    "command", [("clean", "--yes", "--suspects", 0), ("gather", "3", "--provider", "digits", "--count", 2)]
)
def test_a_manifest_that_is_a_link_is_written_nowhere(
    cli: Cli, photos: Path, tmp_path: Path, command: tuple[object, ...]
) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("mine\n")
    (photos / "manifest.jsonl").symlink_to(victim)
    answer = cli(*command, "--json")
    assert answer.code == 3 and "through a link" in answer.json["error"]["hint"]
    assert victim.read_text() == "mine\n"


def test_a_manifest_that_is_a_pipe_is_not_waited_for(cli: Cli, photos: Path) -> None:
    os.mkfifo(photos / "manifest.jsonl")
    answer = cli("clean", "--yes", "--json")
    assert answer.code == 3 and "is no file" in answer.json["error"]["message"]


def test_a_disk_that_is_full_is_told_as_such(cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("lookalike.project.manifest.add_lines", full)
    error = cli("clean", "--yes", "--suspects", 0, "--json").json["error"]
    assert (error["code"], error["hint"]) == (3, "free some space and run the same command again")
    assert error["message"].startswith("the disk is full")
