"""predict --out: answers in parts, each photo once, whatever dies in between; lists and stores of photos."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from filelock import FileLock

from tests.conftest import Answer, Cli
from tests.support import draw, models

CIRCLES, STRIPES = draw.jpeg("circles", 4), draw.jpeg("stripes", 1005)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A project with a model and nine files, of which three are no photos."""
    models.bundle(tmp_path / "models" / "toy")
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(STRIPES if number % 2 else CIRCLES)
    (folder / "cut.jpg").write_bytes(CIRCLES[:2000])
    (folder / "none.jpg").write_bytes(b"")
    (folder / "words.jpg").write_text("no photo")
    return tmp_path


def rows(out: Path) -> list[dict[str, object]]:
    """Every row of every part, in the order of the parts."""
    return [json.loads(line) for part in sorted(out.glob("part-*.jsonl")) for line in part.read_text().splitlines()]


def labels(found: list[dict[str, object]]) -> list[object]:
    """The answer of each row, or why there is none."""
    return [row.get("label", row.get("reason")) for row in found]


def printed(answer: Answer) -> list[dict[str, object]]:
    """The rows that `--jsonl` printed, numbered."""
    return [{"row": number, **json.loads(line)} for number, line in enumerate(answer.out.splitlines(), 1)]


def test_the_rows_of_the_parts_are_those_that_are_printed_without_them(cli: Cli, here: Path) -> None:
    answer = cli("predict", "photos", "gone.jpg", "--out", "o", "--part-size", 4, "--json")
    assert answer.code == 0
    assert answer.data["parts"] == {"all": 3, "before": 0, "finished": 3}
    assert answer.data["counts"] == {"circles": 3, "stripes": 3}
    assert answer.data["unreadable"] == {"truncated": 1, "empty": 1, "not-an-image": 1, "missing": 1}
    assert [len(path.read_text().splitlines()) for path in sorted((here / "o").glob("part-*"))] == [4, 4, 2]
    assert rows(here / "o") == printed(cli("predict", "photos", "gone.jpg", "--jsonl"))


def test_what_is_finished_is_kept_and_what_is_missing_is_answered(cli: Cli, here: Path) -> None:
    assert cli("predict", "photos", "--out", "o", "--part-size", 2).code == 0
    before = rows(here / "o")
    (here / "o" / "part-0000003.jsonl").unlink()
    (here / "o" / "part-0000001.jsonl").write_text("kept as it is")
    answer = cli("predict", "photos", "--out", "o", "--part-size", 2, "--json")
    assert answer.data["parts"] == {"all": 5, "before": 4, "finished": 5}
    assert (here / "o" / "part-0000001.jsonl").read_text() == "kept as it is"
    (here / "o" / "part-0000001.jsonl").unlink()
    cli("predict", "photos", "--out", "o", "--part-size", 2)
    assert rows(here / "o") == before


def test_another_list_or_model_is_refused_with_what_to_type(cli: Cli, here: Path) -> None:
    command = ["predict", "photos", "--out", "o", "--part-size", 4]
    assert cli(*command).code == 0
    missing = here / "o" / "part-0000001.jsonl"
    missing.unlink()

    def refused(told: str, *flags: str) -> bool:
        answer = cli(*command, *flags)
        return answer.code == 2 and told in answer.err and "--out o-2" in answer.err and not missing.exists()

    for flag in ("--top", "--threshold", "--part-size"):
        assert refused(f"{flag} was", f"{flag}=1")
    (here / "photos" / "3.jpg").rename(here / "photos" / "33.jpg")
    assert refused("photos are others")
    (here / "photos" / "33.jpg").rename(here / "photos" / "3.jpg")
    models.bundle(here / "models" / "toy", temperature=2.0)
    assert refused("the model is another")


def test_the_folder_of_the_answers_is_not_asked_about(cli: Cli, here: Path) -> None:
    for _ in range(2):
        answer = cli("predict", ".", "--out", "photos/o")
        assert answer.code == 0, answer.err
    assert not [row for row in rows(here / "photos" / "o") if "photos/o" in str(row["file"])]


def test_two_at_once_are_refused(cli: Cli, here: Path) -> None:
    assert cli("predict", "photos", "--out", "o").code == 0
    with FileLock(here / "o" / "_plan" / "lock"):
        answer = cli("predict", "photos", "--out", "o")
    assert answer.code == 3 and "another lookalike" in answer.err


def test_a_damaged_plan_is_refused_and_answers_are_kept(cli: Cli, here: Path) -> None:
    assert cli("predict", "photos", "--out", "o").code == 0
    path, before = here / "o" / "_plan" / "plan.json", rows(here / "o")
    for damage in ("{", '{"photos": "many"}', "[]", path.read_text().replace('"version": 1', '"version": 2'), None):
        path.write_text(damage) if damage else path.unlink()
        answer = cli("predict", "photos", "--out", "o")
        assert answer.code == 3 and "choose another --out" in answer.err
        assert rows(here / "o") == before


