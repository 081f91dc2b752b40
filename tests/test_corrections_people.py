"""Corrections of people: the running server answers with them at once, and the next training keeps them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support import portraits, servers

pytestmark = portraits.needs_networks


def jpeg(seed: int, *names: str) -> bytes:
    buffer = io.BytesIO()
    portraits.scene(seed, *names).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def said(server: servers.Server, photo: bytes) -> tuple[str, float]:
    answer = server.ask(photo).json()
    return answer["label"], answer["similarity"]


@pytest.fixture
def trained_people(cli: Cli, tmp_path: Path) -> Path:
    portraits.people_folder(tmp_path / "images", {"ann": 3, "bea": 3})
    assert cli("train", "--quiet").code == 0
    return tmp_path


def test_a_person_who_was_not_known_is_known_at_once_and_after_the_next_training(
    cli: Cli, trained_people: Path
) -> None:
    model = next(trained_people.glob("runs/*/model"))
    wrong, again, known = jpeg(500, "cas"), jpeg(501, "cas"), jpeg(502, "bea")
    flags = (model, "--project", str(trained_people))
    with servers.serving(*flags) as server:
        before = [said(server, photo) for photo in (wrong, again, known)]
        assert [label for label, _ in before] == ["neither", "neither", "bea"]
        kept = server.change("correct?label=ann", wrong).json()
        assert (
            kept["learnt"] and said(server, wrong)[0] == "ann" and said(server, wrong)[1] == pytest.approx(1, abs=1e-3)
        )
        assert said(server, again)[0] == "ann" and said(server, known) == before[2]
        server.change(f"undo?correction={kept['correction']}")
        assert [said(server, photo) for photo in (wrong, again, known)] == before
        server.change("correct?label=ann", wrong)
    with servers.serving(*flags) as server:  # one that starts later knows it, too
        assert said(server, wrong)[0] == "ann"
    (trained_people / "wrong.jpg").write_bytes(wrong)
    assert cli("predict", "wrong.jpg", "--json").data["predictions"][0]["label"] == "neither"
    assert cli("train", "--quiet").code == 0
    found = cli("predict", "wrong.jpg", "images/bea/00.jpg", "images/ann/00.jpg", "--json").data["predictions"]
    assert [row["label"] for row in found] == ["ann", "bea", "ann"]


def test_of_several_faces_the_one_like_the_label_is_meant(cli: Cli, trained_people: Path) -> None:
    model = next(trained_people.glob("runs/*/model"))
    with servers.serving(model, "--project", str(trained_people)) as server:
        stranger = jpeg(503, "cas")
        server.change("correct?label=bea", jpeg(504, "cas", "bea"))
        assert said(server, stranger)[0] == "neither"
