"""gather, through the front door: what a person types and what lies on the disk afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Cli
from tests.support import draw
from tests.support.faultserver import FaultServer
from tests.support.gathering import allow, fetch, lines, photos, reasons
from tests.support.searchserver import SearchServer

pytest_plugins = ("tests.support.gathering",)


def test_digits_need_no_network_and_are_never_too_small(cli: Cli) -> None:
    answer = cli("gather", "3", "8", "--provider", "digits", "--count", 150, "--min-size", 500, "--json")
    assert (answer.code, answer.data["saved"]) == (0, 300)
    with Image.open(Path("images") / photos()[0]) as image:
        assert (image.format, image.size, image.getextrema()) == ("PNG", (128, 128), (0, 255))
    assert {line["license"] for line in lines()} == {"by 4.0"}


def test_a_second_run_saves_nothing_new_and_exits_zero(cli: Cli) -> None:
    cli("gather", "3", "8", "--provider", "digits", "--count", 20)
    before = photos()
    answer = cli("gather", "3", "8", "--provider", "digits", "--count", 20, "--json")
    assert (answer.code, answer.data["saved"], photos()) == (0, 0, before)
    assert len(lines()) == 40


def test_a_larger_count_tops_up_what_is_there(cli: Cli) -> None:
    cli("gather", "3", "--provider", "digits", "--count", 12)
    answer = cli("gather", "--provider", "digits", "3", "--count", 15, "--json")
    assert answer.data["saved"] == 3
    assert answer.data["labels"][0]["total"] == 15


def test_names_may_be_left_out_on_a_second_run(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 12)
    cli("gather", "cat", "--provider", "bing", "--count", 5)
    answer = cli("gather", "--provider", "bing", "--count", 7, "--json")
    assert answer.data["labels"][0] | {"reasons": 0} == {
        "label": "cat", "wanted": 7, "found": 7, "known": 5, "saved": 2, "total": 7, "reasons": 0,
    }  # fmt: skip


def test_bing_gives_two_people_despite_dead_slow_wrong_and_double_answers(cli: Cli, search: SearchServer) -> None:
    for number, name in enumerate(["jessica chastain", "bryce dallas howard"]):
        search.photos(name, 150, first=1000 * number)
        for index in range(10):
            search.results[name].insert(index * 7, search.url(f"/status/404/{number}{index}"))
            search.results[name].insert(index * 9, search.url("/html"))
            search.results[name].insert(
                index * 11, search.url(f"/same/{index}" if number else f"/slow/0.2/{5000 + index}")
            )
    answer = cli("gather", "jessica chastain", "bryce dallas howard", "--provider", "bing", "--json")
    assert answer.code == 0, answer.out
    assert [row["total"] for row in answer.data["labels"]] == [150, 150]
    assert len(photos()) == 300
    assert answer.data["calls"] == {"bing": 4}
    assert set(answer.data["labels"][0]["reasons"]) == {"http-404", "not-an-image"}
    assert answer.data["labels"][1]["reasons"]["placeholder"] >= 8


def test_every_line_tells_where_a_photo_came_from(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 1)
    cli("gather", "cat", "--provider", "openverse", "--min-per-label", 0)
    (line,) = lines()
    assert line["image_url"] == search.url("/photo/circles/0.jpg")
    assert line["page_url"] == "https://example.org/p"
    assert (line["provider"], line["query"], line["rank"], line["license"]) == ("openverse", "cat", 1, "by-sa 4.0")
    assert line["file"] == f"cat/openverse-{line['sha256'][:16]}.jpg"
    assert (line["width"], line["height"], line["creator"]) == (160, 140, "A")


def test_the_next_provider_tops_up_what_the_first_left_short(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 5)
    search.photos("commons:cat", 9, first=3)
    answer = cli("gather", "cat", "--count", 10, "--json")
    gave = [(row["provider"], row["found"], row["saved"], row["reason"]) for row in answer.data["providers"]]
    assert (answer.code, gave) == (0, [("openverse", 5, 5, "exhausted"), ("commons", 7, 5, "enough")])


def test_several_questions_are_asked_for_one_label(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 3)
    search.photos("cat portrait", 3, first=10)
    questions = ("--query", "{label} portrait", "--query", "{label}")
    answer = cli("gather", "cat", *questions, "--provider", "bing", "--min-per-label", 0, "--json")
    assert answer.data["saved"] == 6
    assert [call["q"] for call in search.calls["bing"]] == ["cat portrait", "cat"]


def test_a_folder_of_label_folders_is_copied_in(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "mine", {"circles": 3, "stripes": 4})
    (tmp_path / "mine/circles/broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    answer = cli("gather", "--provider", "folder", "--source", "mine", "--json", "--min-per-label", 0)
    assert {row["label"]: row["total"] for row in answer.data["labels"]} == {"circles": 3, "stripes": 4}
    assert answer.data["labels"][0]["reasons"] == {"unreadable": 1}
    assert (tmp_path / "images/stripes/003.jpg").read_bytes() == (tmp_path / "mine/stripes/003.jpg").read_bytes()


def test_train_and_val_inside_a_folder_stay_as_they_are(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "mine/train", {"circles": 2, "stripes": 2})
    (tmp_path / "mine/val/circles").mkdir(parents=True)
    (tmp_path / "mine/val/circles/9.jpg").write_bytes(draw.jpeg("circles", 99))
    cli("gather", "circles", "--provider", "folder", "--source", "mine", "--min-per-label", 0)
    assert photos() == ["train/circles/000.jpg", "train/circles/001.jpg", "val/circles/9.jpg"]


def test_a_csv_of_addresses_carries_its_labels(cli: Cli, faults: FaultServer) -> None:
    rows = [f"{faults.url(f'/photo/circles/{n}')},{'cat' if n % 2 else 'dog'},by" for n in range(6)]
    Path("list.csv").write_text("url,label,license\n" + "\n".join(rows))
    answer = cli("gather", "--provider", "urls", "--source", "list.csv", "--min-per-label", 0, "--json")
    assert {row["label"]: row["saved"] for row in answer.data["labels"]} == {"cat": 3, "dog": 3}


def test_jsonl_and_text_lists_are_read_too(cli: Cli, faults: FaultServer) -> None:
    Path("list.jsonl").write_text(json.dumps({"image_url": faults.url("/photo/circles/1"), "label": "cat"}) + "\n")
    answer = cli("gather", "--provider", "urls", "--source", "list.jsonl", "--min-per-label", 0, "--json")
    assert answer.data["saved"] == 1
    assert fetch(cli, "# a comment", "", faults.url("/photo/circles/2")).data["saved"] == 1


def test_addresses_without_a_label_are_for_one_name_only(cli: Cli, faults: FaultServer) -> None:
    Path("list.txt").write_text(faults.url("/photo/circles/1"))
    answer = cli("gather", "cat", "dog", "--provider", "urls", "--source", "list.txt")
    assert answer.code == 2
    assert "addresses without a label" in answer.err


def test_a_host_nobody_listed_is_refused_when_it_is_private(
    cli: Cli, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOOKALIKE_ALLOW_HOSTS")
    fetch(cli, faults.url("/photo/circles/1"))
    assert reasons() == {"blocked-address": 1}
    assert not faults.hits
    allow(monkeypatch, faults)


def test_too_few_photos_end_with_four_and_still_tell_what_was_done(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 3)
    answer = cli("gather", "cat", "--provider", "bing", "--json")
    assert answer.code == 4
    assert answer.data["labels"][0]["total"] == 3
    assert "cat 3" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no name is given"),
        (("cat", "Cat"), "share a folder"),
        (("train", "bus"), "divides photos"),
        (("..", "cat"), "cannot be the name"),
        (("cat", "--provider", "bong"), "no provider called 'bong'"),
        (("cat", "--provider", "urls"), "needs a file"),
        (("cat", "--provider", "urls", "--source", "nowhere.txt"), "cannot be read"),
        (("cat", "--provider", "folder", "--source", "nowhere"), "is not a folder"),
        (("cat", "--provider", "urls", "--source", "nowhere.txt", "--license", "cc"), "cannot be honoured"),
        (("cat", "--count", "0"), "greater than or equal to 1"),
    ],
)
def test_a_request_that_makes_no_sense_ends_with_two_and_one_line(
    cli: Cli, arguments: tuple[str, ...], words: str
) -> None:
    answer = cli("gather", *arguments)
    assert answer.code == 2
    assert words in answer.err
    assert answer.err.count("\n") <= 2


def test_a_label_that_no_file_system_likes_gets_a_tame_folder(cli: Cli, faults: FaultServer) -> None:
    Path("list.txt").write_text(faults.url("/photo/circles/1"))
    cli("gather", "../a/b: c?", "--provider", "urls", "--source", "list.txt", "--min-per-label", 0)
    assert photos() == [f"-a-b- c-/urls-{lines()[0]['sha256'][:16]}.jpg"]


def test_people_see_each_name_and_why_photos_are_missing(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 12)
    search.results["cat"].append(search.url("/status/404"))
    answer = cli("gather", "cat", "--provider", "bing")
    assert "http-404 1" in answer.out
    assert "http-404: the server answered with status 404" in answer.out
    assert "12 new photos" in answer.out
    assert "photos: 12/150" in answer.err


def test_quiet_says_nothing(cli: Cli) -> None:
    answer = cli("gather", "3", "--provider", "digits", "--count", 12, "--quiet")
    assert (answer.code, answer.out, answer.err) == (0, "", "")
