"""predict, through the front door."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image

from lookalike.bundle import bundle
from tests.conftest import Cli
from tests.support import draw, models

CIRCLES, STRIPES = draw.jpeg("circles", 4), draw.jpeg("stripes", 1005)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A project with a model and two photos."""
    models.bundle(tmp_path / "models" / "toy")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "c.jpg").write_bytes(CIRCLES)
    (tmp_path / "photos" / "s.jpg").write_bytes(STRIPES)
    return tmp_path


def test_each_photo_gets_its_label_and_all_probabilities(cli: Cli, here: Path) -> None:
    answer = cli("predict", "photos/c.jpg", "photos/s.jpg", "--json")
    first, second = answer.data["predictions"]
    assert (answer.code, first["label"], second["label"]) == (0, "circles", "stripes")
    assert list(first["probabilities"]) == ["circles", "stripes"]
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert first["probability"] > 0.9


def test_the_table_shows_photo_label_and_probability(cli: Cli, here: Path) -> None:
    out = cli("predict", "photos/c.jpg").out
    (row,) = cli("predict", "photos/c.jpg", "--json").data["predictions"]
    (line,) = [line for line in out.splitlines() if "photos/c.jpg" in line]
    best, other = (f"{row['probabilities'][label]:.1%}" for label in ("circles", "stripes"))
    assert line.split() == ["photos/c.jpg", "circles", best, "stripes", other]


def test_folders_patterns_and_addresses_can_be_mixed(cli: Cli, here: Path, site: str) -> None:
    answer = cli("predict", "photos", "photos/*.jpg", f"{site}/c.jpg", "--json")
    files = [row["file"] for row in answer.data["predictions"]]
    assert files == ["photos/c.jpg", "photos/s.jpg", "photos/c.jpg", "photos/s.jpg", f"{site}/c.jpg"]
    assert answer.data["predictions"][-1]["label"] == "circles"


def test_what_cannot_be_read_is_a_row_with_its_reason(cli: Cli, here: Path, site: str) -> None:
    (here / "photos" / "a.txt").write_text("no photo")
    (here / "photos" / "b.jpg").write_bytes(CIRCLES[:2000])
    (here / "photos" / "d.jpg").write_bytes(b"")
    answer = cli("predict", "photos", "gone.jpg", "no*fit", f"{site}/none", "--json")
    reasons = {row["file"]: row.get("reason") for row in answer.data["predictions"]}
    assert answer.code == 0
    assert reasons == {
        "photos/a.txt": "not-an-image", "photos/b.jpg": "truncated", "photos/c.jpg": None, "photos/d.jpg": "empty",
        "photos/s.jpg": None, "gone.jpg": "missing", "no*fit": "missing", f"{site}/none": "http-404",
    }  # fmt: skip
    assert answer.data["unreadable"]["missing"] == 2


def test_no_answer_at_all_is_a_failure_that_still_shows_the_rows(cli: Cli, here: Path) -> None:
    (here / "bad.jpg").write_text("<html>")
    answer = cli("predict", "bad.jpg")
    assert answer.code == 3 and "not-an-image" in answer.out and "none of the 1 photos" in answer.err
    assert cli("predict", "http://127.0.0.1:9/x.jpg").code == 4  # a private address, refused
    (here / "empty").mkdir()
    assert cli("predict", "empty").code == 3


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\0"])
def test_a_dash_reads_a_list_from_standard_input(
    cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch, separator: str
) -> None:
    type_in(monkeypatch, separator.join(["photos/c.jpg", "photos/s.jpg", ""]).encode())
    assert cli("predict", "-", "--json").data["counts"] == {"circles": 1, "stripes": 1}


def test_quotes_and_spaces_around_a_name_on_standard_input_are_not_part_of_it_unless_a_file_is_called_so(
    cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "photos" / "c.jpg").rename(here / "photos" / " c.jpg")
    lines = ['"photos/ c.jpg"', "photos/ c.jpg", "  photos/s.jpg ", "'photos/s.jpg'", " photos/none.jpg"]
    type_in(monkeypatch, "\n".join(lines).encode())
    told = cli("predict", "-", "--json").data
    assert told["counts"] == {"circles": 2, "stripes": 2} and told["predictions"][-1]["file"] == " photos/none.jpg"