@pytest.mark.parametrize("flags", ["--csv", "--sort-into=s", "--watch=photos", "--jsonl --parquet", "--out=s3://a/b"])
def test_flags_that_do_not_go_together_are_usage_errors(cli: Cli, here: Path, flags: str) -> None:
    answer = cli("predict", "photos", "--out", "o", *flags.split())
    assert answer.code == 2 and not (here / "o").exists()


def test_no_photo_at_all_is_a_failure_that_leaves_no_plan(cli: Cli, here: Path) -> None:
    (here / "empty").mkdir()
    assert cli("predict", "empty", "--out", "o").code == 3
    assert not (here / "o" / "_plan" / "plan.json").exists()
    assert cli("predict", "photos/words.jpg", "--out", "o").code == 3
    assert [row["reason"] for row in rows(here / "o")] == ["not-an-image"]


def test_lists_are_read_row_by_row(cli: Cli, here: Path) -> None:
    names = ["photos/0.jpg", "photos/1.jpg", "photos/cut.jpg"]
    (here / "names.txt").write_text("\n".join(names))
    (here / "table.csv").write_text("label,file\n" + "".join(f"x,{name}\n" for name in names))
    (here / "rows.jsonl").write_text("".join(json.dumps({"file": name}) + "\n" for name in names))
    (here / "photo.txt").write_bytes(STRIPES)  # a photo, whatever it is called
    answer = cli("predict", "names.txt", "table.csv", "rows.jsonl", "photo.txt", "--json")
    assert [row["file"] for row in answer.data["predictions"]] == [*names * 3, "photo.txt"], answer.err
    assert answer.data["counts"] == {"circles": 3, "stripes": 4}


WRITTEN = {
    "file names that are too long": f"photos/0.jpg\n{'x' * 300}.jpg\n{'y/' * 3000}.jpg\nphotos/1.jpg\n",
    "a table of image names": "image_name,label\nphotos/0.jpg,a\nphotos/1.jpg,b\n",
    "a table of paths": "Image Path\tNote\nphotos/0.jpg\ta\nphotos/1.jpg\tb\n",
    "a table that tells its separator": "sep=;\nid;img\n1;photos/0.jpg\n2;photos/1.jpg\n",
    "two columns without a header": "photos/0.jpg,a\nphotos/1.jpg,b\n",
    "paths as Windows writes them": ".\\photos\\0.jpg\r\nphotos\\1.jpg\r\n",
    "line ends of old Macs": "file,label\rphotos/0.jpg,a\rphotos/1.jpg,b\r",
    "what find -print0 writes": "photos/0.jpg\0photos/1.jpg\0",
    "blanks around": "  photos/0.jpg \n'photos/1.jpg'\n",
}


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize("standard_input", [False, True])
def test_lists_are_understood_as_people_have_them(
    cli: Cli, here: Path, how: str, standard_input: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "list.csv").write_text(WRITTEN[how], newline="")
    if standard_input:
        monkeypatch.setattr("sys.stdin", (here / "list.csv").open())
    answer = cli("predict", "-" if standard_input else "list.csv", "--json")
    assert answer.code == 0, answer.err
    answered = [Path(row["file"]).name for row in answer.data["predictions"] if row.get("label")]
    assert answered == ["0.jpg", "1.jpg"]
    others = [row.get("reason") for row in answer.data["predictions"] if not row.get("label")]
    assert others == (["no-access"] * 2 if "long" in how else [])


def test_names_with_brackets_are_no_patterns_in_a_list_of_find(cli: Cli, here: Path) -> None:
    shutil.copy(here / "photos" / "0.jpg", here / "photos" / "[0].jpg")
    (here / "list.txt").write_bytes(b"photos/[0].jpg\0photos/1*.jpg\0")
    rows = cli("predict", "list.txt", "--json").data["predictions"]
    assert [bool(row.get("label")) for row in rows] == [True, True]


