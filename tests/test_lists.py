"""Lists of addresses and files as people have them: what is good in them is taken, what is not is a row or is named."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.project import lists
from tests.conftest import Answer, Cli
from tests.support import draw, models
from tests.support.faultserver import FaultServer
from tests.support.gathering import lines

pytest_plugins = ("tests.support.gathering",)


def gather(cli: Cli, faults: FaultServer, text: str | bytes, encoding: str = "utf-8", label: str = "cat") -> Answer:
    """Gather a list in which @N stands for the address of photo N, at a name that says nothing of what it is."""
    data = text if isinstance(text, bytes) else text.replace("@", faults.url("/photo/circles/")).encode(encoding)
    Path("list.dat").write_bytes(data)
    chosen = [label] if label else []
    flags = ("--provider", "urls", "--source", "list.dat", "--min-per-label", 0, "--json")
    return cli("gather", *chosen, *flags)


PLAIN = "@1\n@2\n@3\n"
LISTS = {
    "lines": (PLAIN, "utf-8"), "windows": (PLAIN.replace("\n", "\r\n"), "utf-8-sig"),
    "mac": (PLAIN.replace("\n", "\r"), "utf-8"),
    "powershell": (PLAIN.replace("\n", "\r\n"), "utf-16"), "utf-16 without a mark": (PLAIN, "utf-16-be"),
    "utf-32": (PLAIN, "utf-32"), "comments": ("# from the web\n\n@1\n  @2 \n<@3>\n", "utf-8"),
    "comma": ("label,url\ncat,@1\ncat,@2\ncat,@3\n", "utf-8"),
    "sources": ("Photographer,url\nAda,@1\nAda,@2\nAda,@3", "utf-8"),
    "capitals": ("TEXT,URL\na cat,@1\na cat,@2\na cat,@3", "utf-8"),
    "semicolon": ("label;url\ncat;@1\ncat;@2\ncat;@3\n", "utf-8-sig"),
    "tab": ("title\tImage URL\nx\t@1\ny\t@2\nz\t@3", "utf-8"),
    "bar": ("url|title\n@1|x\n@2|y\n@3|z", "utf-8"), "told": ("sep=;\nurl;title\n@1;x\n@2;y\n@3;z\n", "utf-8"),
    "quoted": ('"title","url"\n"a, b","@1"\n"say ""hi""",@2\n"two\nlines",@3\n', "utf-8"),
    "one column": ("url\n@1\n@2?crop=1,2\n@3\n", "utf-8"),
    "unknown column": ("name,picture\na,@1\nb,@2\nc,@3\n", "utf-8"),
    "torn quote": ('title,url\n"Big,@1\nx,@2\ny,@3\n', "utf-8"),
    "torn at the end": ('title,url\nx,@1\ny,"@2\nz,@3\n', "utf-8"),
    "pairs": ("@1\tcat\n@2\tcat\n@3\tcat\n", "utf-8"), "pairs turned": ("cat,@1\ncat,@2\ncat,@3\n", "utf-8"),
    "commas inside": ("@1?a,b.jpg\n@2?c d\n@3?crop=1,2&amp;width=80\n", "utf-8"),
    "array": ('["@1", "@2", "@3"]', "utf-8"),
    "objects": ('[{"url": "@1"}, {"contentUrl": "@2"}, {"Image_URL": "@3"}]', "utf-8"),
    "long numbers": ('[{"url": "@1", "id": 1%s}, {"url": "@2"}, {"url": "@3"}]' % ("0" * 5000), "utf-8"),
    "wrapped": ('{"images": [{"coco_url": "@1"}, {"coco_url": "@2"}, {"coco_url": "@3"}], "info": {}}', "utf-8"),
    "named": ('{"urls": ["@1", "@2", "@3"]}', "utf-8"),
    "told tab": ("sep=\t\nurl\ttitle\n@1\tx\n@2\ty\n@3\tz\n", "utf-8"),
    "a photo in a cell": (f"thumbnail,url\n{'9' * 140_000},@1\nx,@2\ny,@3\n", "utf-8"),
    "by number": ('{"7": {"url": "@1"}, "8": {"url": "@2"}, "9": {"url": "@3"}}', "utf-8"),
    "wrapped twice": ('{"response": {"photos": [{"url": "@1"}, {"url": "@2"}, {"url": "@3"}]}}', "utf-8"),
    "by label": ('{"cat": ["@1", "@2"], "kitten": ["@3"]}', "utf-8"),
    "rows of cells": ('[["url", "label"], ["@1", "cat"], ["@2", "cat"], ["@3", "cat"]]', "utf-8"),
    "by column": ('{"url": ["@1", "@2", "@3"], "label": ["cat", "cat", "cat"]}', "utf-8"),
    "by column and number": ('{"url": {"0": "@1", "1": "@2", "2": "@3"}, "id": {"0": 7, "1": 8, "2": 9}}', "utf-8"),
    "columns and data": ('{"columns": ["id", "url"], "data": [[1, "@1"], [2, "@2"], [3, "@3"]]}', "utf-8"),
    "deep": ('{"hits": {"n": 3, "hits": [{"_source": {"url": "@1"}}, {"url": "@2"}, {"url": "@3"}]}}', "utf-8"),
    "sparql": ('{"head": {"vars": ["pic"]}, "results": {"bindings": [{"pic": {"type": "uri", "value": "@1"}}, '
               '{"pic": {"value": "@2"}}, {"pic": {"value": "@3"}}]}}', "utf-8"),
    "unknown key": ('[{"pic": "@1", "n": 1}, {"pic": "@2"}, {"pic": "@3"}]', "utf-8"),
    "a comma too many": ('[{"url": "@1"}, {"url": "@2"}, {"url": "@3"},\n]', "utf-8"),
    "lines with commas": ('{"url": "@1"},\n{"url": "@2"},\n{"url": "@3"}\n', "utf-8"),
    "python": ("['@1', '@2', '@3']", "utf-8"), "one line": ("@1, @2, @3", "utf-8"), "spaces": ("@1 @2\n@3", "utf-8"),
    "quoted lines": ('"@1",\n"@2",\n"@3"\n', "utf-8"),
    "typeset": ("label,url\ncat,“@1”\ncat,\xa0@2\ncat,«@3»", "utf-8"),
    "bullets": ("- @1\n- @2\n* @3\n", "utf-8"), "numbers": ("1. @1\n2. @2\n10) @3\n", "utf-8"),
    "pairs with spaces": ("@1  cat\n@2   cat\n@3 cat\n", "utf-8"),
    "pairs turned with spaces": ("cat @1\ncat @2\ncat\t @3\n", "utf-8"),
    "numbers before pairs": ("1;cat;@1\n2;cat;@2\n3;cat;@3\n", "utf-8"),
    "markdown": ("| label | url |\n|---|:--|\n| cat | @1 |\n| cat | @2 |\n| cat | @3 |\n", "utf-8"),
    "pages beside photos": ("id,photo_url,photo_image_url\n1,%s,@1\n2,%s,@2\n3,%s,@3\n" % (("https://a.test/x",) * 3),
                            "utf-8"),
    "json lines": ('{"url": "@1"}\n\n{"url": "@2"}\n{"url": "@3"}\n', "utf-8"),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_each_way_of_writing_a_list_gives_its_photos(cli: Cli, faults: FaultServer, name: str) -> None:
    text, encoding = LISTS[name]
    answer = gather(cli, faults, text, encoding, label="" if name == "by label" else "cat")
    assert answer.code == 0, answer.json
    assert (answer.data["saved"], [line["status"] for line in lines()]) == (3, ["ok"] * 3)
    if name == "by label":
        assert {row["label"]: row["saved"] for row in answer.data["labels"]} == {"cat": 2, "kitten": 1}


