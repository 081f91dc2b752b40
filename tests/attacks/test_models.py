"""Every hostile model is refused with one plain line: no code runs, no file is read, no process dies."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lookalike.bundle import bundle, onnxfile, running
from lookalike.bundle.bundle import write_description
from lookalike.errors import NotReadyError, UnusablePhoto
from lookalike.photos.decode import Pool
from lookalike.project.paths import load_bundle
from lookalike.project.records import InputSpec
from tests.attacks import hostile
from tests.conftest import Cli
from tests.support import draw, models

PICKLES = list(hostile.pickles(Path("x")))
ONNX = list(hostile.onnx_files("x"))
NAMES = ("learner.pkl", "model.pth", "model.onnx", "model.safetensors", "photo.jpg")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(draw.jpeg("circles", 4))
    return path


@pytest.mark.parametrize("kind", PICKLES)
def test_a_pickle_is_refused_whatever_it_is_called(cli: Cli, tmp_path: Path, photo: Path, kind: str) -> None:
    canary = tmp_path / "canary"
    data = hostile.pickles(canary)[kind]
    (tmp_path / "given").mkdir()
    for name in NAMES:
        (tmp_path / "given" / name).write_bytes(data)
        answer = cli("predict", photo, "--model", f"given/{name}")
        assert answer.code == 3 and len(answer.err.splitlines()) == 2 and not canary.exists()
    models.bundle(tmp_path / "models" / "sealed", data)  # with the right sha256
    assert cli("predict", photo, "--model", "sealed").code == 3 and not canary.exists()


def test_the_canary_would_sing(tmp_path: Path) -> None:
    import pickle

    pickle.loads(hostile.pickles(tmp_path / "canary")["protocol 2"])
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize("kind", ONNX)
@pytest.mark.parametrize("place", ["stranger", "work/models/m"])
def test_a_hostile_onnx_file_is_refused(
    cli: Cli, tmp_path: Path, photo: Path, kind: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "OPENING_SECONDS", 4.0)
    (tmp_path / "work").mkdir()
    folder = models.bundle(tmp_path / place, hostile.onnx_files("weights.bin")[kind])
    (folder / "weights.bin").write_bytes(b"\0" * 24)
    answer = cli("predict", photo, "--model", folder, "--project", tmp_path / "work")
    assert answer.code == 3 and "Traceback" not in answer.err and len(answer.err.splitlines()) == 2


@pytest.mark.parametrize("kind", [kind for kind in ONNX if "loop" in kind or "chance" in kind or "branch" in kind])
def test_what_a_classifier_does_without_is_refused_before_it_is_opened(kind: str) -> None:
    with pytest.raises(NotReadyError, match=r"loops or branches|do without|not an ONNX model"):
        onnxfile.rewritten(hostile.onnx_files("weights.bin")[kind])


def test_what_is_opened_is_only_what_was_understood() -> None:
    plain = models.warm_or_cold().SerializeToString()
    assert onnxfile.rewritten(plain + b"\xf2\x7f\x03odd") == plain  # a field that the format does not have


@pytest.mark.parametrize("kind", ["ends the process that divides", "64 GiB made while running"])
def test_a_model_that_ends_its_process_ends_neither_page_nor_evaluation(tmp_path: Path, kind: str) -> None:
    model = bundle.load(models.bundle(tmp_path / "m", hostile.onnx_files("weights.bin")[kind]))
    for count in (1, 1, 32)[: 2 if "divides" in kind else 3]:  # vectors of 32 divide without a trap
        with pytest.raises(NotReadyError, match="cannot be run"):
            model.probabilities(np.zeros((count, 64, 64, 3), np.uint8))


def test_a_detector_of_faces_that_could_do_more_is_refused(cli: Cli, tmp_path: Path, photo: Path) -> None:
    folder = models.bundle(tmp_path / "models" / "m", input=InputSpec(64, crop="face"))
    (folder / "face.onnx").write_bytes(hostile.onnx_files("x")["endless loop"] + hostile.field(1000, b"kps_32"))
    write_description(folder, load_bundle(folder), ["model.onnx", "face.onnx"])
    answer = cli("predict", photo)
    assert answer.code == 3 and "loops" in answer.err


def test_a_detector_of_faces_that_ends_its_process_is_blamed_and_no_photo(
    cli: Cli, tmp_path: Path, photo: Path
) -> None:
    folder = models.bundle(tmp_path / "models" / "m", input=InputSpec(64, crop="face"))
    (folder / "face.onnx").write_bytes(hostile.detector())
    write_description(folder, load_bundle(folder), ["model.onnx", "face.onnx"])
    answer = cli("predict", photo)
    assert answer.code == 3 and "face.onnx, which finds faces, cannot be run: it ends its process" in answer.err
    assert "decoder-died" not in answer.err + answer.out


def test_a_detector_that_is_replaced_after_the_check_is_not_used(tmp_path: Path, photo: Path) -> None:
    folder = models.bundle(tmp_path / "m")
    (folder / "face.onnx").write_bytes(models.warm_or_cold().SerializeToString())
    with pytest.raises(NotReadyError, match="changed since it was checked"):
        bundle.Reader(InputSpec(64, crop="face"), folder / "face.onnx", "0" * 64).read(photo)


def test_a_model_that_is_replaced_after_the_check_is_not_used(tmp_path: Path) -> None:
    folder = models.bundle(tmp_path / "m")
    about = bundle.check(folder)
    (folder / "model.onnx").write_bytes(models.warm_or_cold().SerializeToString() + b"\xf2\x7f\x03odd")
    with pytest.raises(NotReadyError, match="has changed since it was checked"):
        bundle.opened(folder, about)


@pytest.mark.parametrize("kind", hostile.misfits())
def test_a_model_that_is_not_what_it_says_is_explained(cli: Cli, tmp_path: Path, photo: Path, kind: str) -> None:
    models.bundle(tmp_path / "models" / "m", hostile.misfits()[kind].SerializeToString())
    answer = cli("predict", photo)
    assert answer.code == 3 and re.search("fit its model.json|not probabilities|not between -1 and 1", answer.err)


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ["a"]}, {"labels": ["a", "a"]}, {"labels": [1, 2]}, {"labels": "ab"}, {"labels": {}},
        {"input": {"size": 10**9}}, {"input": {"size": "64"}}, {"input": {"size": 64, "resize": "evil"}}, {"input": 3},
        {"temperature": 0}, {"temperature": float("nan")}, {"temperature": "1"}, {"threshold": 7}, {"threshold": []},
        {"metrics": {"accuracy": {"value": float("nan")}}}, {"parity": {"largest": float("inf")}},
        {"min_similarity": 2}, {"min_similarity": "1"}, {"min_similarity": 0.5},
        {"files": []}, {"files": {}}, {"files": {"../../etc/passwd": "0" * 64}}, {"files": {"/etc/passwd": "0" * 64}},
        {"files": {"model.onnx": 5}}, {"version": 2}, {"version": "x" * 1000}, {"surprise": 1}, {"checksum": "0" * 64},
    ],
)  # fmt: skip
def test_a_hostile_description_is_refused(cli: Cli, tmp_path: Path, photo: Path, change: dict[str, object]) -> None:
    path = models.bundle(tmp_path / "models" / "m") / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "checksum": "", **change}))
    answer = cli("predict", photo)
    assert answer.code == 3 and "Traceback" not in answer.err and len(answer.err.splitlines()) <= 2


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"labels": 1' + "0" * 5000 + "}", "\udcff"])
def test_a_broken_description_is_refused(cli: Cli, tmp_path: Path, photo: Path, text: str) -> None:
    path = models.bundle(tmp_path / "models" / "m") / "model.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    assert cli("predict", photo).code == 3


def test_a_link_in_place_of_a_model_is_refused(cli: Cli, tmp_path: Path, photo: Path) -> None:
    folder = models.bundle(tmp_path / "models" / "m")
    (folder / "model.onnx").rename(tmp_path / "elsewhere.onnx")
    (folder / "model.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    assert cli("predict", photo).code == 3


def mutations(whole: bytes, count: int) -> Iterator[bytes]:
    """Damaged copies: cut, flipped, spliced."""
    chance = random.Random(7)
    for number in range(count):
        at = chance.randrange(len(whole))
        if number % 3 == 0:
            yield whole[:at]
        elif number % 3 == 1:
            damaged = bytearray(whole)
            for _ in range(chance.randrange(1, 9)):
                damaged[chance.randrange(len(whole))] = chance.randrange(256)
            yield bytes(damaged)
        else:
            to = chance.randrange(len(whole))
            yield whole[:at] + whole[to : to + chance.randrange(200)] + whole[at:]


def test_a_thousand_damaged_models_end_no_process() -> None:
    whole = models.warm_or_cold().SerializeToString()
    with Pool(2, seconds=20, memory=2_000_000_000) as pool:
        answers = [answer for _, answer in pool.map("tests.attacks.opener:open_model", mutations(whole, 1000))]
    died = [a for a in answers if isinstance(a, UnusablePhoto) and a.reason in ("decoder-died", "too-slow")]
    assert len(answers) == 1000 and not died
    assert answers.count("refused") > 400


def test_a_thousand_damaged_descriptions_are_refused_or_harmless(tmp_path: Path) -> None:
    path = models.bundle(tmp_path / "m") / "model.json"
    whole = path.read_bytes()
    for damaged in mutations(whole, 1000):
        path.write_bytes(damaged)
        if damaged != whole:
            with pytest.raises(NotReadyError):
                bundle.check(path.parent)


def test_a_thousand_damaged_weight_files_are_refused_or_harmless(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save

    whole = save({"a": np.zeros((4, 4), np.float32), "b": np.ones(3, np.float32)})
    with Pool(2, seconds=20, memory=2_000_000_000) as pool:
        answers = [answer for _, answer in pool.map("tests.attacks.opener:open_weights", mutations(whole, 1000))]
    assert not [a for a in answers if isinstance(a, UnusablePhoto) and a.reason in ("decoder-died", "too-slow")]


@pytest.mark.parametrize(
    "header",
    [
        (10**8 + 1).to_bytes(8, "little"), (2**63).to_bytes(8, "little"),
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
        b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,8]}}',
    ],
)  # fmt: skip
def test_weights_with_a_lying_header_are_refused(header: bytes) -> None:
    from tests.attacks.opener import open_weights

    data = header if len(header) == 8 else len(header).to_bytes(8, "little") + header
    assert open_weights(data + b"\0" * 16) == "refused"
