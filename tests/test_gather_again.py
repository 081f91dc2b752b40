"""Running gather again: from cron, after failures, from another manifest; and what it leaves beside the photos."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Cli
from tests.support import draw
from tests.support.faultserver import FaultServer
from tests.support.gathering import fetch, lines, photos, reasons
from tests.support.searchserver import SearchServer

pytest_plugins = ("tests.support.gathering",)


def test_a_run_repeats_neither_successes_nor_final_failures(cli: Cli, faults: FaultServer) -> None:
    urls = [faults.url(path) for path in ("/photo/circles/1", "/status/404", "/html", "/same/1", "/same/2")]
    fetch(cli, *urls)
    before, asked = lines(), dict(faults.hits)
    answer = fetch(cli, *urls)
    assert (lines(), dict(faults.hits)) == (before, asked)
    assert answer.data["labels"][0]["known"] == 5


def test_a_run_tries_again_what_may_have_recovered(cli: Cli, faults: FaultServer) -> None:
    url = faults.url("/flaky/503/3/1")
    assert fetch(cli, url).data["labels"][0]["reasons"] == {"http-503": 1}
    assert fetch(cli, url).data["saved"] == 1


def test_retry_failed_tries_only_what_failed_and_searches_nothing(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 10)
    search.results["cat"] += [search.url("/flaky/404/1/77"), search.url("/flaky/404/9/78")]
    cli("gather", "cat", "--provider", "bing")
    search.photos("cat", 5, first=50)
    answer = cli("gather", "--retry-failed", "--json")
    assert answer.data["saved"] == 1
    assert answer.data["labels"][0]["reasons"] == {"http-404": 1}
    assert answer.data["calls"] == {}
    assert sum(line["status"] == "ok" and line["provider"] == "bing" for line in lines()) == 11


def test_retry_failed_leaves_alone_what_another_try_cannot_change(cli: Cli, faults: FaultServer) -> None:
    fetch(cli, faults.url("/photo/circles/1"))
    with Path("images/manifest.jsonl").open("a") as file:
        for reason in ("two-labels", "placeholder", "bad-row", "odd-item"):
            record = {"label": "cat", "status": "failed", "image_url": faults.url(f"/photo/{reason}"), "reason": reason}
            file.write(json.dumps(record) + "\n")
    answer = cli("gather", "--retry-failed")
    assert answer.code == 3 and "nothing to fetch again" in answer.err


def test_retry_failed_with_nothing_failed_says_so(cli: Cli) -> None:
    cli("gather", "3", "--provider", "digits", "--count", 10)
    answer = cli("gather", "--retry-failed")
    assert answer.code == 3
    assert "nothing to fetch again" in answer.err


def test_a_photo_deleted_by_hand_comes_back_and_a_quarantined_one_does_not(cli: Cli, faults: FaultServer) -> None:
    urls = [faults.url(f"/photo/circles/{number}") for number in range(3)]
    fetch(cli, *urls)
    first, second, _ = photos()
    (Path("images") / first).unlink()
    line = next(line for line in lines() if line["file"] == second)
    with Path("images/manifest.jsonl").open("a") as file:
        file.write(str({**line, "status": "quarantined"}).replace("'", '"') + "\n")
    shutil.move(Path("images") / second, "aside.jpg")
    assert fetch(cli, *urls).data["saved"] == 1
    assert first in photos() and second not in photos()


def test_a_torn_last_line_costs_one_fetch_and_no_photo(cli: Cli, faults: FaultServer) -> None:
    urls = [faults.url(f"/photo/circles/{number}") for number in range(3)]
    fetch(cli, *urls)
    manifest = Path("images/manifest.jsonl")
    manifest.write_bytes(manifest.read_bytes()[:-40])
    fetch(cli, *urls)
    assert len(photos()) == 3
    assert sorted(line["image_url"] for line in lines_that_parse() if line["status"] == "ok") == sorted(urls)


def lines_that_parse() -> list[dict[str, str]]:
    import json
    from contextlib import suppress

    found = []
    for line in Path("images/manifest.jsonl").read_text().splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def test_photos_put_there_by_hand_count_and_are_not_fetched_twice(cli: Cli, search: SearchServer) -> None:
    draw.folder(Path("images"), {"cat": 0})
    for number in range(6):
        Path(f"images/cat/mine{number}.jpg").write_bytes(draw.jpeg("circles", number, (160, 140)))
    search.photos("cat", 20, first=5)
    answer = cli("gather", "cat", "--provider", "bing", "--count", 10, "--json")
    assert (answer.data["labels"][0]["total"], answer.data["saved"]) == (10, 4)
    assert reasons()["duplicate"] == 1


def test_a_name_in_other_letters_than_its_folder_is_refused(cli: Cli) -> None:
    Path("images/CAT").mkdir(parents=True)
    answer = cli("gather", "cat", "--provider", "bing")
    assert answer.code == 2
    assert "has a folder 'CAT' already" in answer.err


def test_a_folder_whose_accents_are_written_as_on_a_mac_is_the_one_meant(cli: Cli, search: SearchServer) -> None:
    search.photos("caf\u00e9", 3)
    folder = Path("images", "cafe\u0301")
    folder.mkdir(parents=True)
    answer = cli("gather", "caf\u00e9", "--provider", "bing", "--count", 3, "--min-per-label", 1, "--json")
    assert answer.code == 0 and len(list(folder.iterdir())) == 3
    assert [path.name for path in Path("images").iterdir() if path.is_dir()] == [folder.name]


def test_cron_tops_up_and_exits_zero_when_nothing_is_new(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 12)
    run = ("gather", "cat", "--provider", "bing", "--count", 20, "--cache-hours", 0, "--quiet")
    assert cli(*run).code == 0
    assert cli(*run).code == 0
    search.photos("cat", 30, first=100)
    answer = cli(*run)
    assert (answer.code, answer.out, answer.err, len(photos())) == (0, "", "", 20)


def test_a_resume_costs_no_quota(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 30)
    cli("gather", "cat", "--provider", "bing", "--count", 10)
    assert cli("gather", "cat", "--provider", "bing", "--count", 20, "--json").data["calls"] == {}
    assert len(search.calls["bing"]) == 1


def test_a_set_is_rebuilt_elsewhere_and_what_the_web_lost_is_listed(cli: Cli, faults: FaultServer) -> None:
    urls = [faults.url(f"/photo/circles/{number}") for number in range(5)]
    changing, vanishing = faults.url("/bytes/changing"), faults.url("/bytes/vanishing")
    faults.bodies |= {"changing": draw.jpeg("stripes", 1, (160, 160)), "vanishing": draw.jpeg("stripes", 2, (160, 160))}
    fetch(cli, *urls, changing, vanishing, faults.url("/status/404"))
    original = photos()
    faults.bodies = {"changing": draw.jpeg("stripes", 3, (160, 160)), "vanishing": b"<html>gone</html>"}
    answer = cli("gather", "--from", "images/manifest.jsonl", "--project", "copy", "--json", "--min-size", 9999)
    assert {(item["address"], item["reason"]) for item in answer.data["lost"]} == {
        (changing, "changed"), (vanishing, "not-an-image"),
    }  # fmt: skip
    lost = {item["file"] for item in answer.data["lost"]}
    assert photos("copy/images") == sorted(set(original) - lost)


def test_one_line_of_a_manifest_with_an_impossible_label_costs_itself(cli: Cli, faults: FaultServer) -> None:
    fetch(cli, *(faults.url(f"/photo/circles/{number}") for number in range(3)))
    text = Path("images/manifest.jsonl").read_text().splitlines()
    Path("list.jsonl").write_text("\n".join([text[0].replace('"label": "cat"', '"label": ":"'), *text[1:]]))
    answer = cli("gather", "--from", "list.jsonl", "--project", "copy", "--json", "--min-per-label", 2)
    assert answer.code == 0 and answer.data["saved"] == 2
    assert reasons("copy/images") == {"ok": 2, "bad-label": 1}


def test_a_divided_set_and_digits_are_rebuilt_too(cli: Cli) -> None:
    cli("gather", "3", "8", "--provider", "digits", "--count", 10)
    answer = cli("gather", "--from", "images/manifest.jsonl", "--project", "copy", "--json")
    assert (answer.data["saved"], answer.data["lost"]) == (20, [])
    assert photos("copy/images") == photos()


@pytest.mark.parametrize("gone", ["nothing", "source", "images"])
def test_a_set_from_a_folder_is_rebuilt_from_beside_its_manifest_or_from_the_source(cli: Cli, gone: str) -> None:
    draw.folder(Path("sorted"), {"circles": 12, "stripes": 12})
    cli("gather", "--provider", "folder", "--source", "sorted", "--quiet")
    original = photos()
    shutil.copy("images/manifest.jsonl", "told.jsonl")
    told = {
        "nothing": ("images",),
        "source": ("images/manifest.jsonl",),
        "images": ("told.jsonl", "--source", "sorted"),
    }
    if gone != "nothing":
        shutil.rmtree("sorted" if gone == "source" else "images")
    answer = cli("gather", "--from", *told[gone], "--project", "copy", "--json")
    assert (answer.code, answer.data["saved"], answer.data["lost"]) == (0, 24, [])
    assert photos("copy/images") == original


def test_photos_of_a_folder_that_changed_or_is_not_given_are_lost_with_the_reason(cli: Cli) -> None:
    draw.folder(Path("sorted"), {"circles": 12, "stripes": 12})
    cli("gather", "--provider", "folder", "--source", "sorted", "--quiet")
    Path("images/manifest.jsonl").rename("told.jsonl")
    Path("sorted/circles/000.jpg").write_bytes(draw.jpeg("stripes", 99))
    answer = cli("gather", "--from", "told.jsonl", "--source", "sorted", "--project", "copy", "--json")
    assert [item["file"] for item in answer.data["lost"]] == ["circles/000.jpg"]
    answer = cli("gather", "--from", "told.jsonl", "--project", "other", "--json", "--min-per-label", 0)
    assert {item["reason"] for item in answer.data["lost"]} == {"no-access"} and len(answer.data["lost"]) == 24


def test_a_manifest_reads_nothing_outside_its_own_folder(cli: Cli) -> None:
    draw.folder(Path("sorted"), {"circles": 10, "stripes": 10})
    cli("gather", "--provider", "folder", "--source", "sorted", "--quiet")
    Path("secret.jpg").write_bytes(draw.jpeg("circles", 500))
    line = {**lines()[0], "file": "circles/none.jpg", "image_url": "folder:x/../secret.jpg", "sha256": ""}
    Path("images/manifest.jsonl").write_text(json.dumps(line) + "\n")
    answer = cli("gather", "--from", "images/manifest.jsonl", "--project", "copy", "--min-per-label", 0, "--json")
    assert answer.data["saved"] == 0


def test_a_manifest_from_a_stranger_cannot_write_elsewhere(cli: Cli, faults: FaultServer) -> None:
    fetch(cli, faults.url("/photo/circles/1"))
    text = Path("images/manifest.jsonl").read_text()
    for number, file in enumerate(["../../evil.jpg", "../cat/evil.jpg", "/tmp/evil.jpg", "train/../../evil.jpg"]):
        Path("stranger.jsonl").write_text(text.replace(lines()[0]["file"], file).replace('"cat"', '"../cat"'))
        cli("gather", "--from", "stranger.jsonl", "--project", f"copy{number}", "--min-per-label", 0)
        assert len(photos(f"copy{number}/images")) == 1
    assert not [path for path in Path().rglob("*evil*") if "images" not in path.parts]


@pytest.mark.parametrize("text", [None, "no json\n", "\xff"])
def test_something_else_than_a_manifest_ends_with_two(cli: Cli, text: str | None) -> None:
    if text is not None:
        Path("other.jsonl").write_text(text, encoding="latin-1")
    assert cli("gather", "--from", "other.jsonl").code == 2


def test_a_folder_without_a_manifest_ends_with_the_command_that_takes_its_photos(cli: Cli) -> None:
    draw.folder(Path("my photos"), {"circles": 12, "stripes": 12})
    answer = cli("gather", "--from", "my photos")
    assert answer.code == 2 and "holds no manifest.jsonl" in answer.err
    command = answer.err.strip().partition("lookalike ")[2]
    assert cli(*shlex.split(" ".join(command.split()))).code == 0 and len(photos()) == 24


def test_people_to_name_are_in_a_table_beside_the_photos(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 12)
    answer = cli("gather", "cat", "--provider", "openverse", "--json")
    with Path(answer.data["files"]["attribution"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == photos()
    assert (rows[0]["creator"], rows[0]["license"]) == ("A", "by-sa 4.0")


def test_the_contact_sheet_shows_what_came(cli: Cli) -> None:
    answer = cli("gather", "3", "8", "--provider", "digits", "--count", 13, "--sheet", "--json")
    with Image.open(answer.data["files"]["contact sheet"]) as sheet:
        assert (sheet.format, sheet.width) == ("JPEG", 12 * 96)
        assert len(sheet.crop((0, 22, 12 * 96, 22 + 96)).getcolors(100000) or []) > 20


def test_without_the_flag_there_is_no_sheet(cli: Cli) -> None:
    cli("gather", "3", "--provider", "digits", "--count", 10)
    assert not Path("gathered.jpg").exists()


def test_providers_are_listed_with_what_they_need(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAVE_SEARCH_API_KEY", "s3cret-brave-key")
    answer = cli("providers", "--json")
    keys = {entry["name"]: entry["key"] for entry in answer.data["providers"]}
    assert answer.code == 0
    assert (keys["brave"], keys["webiq"], keys["openverse"], keys["commons"]) == (
        "found", "missing", "optional", "none needed",
    )  # fmt: skip
    assert "s3cret" not in answer.out
    assert "missing: WEBIQ_API_KEY" in cli("providers").out


def test_a_check_asks_each_provider_once(cli: Cli, search: SearchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INAT", "SEARXNG"):
        monkeypatch.setenv(f"LOOKALIKE_{name}_ENDPOINT", search.url("/canned"))
    search.photos("cat", 30)
    answer = cli("providers", "--check", "--json")
    told = {entry["name"]: (entry["works"], entry["answer"]) for entry in answer.data["providers"]}
    assert told["bing"] == (True, "works: 10 hits or more")
    assert told["openverse"][0] is True
    assert told["inat"] == (False, "it did not understand the question: status 404")
    assert told["webiq"] == (None, "")
    assert len(search.calls["bing"]) == 1