LABELLED = {
    "category": "category,image_url\ncat,@1\ndog,@2\ncat,@3\n", "target": "url\ttarget\n@1\tcat\n@2\tdog\n@3\tcat\n",
    "any language": "Bild;Art\n@1;cat\n@3;cat\n@2;dog\n@2;dog\n", "one word": '{"tag": ["cat"], "url": "@1"}\n'
    '{"tag": "dog", "url": "@2"}\n{"tag": "cat", "url": "@3"}\n', "torn": 'label,url\n"cat,@1\ndog,@2\ncat,@3\n',
    "wrapped by label": '{"cat": {"images": ["@1", "@3"]}, "dog": {"images": [{"url": "@2"}]}}',
    "a sheet without one": "label,url\ncat,@1\ndog,@2\n@9\ncat,@3\n",
    "below a title": "My photos of 2024,,\nlabel,url,note\ncat,@1,x\ndog,@2,y\ncat,@3,z\n",
    "coco": json.dumps({
        "images": [{"id": n, "file_name": f"{n}.jpg", "coco_url": f"@{n}"} for n in (1, 2, 3)],
        "annotations": [{"image_id": n, "category_id": 1 + n % 2} for n in (1, 2, 3)],
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}],
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", LABELLED)
def test_the_labels_of_a_list_are_found(cli: Cli, faults: FaultServer, name: str) -> None:
    answer = gather(cli, faults, LABELLED[name], label="")
    assert answer.code == 0, answer.json
    assert {row["label"]: row["saved"] for row in answer.data["labels"]} == {"cat": 2, "dog": 1}


OWN_WORDS = {
    "three columns": "name;Bild-Adresse;Art\nx;@1;Cat\ny;@3;cat\nz;@2;dog\n",
    "names of two kinds": "id,scientific_name,common_name,image_url\n1,Felis,Cat,@1\n2,Canis,Dog,@2\n3,Felis,cat ,@3\n",
}


@pytest.mark.parametrize("name", [*LABELLED, *OWN_WORDS])
def test_of_a_list_of_several_only_those_that_are_asked_for_come(cli: Cli, faults: FaultServer, name: str) -> None:
    answer = gather(cli, faults, (LABELLED | OWN_WORDS)[name], label="cat")
    assert answer.code == 0, answer.json
    assert {row["label"]: row["saved"] for row in answer.data["labels"]} == {"cat": 2}


def test_a_list_without_labels_or_names_says_what_to_type(cli: Cli, faults: FaultServer) -> None:
    answer = gather(cli, faults, OWN_WORDS["three columns"], label="")
    assert answer.code == 2 and "list.dat has no column of labels" in answer.json["error"]["message"]
    assert "lookalike gather NAME --provider urls --source list.dat" in answer.json["error"]["hint"]


def test_labels_that_are_numbers_are_kept_zero_included(cli: Cli, faults: FaultServer) -> None:
    answer = gather(cli, faults, '{"label": 0, "url": "@1"}\n{"label": 1, "url": "@2"}\n', label="")
    assert {row["label"]: row["saved"] for row in answer.data["labels"]} == {"0": 1, "1": 1}


def test_a_name_that_a_list_does_not_have_is_answered_with_those_it_has(cli: Cli, faults: FaultServer) -> None:
    (outcome,) = gather(cli, faults, LABELLED["category"], label="horse").data["providers"]
    assert (outcome["reason"], outcome["detail"]) == ("no-hits", "it has 'cat', 'dog'")


@pytest.mark.parametrize(
    "text",
    [
        "label,url\ncat,@1\ncat,\ncat,@2\n", "url,label\n@1,cat\n,cat\n@2\n", '["@1", null, 5, "@2"]',
        '["@1", "", "@2"]', "cat;@1\ncat;\ncat;@2\n", '{"1": {"url": "@1"}, "2": {"url": ""}, "3": {"url": "@2"}}',
        '[{"url": "@1"}, {"url": null}, {"title": "x"}, {"url": "@2"}]',
        '{"url": "@1"}\nnonsense\n{"url": "@2"}\n{"url": ""}',
        "title\turl\nx\t@1\ny\t\nx\t@2\n;;\n", '{"url": "@1"}\n{"url": "@2", "url": \n{"url": "@2"}\n',
    ],
)  # fmt: skip
def test_a_bad_row_costs_itself_and_is_counted(cli: Cli, faults: FaultServer, text: str) -> None:
    answer = gather(cli, faults, text)
    (row,) = answer.data["labels"]
    bad = row["reasons"]["bad-row"]
    assert (row["saved"], set(row["reasons"])) == (2, {"bad-row"})
    told = [line for line in lines() if line.get("reason") == "bad-row"]
    assert len(told) == bad and all("of list.dat: " in line["detail"] for line in told)
    (again,) = gather(cli, faults, text).data["labels"]
    assert (again["saved"], again["known"], len(lines())) == (0, 2 + bad, 2 + bad)


@pytest.mark.parametrize("bad", ["///", "neither", "train", "CAT", "...", "*?", ""])
def test_a_label_that_no_folder_can_have_costs_its_rows_and_no_other(cli: Cli, faults: FaultServer, bad: str) -> None:
    text = f"label,url\ncat,@1\ndog,@2\n{bad},@3\n{bad},@4\n"
    answer = gather(cli, faults, text, label="")
    assert answer.code == 0 and answer.data["saved"] == 2
    told = [line for line in lines() if line["status"] == "failed"]
    assert [line["reason"] for line in told] == ["bad-label" if bad else "bad-row"] * 2
    assert all(line["detail"] and line["image_url"] for line in told)
    assert sum(sum(row["reasons"].values()) for row in answer.data["labels"]) == 2
    again = gather(cli, faults, text, label="")
    assert (again.code, again.data["saved"], len(lines())) == (0, 0, 4)
    assert cli("gather", "--retry-failed").code == 3  # another try changes nothing


def test_a_list_with_no_label_that_can_be_used_is_refused(cli: Cli, faults: FaultServer) -> None:
    answer = gather(cli, faults, "label,url\n///,@1\n", label="")
    assert answer.code == 2 and "cannot be the name of a folder" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (draw.jpeg("circles", 1), "a file of the kind JPEG"),
        (b"PK\x03\x04" + bytes(90), "a spreadsheet; save it as CSV"),
        (b"<!DOCTYPE html><html>", "a web page"), (b"", "it is empty"), (b"# nothing\n", "it is empty"),
        (b"once upon a time\nthere was a cat\n", "it begins with 'once upon a time'"), (b'{"a": 1}', "without a list"),
        (b"cat:\n- http://a.example/1\ndog:\n- http://a.example/2\n", "what stands beside its addresses is not told"),
        (b"- [a](http://a.example/1)\n- [b](http://a.example/2)\n", "what stands beside its addresses is not told"),
        (b"title,size\ncat,3\n", "it begins with 'title,size'"), (b"[1, 2]", "nothing in it looks like an address"),
        (b"page,picture\nhttp://a.example/,http://b.example/\n", "the columns 'page', 'picture' all hold addresses"),
        (b"x" * 140_000, "it begins with 'xxx"), (b"%PDF-1.7", "a PDF"),
        (b"[" * 100_000, "nothing in it looks like an address"),
    ],
)  # fmt: skip
def test_a_list_that_is_none_is_named_with_what_was_expected(
    cli: Cli, faults: FaultServer, data: bytes, words: str
) -> None:
    answer = gather(cli, faults, data)
    assert answer.code == 2
    assert "list.dat is not understood as a list: " in answer.json["error"]["message"]
    assert words in answer.json["error"]["message"]
    assert "CSV with a column `url`" in answer.json["error"]["hint"]