def test_a_parquet_list_gives_parquet_answers(cli: Cli, here: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    names = ["photos/0.jpg", "photos/1.jpg", None, "photos/cut.jpg"]
    parquet.write_table(pyarrow.table({"id": [7, 8, 9, 10], "path": names}), here / "list.parquet")
    assert cli("predict", "list.parquet", "--out", "o", "--parquet", "--part-size", 3).code == 0
    found = parquet.read_table(here / "o").to_pylist()
    expected = printed(cli("predict", "list.parquet", "--jsonl"))
    assert [row["file"] for row in found] == [*names[:2], "list.parquet#row=3", names[3]]
    for row, told in zip(found, expected, strict=True):
        row["probabilities"] = dict(row["probabilities"]) if row["probabilities"] else None
        assert {key: value for key, value in row.items() if value is not None} == told


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A web server that takes a while for each photo."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(0.05)
            self.send_response(200)
            self.send_header("Content-Length", str(len(CIRCLES)))
            self.end_headers()
            self.wfile.write(CIRCLES)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("LOOKALIKE_ALLOW_HOSTS", f"127.0.0.1:{server.server_port}")
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def begun(here: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command in a process of its own, once it has finished a part."""
    command = [sys.executable, "-m", "lookalike", "predict", *arguments]
    process = subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: bool(list((here / "o").glob("part-*"))))
    return process


def wait_for(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_stop_at_any_moment_costs_no_photo_and_doubles_none(cli: Cli, here: Path, site: str, end: int) -> None:
    names = [f"{site}/{number}.jpg" for number in range(120)]
    (here / "list.txt").write_text("\n".join(names))
    with begun(here, "list.txt", "--out", "o", "--part-size", "5") as process:
        process.send_signal(end)
        _, err = process.communicate(timeout=30)
    assert process.returncode == (130 if end == signal.SIGINT else -end)
    if end == signal.SIGINT:
        assert "of 24 parts are finished" in err and "run the same command to go on" in err
    answer = cli("predict", "list.txt", "--out", "o", "--part-size", 5, "--json")
    assert 0 < answer.data["parts"]["before"] < 24
    assert [row["file"] for row in rows(here / "o")] == names
    assert [row["row"] for row in rows(here / "o")] == list(range(1, 121))
    assert not [path for path in (here / "o").rglob("*") if path.name.endswith(".part") and end == signal.SIGINT]


def test_the_signature_of_an_address_is_nowhere_and_may_be_another_next_time(cli: Cli, here: Path, site: str) -> None:
    for secret in ("first5ecret", "second5ecret"):
        (here / "list.txt").write_text(f"{site}/a.jpg?x=1&X-Amz-Signature={secret}&X-Amz-Expires=60\n")
        answer = cli("predict", "list.txt", "--out", "o")
        assert answer.code == 0, answer.err
        assert secret not in answer.out + answer.err + json.dumps(rows(here / "o"))
        assert secret not in cli("predict", "list.txt", "--json").out
    assert [row["file"] for row in rows(here / "o")] == [f"{site}/a.jpg?x=1&X-Amz-Signature=***&X-Amz-Expires=60"]
    assert (here / "o" / "_plan" / "names").stat().st_mode & 0o77 == 0


def test_photos_come_from_stores(cli: Cli, here: Path) -> None:
    pytest.importorskip("fsspec")
    (here / "photos" / "deeper").mkdir()
    (here / "photos" / "deeper" / "z.jpg").write_bytes(CIRCLES)
    (here / "photos" / ".hidden.jpg").write_bytes(CIRCLES)
    base = (here / "photos").as_uri()
    inside = ["0", "1", "2", "3", "4", "5", "cut", "deeper/z", "none", "words"]
    told, found = (cli("predict", name, "--json").data["predictions"] for name in ("photos", base))
    assert [row["file"] for row in found] == [f"{base}/{name}.jpg" for name in inside]
    assert labels(found) == labels(told)
    assert cli("predict", f"{base}/*.jpg", "--json").data["counts"] == {"circles": 3, "stripes": 3}
    (here / "list.txt").write_text(f"{base}/0.jpg\n{base}/gone.jpg\nsftp://me:5ecret@host.invalid/x.jpg\n")
    answer = cli("predict", (here / "list.txt").as_uri(), "--out", "o")
    assert labels(rows(here / "o")) == ["circles", "missing", "bad-url"]
    assert not re.search("5ecret", answer.out + answer.err + json.dumps(rows(here / "o")))


def test_a_store_whose_package_is_missing_says_how_to_install_it(
    cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setitem(sys.modules, "ossfs", None)
    (here / "list.txt").write_text("oss://bucket/x.jpg\n")
    for name in ("oss://bucket/x.jpg", "list.txt"):
        answer = cli("predict", name, "--out", "o")
        assert answer.code == 6 and 'pip install "ossfs"' in answer.err


def test_names_that_are_no_text_stay_themselves(cli: Cli, here: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(here / "photos") + b"/\xff\n.jpg")).write_bytes(CIRCLES)
    except OSError:
        pytest.skip("this file system has only Unicode names")
    assert cli("predict", "photos", "--out", "o").code == 0
    assert rows(here / "o") == printed(cli("predict", "photos", "--jsonl"))