@pytest.mark.parametrize("separator", ["\n", "\0"])
def test_each_name_on_standard_input_is_answered_before_the_next_is_written(here: Path, separator: str) -> None:
    command = [sys.executable, "-m", "lookalike", "predict", "-", "--jsonl"]
    with subprocess.Popen(command, cwd=here, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        for name, label in (("photos/c.jpg", "circles"), ("photos/s.jpg", "stripes"), ("photos/c.jpg", "circles")):
            process.stdin.write(name + separator)
            process.stdin.flush()
            said = json.loads(process.stdout.readline())
            assert (said["file"], said["label"]) == (name, label)
        process.stdin.write("photos/s.jpg")  # the last line need not end
        rest, _ = process.communicate(timeout=30)
    assert json.loads(rest)["label"] == "stripes" and process.returncode == 0


def test_a_dash_reads_a_photo_itself(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, STRIPES)
    (row,) = cli("predict", "-", "--json").data["predictions"]
    assert (row["file"], row["label"]) == ("-", "stripes")


def test_below_the_threshold_the_answer_is_neither(cli: Cli, here: Path) -> None:
    Image.new("RGB", (80, 80), "grey").save(here / "blank.png")
    (row,) = cli("predict", "blank.png", "--threshold", "0.8", "--json").data["predictions"]
    assert (row["label"], row["known"], row["probability"]) == ("neither", False, None)
    assert "neither" in cli("predict", "blank.png", "--threshold", "0.8").out


def test_the_threshold_and_temperature_of_the_model_are_applied(cli: Cli, here: Path) -> None:
    sure = cli("predict", "photos/c.jpg", "--json").data["predictions"][0]["probability"]
    models.bundle(here / "models" / "unsure", temperature=20.0, threshold=0.99)
    row = cli("predict", "photos/c.jpg", "--model", "unsure", "--json").data["predictions"][0]
    assert row["known"] is False and 0.5 < row["probabilities"]["circles"] < sure


def test_top_limits_the_labels_shown(cli: Cli, here: Path) -> None:
    models.bundle(here / "models" / "many", labels=("a", "b", "c", "d"))
    (row,) = cli("predict", "photos/c.jpg", "--top", "2", "--json").data["predictions"]
    assert len(row["probabilities"]) == 2


def test_csv_is_one_line_a_photo_with_every_label(cli: Cli, here: Path) -> None:
    answer = cli("predict", "photos", "gone.jpg", "--csv")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [row["label"] for row in rows] == ["circles", "stripes", ""]
    assert float(rows[0]["p:circles"]) + float(rows[0]["p:stripes"]) == pytest.approx(1, abs=1e-5)
    assert rows[2]["reason"] == "missing"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_line_break_in_a_name_breaks_no_table(cli: Cli, here: Path, end: str) -> None:
    models.bundle(here / "models" / "odd", labels=(f"a{end}b", "c"))
    (here / "photos" / "c.jpg").rename(here / "photos" / f"c{end}d.jpg")
    header, *rows = csv.reader(io.StringIO(cli("predict", "photos", "--csv").out, newline=""))
    assert len(rows) == 2 and {len(row) for row in rows} == {len(header)}
    assert [row for row in rows if "d.jpg" in row[0]] and "b" in header[3]


def test_jsonl_is_one_document_a_line(cli: Cli, here: Path) -> None:
    lines = cli("predict", "photos", "gone.jpg", "--jsonl").out.splitlines()
    assert [json.loads(line).get("label") for line in lines] == ["circles", "stripes", None]


def test_photos_are_copied_into_folders_of_their_labels(cli: Cli, here: Path) -> None:
    (here / "photos" / "more").mkdir()
    (here / "photos" / "more" / "c.jpg").write_bytes(draw.jpeg("circles", 6))
    for _ in range(2):  # a second run adds nothing
        cli("predict", "photos", "--sort-into", "sorted")
        names = sorted(path.relative_to(here / "sorted").as_posix() for path in (here / "sorted").rglob("*.jpg"))
        assert names == ["circles/c-2.jpg", "circles/c.jpg", "stripes/s.jpg"]
    assert (here / "sorted" / "stripes" / "s.jpg").read_bytes() == STRIPES
    assert (here / "photos" / "s.jpg").exists()


def test_a_folder_that_cannot_be_written_is_explained(cli: Cli, here: Path) -> None:
    (here / "sorted").write_text("a file")
    answer = cli("predict", "photos", "--sort-into", "sorted")
    assert answer.code == 3 and "cannot write into sorted" in answer.err


def test_a_label_that_looks_like_a_path_stays_one_folder(cli: Cli, here: Path) -> None:
    models.bundle(here / "models" / "evil", labels=("../../escaped", "/etc"))
    cli("predict", "photos", "--model", "evil", "--sort-into", "sorted")
    assert {path.name for path in (here / "sorted").glob("[!.]*")} == {"_.._escaped", "_etc"}


def test_names_with_line_breaks_and_escape_codes_cannot_garble_the_table(cli: Cli, here: Path) -> None:
    (here / "photos" / "x\n\x1b[31m.jpg").write_bytes(CIRCLES)
    out = cli("predict", "photos").out
    assert "\x1b" not in out and "x\\n\\x1b[31m.jpg" in out


def test_a_file_name_that_is_not_unicode_is_answered(cli: Cli, here: Path) -> None:
    name = os.fsdecode(b"photos/\xff.jpg")
    try:
        Path(name).write_bytes(CIRCLES)
    except OSError:
        pytest.skip("this file system has only Unicode names")
    for flag in ("--json", "--jsonl", "--csv", "--top=1"):
        assert cli("predict", name, flag).code == 0


def test_the_newest_model_is_found_and_a_wrong_name_is_explained(cli: Cli, here: Path) -> None:
    models.bundle(here / "runs" / "r1" / "model", labels=("hot", "cold"), created="2999-01-01T00:00:00.000+00:00")
    os.utime(here / "models" / "toy" / "model.json", (time.time() + 60,) * 2)  # a newer file, not a newer model
    assert cli("predict", "photos/c.jpg", "--json").data["counts"] == {"hot": 1}
    answer = cli("predict", "photos/c.jpg", "--model", "tyo")
    assert answer.code == 3 and "toy" in answer.err


def test_a_model_that_an_export_left_half_done_is_not_found(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(CIRCLES)
    models.bundle(tmp_path / "models" / ".toy.x1.part")
    assert cli("predict", "a.jpg").code == 3
    models.bundle(tmp_path / "models" / ".toy.old")  # killed between the two moves: it comes back
    assert cli("predict", "a.jpg", "--model", "toy").code == 0


def test_without_a_model_the_hint_is_to_train(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(CIRCLES)
    answer = cli("predict", "a.jpg")
    assert answer.code == 3 and "lookalike train" in answer.err


def test_faulty_flags_are_usage_errors(cli: Cli, here: Path) -> None:
    assert cli("predict").code == 2
    assert cli("predict", "photos", "--csv", "--jsonl").code == 2
    assert cli("predict", "--watch", "gone").code == 2


def test_predict_never_imports_torch_nor_the_network(here: Path) -> None:
    program = (
        "import sys; from lookalike.cli import main; code = main(['predict', 'photos/c.jpg', '--json']);"
        "print(code, sorted({'torch', 'fastai', 'timm', 'onnx', 'sklearn', 'requests', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=here, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_photos_are_being_decoded_while_the_model_is_opened(
    cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    submit, opened = ThreadPoolExecutor.submit, bundle.opened
    monkeypatch.setattr(ThreadPoolExecutor, "submit", lambda *a, **k: order.append(a[2][-10:]) or submit(*a, **k))
    monkeypatch.setattr(bundle, "opened", lambda *a, **k: order.append("waits") or opened(*a, **k))
    assert cli("predict", "photos").code == 0
    assert order == ["g:describe", "read_named", "read_named", "waits"]


def test_answers_stream_in_order_with_a_bounded_number_ahead(here: Path) -> None:
    taken = 0

    def photos() -> Iterator[tuple[str, bytes]]:
        nonlocal taken
        for number in range(200):
            taken += 1
            yield str(number), CIRCLES

    answers = bundle.load(here / "models" / "toy").predict(photos())
    assert next(answers).file == "0" and taken <= 16
    assert [answer.file for answer in answers] == [str(number) for number in range(1, 200)]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [("predict photos --jsonl", 0), ("predict photos", 0), ("predict photos --json", 0), ("--help", 0),
     ("predict gone.jpg", 3), ("predict gone.jpg --json", 3)],
)  # fmt: skip
def test_a_reader_that_has_seen_enough_ends_it_quietly(here: Path, arguments: str, code: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "lookalike", *arguments.split()]
    done = subprocess.run(command, check=False, cwd=here, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr.replace("photos: 2/2", "").strip()) == (code, "")


def test_ctrl_c_keeps_what_was_written(here: Path) -> None:
    command = [sys.executable, "-m", "lookalike", "predict", "-", "--jsonl"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=here, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin and process.stdout
        process.stdin.write("photos/c.jpg\n" * 100)  # more than decoding runs ahead of answering
        process.stdin.flush()
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert json.loads(first)["label"] == "circles"
    assert process.returncode == 130 and "Traceback" not in err


def test_watch_answers_for_photos_dropped_into_a_folder(here: Path) -> None:
    (here / "drop").mkdir()
    command = [sys.executable, "-m", "lookalike", "predict", "--watch", "drop", "--jsonl", "--sort-into", "sorted"]
    with subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        (here / "drop" / "one.jpg").write_bytes(CIRCLES)
        first = json.loads(process.stdout.readline())
        (here / "drop" / "two.jpg").write_bytes(STRIPES)
        second = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    assert (first["label"], second["label"], process.returncode) == ("circles", "stripes", 0)
    assert (here / "sorted" / "stripes" / "two.jpg").exists()


def type_in(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Make `data` what the command reads from standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))  # type: ignore[type-var]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A web server with one photo, which the settings allow although it is on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = CIRCLES if self.path == "/c.jpg" else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("LOOKALIKE_ALLOW_HOSTS", f"127.0.0.1:{server.server_port}")
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