def test_addresses_without_a_scheme_are_tried_with_both(cli: Cli, faults: FaultServer) -> None:
    assert gather(cli, faults, f"//{faults.place}/photo/circles/1\n{faults.place}/photo/circles/2\n").data["saved"] == 2


WORDS = {
    "French": ("cp1252", "Guêpe abeille à_miel coléoptère"), "French, one word": ("cp1252", "chat Guêpe"),
    "Spanish": ("cp1252", "Araña león"), "Swedish": ("cp1252", "björn älg får"), "Danish": ("cp1252", "bjørn ræv"),
    "Portuguese": ("cp1252", "leão cão"), "Icelandic": ("cp1252", "björn þröstur ýsa ærð"),
    "Turkish": ("cp1254", "Arı köpek kuş ağaç"), "Polish": ("cp1250", "pszczoła żółw gęś koń"),
    "Czech": ("cp1250", "kočka včela žralok kůň"), "Croatian": ("cp1250", "mačka miš žaba"),
    "Russian": ("cp1251", "кошка пчела"),
}  # fmt: skip


@pytest.mark.parametrize("language", WORDS)
def test_labels_in_the_letters_of_a_language_are_read_in_its_code_page(language: str) -> None:
    encoding, words = WORDS[language]
    rows = "".join(f"http://a.test/{number}.jpg,{word}\n" for number, word in enumerate(words.split() * 4))
    read = lists.read(f"url,label\n{rows}".encode(encoding))
    assert [row.values["label"] for row in read] == words.split() * 4


