"""Data sets on this machine whose labels, licences and sources stand in tables: imagefolder, COCO, CSV."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Answer, Cli
from tests.support import draw
from tests.support.gathering import lines, photos, reasons

COLOURS = {"name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"}


def put(*files: str, root: str = "set") -> None:
    """Draw a photo of its own at each place."""
    for file in files:
        path = Path(root, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw.jpeg("circles", sum(file.encode()), (80, 80)))


def gather(cli: Cli, source: str = "set", *flags: object) -> Answer:
    return cli("gather", "--provider", "folder", "--source", source, "--min-per-label", 0, "--json", *flags)


def kept() -> dict[str, str]:
    """The label of each photo, by the name of its file."""
    return {Path(line["file"]).name: line["label"] for line in lines() if line["status"] == "ok"}


def jsonl(path: str, rows: list[dict[str, Any]]) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_metadata_gives_labels_licences_and_sources(cli: Cli) -> None:
    put("1.jpg", "2.jpg", "sub/3.jpg", "left.jpg")
    Path("set/metadata.csv").write_text(
        "file_name,label,licence,source,author\n1.jpg,ant,CC BY 4.0,https://example.org/1,Ann\n"
        '2.jpg,"bee, wild",CC0,https://example.org/2,\nsub/3.jpg,ant,,,\n'
    )
    answer = gather(cli)
    assert answer.code == 0 and kept() == {"1.jpg": "ant", "2.jpg": "bee, wild", "3.jpg": "ant"}
    first, second, third = sorted(lines(), key=lambda line: line["file"].rpartition("/")[2])
    assert (first["license"], first["page_url"], first["creator"]) == ("CC BY 4.0", "https://example.org/1", "Ann")
    assert second["license"] == "CC0" and not third.get("license")
    assert {item["file"]: item["reason"] for item in answer.data["source_passed_over"]} == {"left.jpg": "unlabelled"}
    assert gather(cli).data["saved"] == 0


def test_metadata_of_each_side_is_beside_its_photos_and_the_sides_stay(cli: Cli) -> None:
    put("train/1.jpg", "train/2.jpg", "validation/3.jpg")
    jsonl("set/train/metadata.jsonl", [{"file_name": "1.jpg", "label": "a"}, {"file_name": "2.jpg", "label": 0}])
    jsonl("set/validation/metadata.jsonl", [{"file_name": "3.jpg", "label": "a"}])
    assert gather(cli).code == 0
    assert photos() == ["train/0/2.jpg", "train/a/1.jpg", "valid/a/3.jpg"]


def test_metadata_without_labels_adds_to_what_folders_say(cli: Cli) -> None:
    put("ant/1.jpg", "ant/2.jpg", "bee/3.jpg")
    jsonl(
        "set/metadata.jsonl", [{"file_name": "ant/1.jpg", "license": "CC0"}, {"file_name": "bee/3.jpg", "title": "x"}]
    )
    assert gather(cli).code == 0 and kept() == {"1.jpg": "ant", "2.jpg": "ant", "3.jpg": "bee"}
    assert [line["license"] for line in lines() if line.get("license")] == ["CC0"]


def test_a_caption_is_no_label(cli: Cli) -> None:
    put("ant/1.jpg", "ant/2.jpg", "bee/3.jpg")
    Path("set/metadata.csv").write_text("file_name,text\nant/1.jpg,a photo\nant/2.jpg,a photo\nbee/3.jpg,a bee\n")
    assert gather(cli).code == 0 and kept() == {"1.jpg": "ant", "2.jpg": "ant", "3.jpg": "bee"}


@pytest.mark.parametrize("place", ["annotations.json", "annotations/instances.json", "train/_annotations.coco.json"])
def test_coco_gives_each_image_its_only_category(cli: Cli, place: str) -> None:
    put("train/1.jpg", "train/2.jpg", "train/3.jpg", "train/4.jpg")
    Path("set", place).parent.mkdir(exist_ok=True)
    images = [
        {"id": n, "file_name": f"{n}.jpg", "license": 7, "coco_url": f"https://example.org/{n}"} for n in (1, 2, 3, 4)
    ]
    notes = [{"image_id": 1, "category_id": 1}, {"image_id": 1, "category_id": 1}, {"image_id": 2, "category_id": 2},
             {"image_id": 3, "category_id": 1}, {"image_id": 3, "category_id": 2}, {"image_id": 9, "category_id": 1},
             {"image_id": 1, "category_id": 8}, None]  # fmt: skip
    document = {
        "images": [*images, "odd", {"id": 5, "file_name": None}], "annotations": notes,
        "categories": [{"id": 1, "name": "ant"}, {"id": 2, "name": "bee"}], "licenses": [{"id": 7, **COLOURS}],
    }  # fmt: skip
    Path("set", place).write_text(json.dumps(document))
    answer = gather(cli)
    assert answer.code == 0 and kept() == {"1.jpg": "ant", "2.jpg": "bee"}
    first = next(line for line in lines() if line["status"] == "ok")
    assert (first["license"], first["license_url"]) == (COLOURS["name"], COLOURS["url"])
    assert first["page_url"].startswith("https://example.org/")
    # two images without an annotation, one with two categories, three annotations and two images that are none
    assert reasons() == {"ok": 2, "bad-row": 7}
    assert any("several categories: ant, bee" in line.get("detail", "") for line in lines())


TABLES = {
    "header": "path,label\n{0},ant\n{1},bee\n", "other words": "image;class\n{0};ant\n{1};bee\n",
    "no header": "{0},ant\n{1},bee\n", "label first": "ant\t{0}\nbee\t{1}\n",
    "id and breed": "id,breed\n1,ant\n2,bee\n",
    "other capitals": "path,label\nphotos/1.JPG,ant\nPhotos/2.jpeg,bee\n".replace("2.jpeg", "2.Jpg"),
    "a column for each label": "image,ant,bee,id\n1,1.0,0.0,7\n2,0.0,1.0,8\n",
    "from elsewhere": "path,label\n/data/me/photos/1.jpg,ant\nC:\\me\\photos\\2.jpg,bee\n",
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("given", ["set", "set/labels.csv"])
def test_a_csv_of_paths_and_labels_is_read_as_people_have_it(cli: Cli, name: str, given: str) -> None:
    put("photos/1.jpg", "photos/2.jpg")
    Path("set/labels.csv").write_text(TABLES[name].format("photos/1.jpg", "photos/2.jpg"))
    answer = gather(cli, given)
    assert answer.code == 0 and kept() == {"1.jpg": "ant", "2.jpg": "bee"}, answer.err


HAM = "lesion_id,image_id,dx,age\nL1,1,nv,40\nL2,2,mel,50\nL3,3,nv,60\n"


@pytest.mark.parametrize("given", ["set", "set/HAM.csv"])
def test_a_column_of_labels_by_another_name_is_found_by_the_names_asked_for(cli: Cli, given: str) -> None:
    put("photos/1.jpg", "photos/2.jpg", "photos/3.jpg")
    Path("set/HAM.csv").write_text(HAM)
    answer = gather(cli, given)
    assert answer.code == 2 and not Path("images", "photos").exists()
    assert (
        "no column that is known as the label of a photo; it has: lesion_id, dx, age" in answer.json["error"]["message"]
    )
    assert "lookalike gather LABEL LABEL --provider folder --source " + given in answer.json["error"]["hint"]
    assert gather(cli, given, "nv", "Mel").code == 0 and kept() == {"1.jpg": "nv", "2.jpg": "Mel", "3.jpg": "nv"}


@pytest.mark.parametrize("table", ['{"1.jpg": "ant", "café.jpg": "bee"}', '[{"image": "1.jpg", "label": "ant"}]'])
def test_a_document_beside_photos_gives_their_labels(cli: Cli, table: str) -> None:
    put("1.jpg", unicodedata.normalize("NFD", "café.jpg"))
    Path("set/labels.json").write_text(table)
    assert gather(cli).code == 0
    assert set(kept().values()) == ({"ant", "bee"} if "bee" in table else {"ant"})


def test_tables_that_tell_no_label_change_none(cli: Cli) -> None:
    put("ant/1.jpg", "ant/2.jpg", "bee/3.jpg")
    for rows in (
        "file_name,indoor,outdoor\nant/1.jpg,1,0\nbee/3.jpg,0,1\n", "file_name,x,y\nant/1.jpg,3,4\n",
        "file_name,age\nant/1.jpg,7\n", "class_id,class_name\n1,bee\n2,ant\n",
    ):  # fmt: skip
        Path("set/metadata.csv").write_text(rows)
        assert gather(cli).code == 0 and kept() == {"1.jpg": "ant", "2.jpg": "ant", "3.jpg": "bee"}, rows
        shutil.rmtree("images")


COLUMNS = {
    "biology": "image,class,order,species\n1.jpg,Insecta,Hymenoptera,ant\n2.jpg,Insecta,Hymenoptera,bee\n",
    "a box": "image,x,y,fruit\n1.jpg,3,4,ant\n2.jpg,5,6,bee\n",
    "numbers beside": "1,ant,1.jpg\n2,bee,2.jpg\n",
    "another language": "Nummer;Dateiname;Klasse\n1;1.jpg;ant\n2;2.jpg;bee\n",
    "two of names": "image,near,kind\n1.jpg,bee,ant\n2.jpg,bee,bee\n",
}


@pytest.mark.parametrize("name", COLUMNS)
def test_the_column_that_is_meant_is_found_by_the_names(cli: Cli, name: str) -> None:
    put("1.jpg", "2.jpg")
    Path("set/t.csv").write_text(COLUMNS[name])
    answer = gather(cli, "set/t.csv", "ant", "Bee")
    assert answer.code == 0 and kept() == {"1.jpg": "ant", "2.jpg": "Bee"}, answer.json


def test_a_document_of_sides_and_labels_gives_both(cli: Cli) -> None:
    put("1.jpg", "2.jpg", "3.jpg")
    Path("set/set.json").write_text('{"train": {"ant": ["1.jpg"], "bee": ["2.jpg"]}, "test": {"ant": ["3.jpg"]}}')
    assert gather(cli).code == 0 and photos() == ["test/ant/3.jpg", "train/ant/1.jpg", "train/bee/2.jpg"]


def test_two_columns_that_may_be_meant_are_named(cli: Cli) -> None:
    put("1.jpg", "2.jpg")
    Path("set/t.csv").write_text("image,glasses,smiling\n1.jpg,yes,no\n2.jpg,no,yes\n")
    answer = gather(cli, "set/t.csv", "yes", "no")
    assert answer.code == 2 and "the columns 'glasses', 'smiling' hold these names" in answer.json["error"]["message"]


def test_tables_of_a_competition_say_what_is_on_its_photos(cli: Cli) -> None:
    put("train/1.jpg", "train/2.jpg", "test/1.jpg")
    Path("set/train.csv").write_text("id,label\n1,ant\n2,bee\n")
    Path("set/test.csv").write_text("image,patient\n1.jpg,P1\n")
    Path("set/sample_submission.csv").write_text("id,label\n1,ant\n")
    assert gather(cli).code == 0 and photos() == ["train/ant/1.jpg", "train/bee/2.jpg"]


def test_a_table_beside_folders_of_files_says_what_is_on_them(cli: Cli) -> None:
    put("HAM_images_part_1/1.jpg", "HAM_images_part_2/2.jpg", "HAM_images_part_2/3.jpg")
    Path("set/HAM.csv").write_text(HAM)
    assert gather(cli).code == 2 and not Path("images", "HAM_images_part_1").exists()
    assert gather(cli, "set", "nv", "mel").code == 0 and kept() == {"1.jpg": "nv", "2.jpg": "mel", "3.jpg": "nv"}


@pytest.mark.parametrize("folders", ["real_images fake_images", "3 8", "dog 1,dog 2"])
def test_folders_that_differ_in_more_than_their_files_are_labels(cli: Cli, folders: str) -> None:
    names = folders.split(",") if "," in folders else folders.split()
    put(*(f"{name}/{number}.jpg" for number, name in enumerate(names)))
    Path("set/data.csv").write_text("filename,generator,size_kb\n0.jpg,camera,7\n1.jpg,gan,8\n")
    assert gather(cli).code == 0 and set(kept().values()) == {*names}


LAYOUTS = {
    "images/images/cat images/images/dog": "set/images/images has: cat, dog",
    ".": "set holds 2 photos and no label folders",
}


@pytest.mark.parametrize("folders", LAYOUTS)
def test_a_folder_that_says_no_labels_is_told_with_what_to_do(cli: Cli, folders: str) -> None:
    put(*(f"{folder}/{number}.jpg" for folder in folders.split() for number in (1, 2)))
    answer = gather(cli)
    assert answer.code == 2 and LAYOUTS[folders] in answer.json["error"]["message"]
    hint = answer.json["error"]["hint"]
    assert "add --source set/images/images" in hint if "cat" in folders else "set/LABEL/1.jpg" in hint


def test_tables_named_for_sides_divide_the_photos(cli: Cli) -> None:
    put("all/1.jpg", "all/2.jpg", "all/3.jpg")
    Path("set/train.csv").write_text("file,label\n1.jpg,a\n2.jpg,b\n")
    Path("set/val.csv").write_text("file,label\n3.jpg,a\n")
    Path("set/sample.csv").write_text("file,a,b\n3.jpg,0.5,0.5\n")
    assert gather(cli).code == 0 and photos() == ["train/a/1.jpg", "train/b/2.jpg", "valid/a/3.jpg"]


def test_a_row_that_cannot_be_used_is_counted_with_its_reason_and_leads_nowhere(cli: Cli, tmp_path: Path) -> None:
    put("1.jpg", "2.jpg", "a/same.jpg", "b/same.jpg")
    put("secret.jpg", root="outside")
    Path("set/link").symlink_to(tmp_path / "outside")
    rows = [
        ("1.jpg", "ant"), ("../outside/secret.jpg", "ant"), (str(tmp_path / "outside/secret.jpg"), "ant"),
        ("link/secret.jpg", "ant"), ("gone.jpg", "ant"), ("", "ant"), ("2.jpg", ""), ("same.jpg", "ant"),
        ("a/same.jpg", "ant"), ("a/same.jpg", "bee"), ("2.jpg", "///"),
    ]  # fmt: skip
    jsonl("set/metadata.jsonl", [{"file_name": name, "label": label} for name, label in rows])
    answer = gather(cli)
    assert answer.code == 0 and kept() == {"1.jpg": "ant"}
    assert reasons() == {"ok": 1, "bad-row": 10} and len(lines()) == len(rows)
    told = " ".join(line.get("detail", "") for line in lines())
    expected = ("leads outside", "no file is called 'secret.jpg'", "no file is called 'gone.jpg'", "several files are")
    assert all(words in told for words in (*expected, "the labels 'ant' and 'bee'", "the row names none"))
    again = gather(cli)
    assert (again.data["saved"], len(lines())) == (0, len(rows))


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "it is empty"), ("a\nb\nc\n", "no pairs"), ("file,label\nx.jpg,a\n", "names no photo"), ("\x89PNG", "PNG")],
)
def test_a_table_that_is_none_is_named(cli: Cli, text: str, words: str) -> None:
    put("1.jpg")
    Path("set/table.csv").write_text(text, encoding="latin-1")
    answer = gather(cli, "set/table.csv")
    assert answer.code == 2 and words in answer.json["error"]["message"]


def test_photos_of_a_table_are_rebuilt_from_the_source(cli: Cli) -> None:
    put("photos/1.jpg", "photos/2.jpg")
    Path("set/labels.csv").write_text("path,label,license\nphotos/1.jpg,ant,CC0\nphotos/2.jpg,bee,CC0\n")
    gather(cli, "set/labels.csv")
    answer = cli("gather", "--from", "images/manifest.jsonl", "--source", "set/labels.csv", "--project", "copy",
                 "--json", "--min-per-label", 0)  # fmt: skip
    assert (answer.data["saved"], answer.data["lost"]) == (2, [])
    assert photos("copy/images") == photos()
