"""The manifest keeps its word wherever a process dies, and whatever stands between its lines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.project.manifest import Manifest, State
from lookalike.project.records import ImageRecord

FILES = ("ants/a.jpg", "ants/\u2028b\n.jpg", "bees/\udcff.jpg", "train/bees/c.jpg")


def records() -> st.SearchStrategy[ImageRecord]:
    """A word about a photo, or an attempt that gave none."""
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    about = st.builds(
        ImageRecord, st.sampled_from(("ants", "bees")), st.sampled_from(("ok", "quarantined", "duplicate", "note")),
        st.sampled_from(FILES), title=texts, moved_from=st.sampled_from(("", "", *FILES)),
        at=st.just("now"),
    )  # fmt: skip
    return about | st.builds(ImageRecord, st.just("ants"), st.just("failed"), image_url=texts, at=st.just("now"))


RECORDS = st.lists(records(), max_size=8)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return Manifest(tmp_path_factory.mktemp("images"))


def kept(manifest: Manifest, *parts: list[ImageRecord]) -> State:
    """What the manifest says after these were added one part after another."""
    manifest.path.unlink(missing_ok=True)
    for part in parts:
        manifest.append(part)
    return manifest.fold()


@given(RECORDS)
def test_every_photo_has_its_last_word(manifest: Manifest, words: list[ImageRecord]) -> None:
    state = kept(manifest, words)
    assert all(record.file == file and record.status in ("ok", "quarantined") for file, record in state.files.items())
    for index, word in enumerate(words):
        later = {later.file for later in words[index + 1 :]} | {later.moved_from for later in words[index + 1 :]}
        if word.status in ("ok", "quarantined") and word.file not in later:
            assert state.files[word.file] == word
    assert len(state.attempts) == sum(word.status in ("duplicate", "failed") for word in words)


@given(RECORDS, RECORDS, st.data())
def test_a_cut_at_any_byte_costs_one_line_at_most(
    manifest: Manifest, before: list[ImageRecord], after: list[ImageRecord], chance: st.DataObject
) -> None:
    kept(manifest, before)
    whole = manifest.path.read_bytes() if before else b""
    lines = whole.splitlines(keepends=True)
    at = chance.draw(st.integers(0, len(whole)))
    complete = len(whole[:at].splitlines()) if at else 0
    torn = at > 0 and not whole[:at].endswith(b"\n") and len(b"".join(lines[:complete])) - 1 > at
    if before:
        manifest.path.write_bytes(whole[:at])
    manifest.append(after)
    found = manifest.fold()
    assert found == kept(manifest, before[: complete - torn], after)


@given(RECORDS, st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=4), st.data())
def test_lines_that_are_none_change_nothing(
    manifest: Manifest, words: list[ImageRecord], odd: list[bytes], chance: st.DataObject
) -> None:
    right = kept(manifest, words)
    lines = manifest.path.read_bytes().split(b"\n") if words else []
    for line in odd:
        lines.insert(chance.draw(st.integers(0, len(lines))), line)
    manifest.path.parent.mkdir(exist_ok=True)
    manifest.path.write_bytes(b"\n".join(lines) + b"\n")
    assert manifest.fold() == right


@given(RECORDS)
def test_a_line_comes_back_as_it_was(manifest: Manifest, words: list[ImageRecord]) -> None:
    kept(manifest, words)
    assert list(manifest.records()) == words
    for word in words:
        assert ImageRecord.from_json(json.loads(json.dumps(replace(word).to_json()))) == word


def test_the_folder_of_photos_is_all_it_needs(tmp_path: Path) -> None:
    assert Manifest(tmp_path / "none").fold() == State()