@pytest.mark.parametrize("encoding", ["latin-1", "cp1251", "gbk", "cp1250", "cp932"])
def test_labels_in_old_encodings_are_read(cli: Cli, faults: FaultServer, encoding: str) -> None:
    label = {"latin-1": "Bär Möwe und Krähe", "cp1251": "медведь и кошка", "gbk": "棕熊和黑熊的照片",
             "cp1250": "žlutá kočka", "cp932": "クマの写真"}[encoding]  # fmt: skip
    rows = "".join(f"{label};@{number}\n" for number in range(3))
    answer = gather(cli, faults, "label;url\n" + rows, encoding, label="")
    assert [row["label"] for row in answer.data["labels"]] == [label]


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_a_list_or_are_named_as_none(data: bytes) -> None:
    try:
        rows = lists.read(data)
    except lists.ListError:
        return
    assert all(bool(row.name) != bool(row.fault) for row in rows)


ADDRESSES = st.lists(st.integers(0, 99).map(lambda n: f"http://a.example/{n}.jpg"), min_size=1, max_size=8)


@given(ADDRESSES, st.sampled_from(lists.DELIMITERS), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_what_a_spreadsheet_writes_is_read_back(addresses: list[str], mark: str, encoding: str) -> None:
    import csv

    buffer = io.StringIO()
    csv.writer(buffer, delimiter=mark).writerows(
        [["label", "URL", "note"], *(["bear", url, f'{mark}"\n'] for url in addresses)]
    )
    rows = lists.read(buffer.getvalue().encode(encoding))
    assert [row.name for row in rows] == addresses
    assert {row.values["label"] for row in rows} == {"bear"}


@given(ADDRESSES, st.lists(st.none() | st.integers() | st.text("ab ", max_size=3) | st.just([]), max_size=4))
def test_every_row_of_a_document_comes_back(addresses: list[str], odd: list[object]) -> None:
    rows = lists.read(json.dumps([*addresses, *odd]).encode())
    assert [row.number for row in rows] == list(range(1, len(addresses) + len(odd) + 1))
    assert [row.name for row in rows][: len(addresses)] == addresses


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    models.bundle(tmp_path / "models" / "toy")
    for number, kind in enumerate(("circles", "stripes")):
        (tmp_path / f"{kind}, [1].jpg").write_bytes(draw.jpeg(kind, 4 + 1001 * number))
    return tmp_path


NAMES = "circles, [1].jpg\nstripes, [1].jpg\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (NAMES, "utf-8"), (NAMES, "utf-8-sig"), (NAMES, "utf-16"), (NAMES.replace("\n", "\r\n"), "utf-16"),
        (NAMES.replace("\n", "\0"), "utf-8"), ('["circles, [1].jpg", "stripes, [1].jpg"]', "utf-8"),
        ('file,label\n"circles, [1].jpg",x\n"stripes, [1].jpg",y\n', "utf-8"),
        ('{"file": "circles, [1].jpg"}\n{"path": "stripes, [1].jpg"}', "utf-8"),
        ("File;Size\ncircles, [1].jpg;1\nstripes, [1].jpg;2\n", "utf-8-sig"),
    ],
)  # fmt: skip
def test_predict_reads_lists_as_programs_write_them(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch, text: str, encoding: str
) -> None:
    assert typed(cli, monkeypatch, text.encode(encoding)).data["counts"] == {"circles": 1, "stripes": 1}


def test_predict_reads_its_own_answers_as_a_list(cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for flag in ("--csv", "--jsonl"):
        printed = cli("predict", *NAMES.splitlines(), flag).out.encode()
        assert typed(cli, monkeypatch, printed).data["counts"] == {"circles": 1, "stripes": 1}


def test_predict_counts_a_bad_row_and_names_a_bad_list(cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = typed(cli, monkeypatch, b'[{"file": "circles, [1].jpg"}, {"file": null}]').data
    assert (answer["counts"], answer["unreadable"]) == ({"circles": 1}, {"bad-row": 1})
    refused = typed(cli, monkeypatch, b'{"a": 1}')
    assert refused.code == 2 and "not understood: a JSON object without a list" in refused.json["error"]["message"]


def test_a_file_may_be_called_like_the_beginning_of_a_list(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("[1].jpg", "{a}.jpg", "file", "BMW.jpg"):
        (photos / name).write_bytes(draw.jpeg("circles", 4))
        assert typed(cli, monkeypatch, f"{name}\n".encode()).data["counts"] == {"circles": 1}


@pytest.mark.parametrize(("mark", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16")])
def test_decisions_are_read_as_a_spreadsheet_keeps_them(cli: Cli, tmp_path: Path, mark: str, encoding: str) -> None:
    draw.folder(tmp_path / "images", {"circles": 3, "stripes": 3})
    cli("clean")
    cli("clean", "--export-marks", "marks.csv")
    text = Path("marks.csv").read_text(encoding="utf-8").replace(",", mark)
    first, row, *rest = text.splitlines()
    Path("marks.csv").write_text("\r\n".join([first, f"{row}aside", *rest]), encoding=encoding, newline="")
    assert cli("clean", "--apply", "marks.csv", "--json").data["done"]["set aside"] == 1


def typed(cli: Cli, monkeypatch: pytest.MonkeyPatch, data: bytes) -> Answer:
    """`predict - --json` with these bytes on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))  # type: ignore[type-var]
    return cli("predict", "-", "--json")
