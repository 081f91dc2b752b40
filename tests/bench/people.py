"""People, measured on real photos: BENCH_DATA names the folder with `athletes` (label folders of persons) and
`strangers` (the same of others). Without it, photos are drawn around the few faces of the package that carries the
networks; the numbers then mean little. BENCH_QUICK makes everything small.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lookalike.bundle import bundle
from lookalike.files import sha256_file
from lookalike.people.eyes import open_eyes, people_in
from lookalike.people.head import identities, lesson
from lookalike.photos import crowd, images
from lookalike.project.records import Example
from lookalike.report import SILENT
from lookalike.settings.fields import Settings
from tests.bench import QUICK, beside_opencv
from tests.bench.predict import lookalike, timed
from tests.bench.train import _book
from tests.support import browser, portraits

DATA = Path(os.environ.get("BENCH_DATA", "data"))
PLANTED, MANY, FACES, DRAWS = (1, 20, 4, 1) if QUICK else (5, 1000, 100, 3)
TORCH = "import sys; from lookalike.cli import main; main({!r}); print('torch' in sys.modules)"
Row = tuple[str, str, str]


def main() -> None:
    """Print one table of what must be reached and what is; nothing without the networks."""
    if not portraits.HERE:
        print("the networks for faces are not here")
        return
    portraits.find_faces()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        own, others = _data(root)
        beside_opencv.main(own)
        project = root / "project"
        rows: list[Row] = []
        for part in (_trained, _told_apart, _planted, _chosen, _one_photo, _many_photos, _page):
            found = list(part(project, own, others))
            for row in found:
                print(f"  {row[0]:<72} {row[2]:<28} must: {row[1]}", flush=True)
            rows += found


def _data(root: Path) -> tuple[Path, Path]:
    if (DATA / "athletes").is_dir() and (DATA / "strangers").is_dir():
        return DATA / "athletes", DATA / "strangers"
    print("drawn photos; BENCH_DATA=FOLDER names the folder of `athletes` and `strangers`")
    portraits.people_folder(root / "own", {"ann": 24, "bea": 24})
    return root / "own", portraits.people_folder(root / "others", {"cas": 12})


def _trained(project: Path, own: Path, others: Path) -> Iterator[Row]:
    """Whole processes of training, cold and with what was seen kept, beside the book's script."""
    cold, cached, book = [], [], []
    for seed in range(DRAWS):
        shutil.rmtree(project / ".cache", ignore_errors=True)
        book.append(_book(own, "efficientnet_lite0", seed).wall)
        command = ("train", "--images", own, "--project", project, "--seed", seed, "--quiet")
        cold.append(timed(lambda: lookalike(*command)))  # noqa: B023 - called at once
        cached.append(timed(lambda: lookalike(*command)))  # noqa: B023
    for kind, took, most in (("cold", cold, 0.15), ("cached", cached, 0.08)):
        ratio = statistics.median(ours / theirs for ours, theirs in zip(took, book, strict=True))
        what = f"{statistics.median(took):.1f} s ÷ {statistics.median(book):.0f} s"
        yield f"train, whole process ÷ the book's, {kind}", f"<= {most}", f"{ratio:.3f} ({what})"
    code = TORCH.format(["train", "--images", str(own), "--project", str(project), "--quiet"])
    yield "torch in sys.modules after train", "False", _python(code).split()[-1]


def _told_apart(project: Path, own: Path, others: Path) -> Iterator[Row]:
    """What `evaluate` says, photo by photo, each without its label."""
    found = json.loads(lookalike("evaluate", "--project", project, "--folds", 5, "--others", others, "--json"))
    extra = found["data"]["findings"]
    folds, caught = extra["folds"], extra["neither"]["others"]
    told = f"{folds['value']:.3f} ({folds['right']} of {folds['total']}, neither {folds['neither']})"
    yield "5 folds: named rightly", ">= 0.985", told
    yield "5 folds: named wrongly", "0", str(folds["wrong"])
    points = {point["photos"]: point for point in extra["people"]["curve"]}
    for few, least in ((5, 0.985), (1, 0.95)):
        if few in points:
            point = points[few]
            yield f"from {few} a label, 20 draws", f">= {least}", f"{point['right']:.3f} (worst {point['least']:.3f})"
    yield "strangers turned away", ">= 0.98", f"{caught['share']:.3f} ({caught['rejected']} of {caught['photos']})"
    known = extra["neither"]["known"]
    yield "own photos held back that get a name", ">= 0.95", f"{1 - known['share']:.3f} of {known['photos']}"


def _planted(project: Path, own: Path, others: Path) -> Iterator[Row]:
    """A tenth of a label's photos are strangers': where `clean` ranks them, and what it would move."""
    among, planted, moved = 0, 0, 0
    faces = [path for path in sorted(others.glob("*/*")) if path.is_file() and _shows_face(path)]
    for seed in range(PLANTED):
        target = project.parent / f"planted-{seed}"
        shutil.copytree(own, target / "images")
        label = sorted(path for path in (target / "images").iterdir() if path.is_dir())[seed % 2]
        count = max(1, round(len(list(label.iterdir())) / 9))
        for path in np.random.default_rng(seed).permutation(np.array(faces, object))[:count]:
            shutil.copy(path, label / f"planted-{path.name}")
        said = json.loads(lookalike("clean", "--dry-run", "--suspects", 10_000, "--json", "--project", target))["data"]
        first = said["suspects"][: round(0.15 * sum(said["before"].values()))]
        among += sum("planted-" in row["file"] for row in first)
        planted += count
        usual = json.loads(lookalike("clean", "--dry-run", "--json", "--project", target, "--no-faces"))["data"]
        before = {row["file"] for row in usual["aside"]}
        moved += len([row for row in said["aside"] if row["file"] not in before])
        shutil.rmtree(target)
    share = f"{among / planted:.3f} ({among} of {planted})"
    yield "planted strangers among the first 15 % of suspects", ">= 0.95", share
    yield "photos moved by default because of faces", "0", str(moved)


def _shows_face(path: Path) -> bool:
    return bool(crowd.read(images.open_rgb(path)).boxes)


def _chosen(project: Path, own: Path, others: Path) -> Iterator[Row]:
    """The face that counts, beside a look by hand."""
    lines = (Path(__file__).parent / "right_faces.tsv").read_text().splitlines()
    points = {name: (float(x), float(y)) for name, x, y in (row.split("\t") for row in lines if row[0] != "#")}
    paths = [path for path in sorted(own.glob("*/*")) if path.is_file()]
    files = [(path, sha256_file(path)) for path in paths]
    seen, _ = people_in(files, open_eyes(Settings(), SILENT), project / ".cache", SILENT)
    right = total = 0
    for label in {path.parent for path in paths}:
        here = [(sha256, shown) for (path, sha256), shown in zip(files, seen, strict=True) if path.parent == label]
        mine = [(sha256, shown) for sha256, shown in here if shown]
        (found,) = identities(lesson([(_example(sha256), shown) for sha256, shown in mine], ("one",)))
        for (sha256, shown), face in zip(mine, found.chosen if found else (), strict=True):
            if sha256[:16] in points:
                x, y = points[sha256[:16]][0] * shown.width, points[sha256[:16]][1] * shown.height
                box = shown.faces[face]
                total, right = total + 1, right + (box.left <= x <= box.right and box.top <= y <= box.bottom)
    if total:
        yield "right face in photos of several", ">= 0.97", f"{right / total:.3f} ({right} of {total})"


def _example(sha256: str) -> Example:
    return Example(sha256, "one", sha256, sha256, "train")


def _one_photo(project: Path, own: Path, others: Path) -> Iterator[Row]:
    """The whole process."""
    lookalike("export", "--project", project, "--name", "m", "--to", "web")
    photo = max((path for path in own.glob("*/*") if path.suffix == ".jpg"), key=lambda path: path.name)
    took = [timed(lambda: lookalike("predict", photo, "--project", project, "--model", "m")) for _ in range(5)]
    yield "predict one photo, whole process", "<= 0.6 s", f"{statistics.median(took):.2f} s"


def _many_photos(project: Path, own: Path, others: Path) -> Iterator[Row]:
    """Whole process, beside decoding, finding and embedding alone, one after the other on all cores."""
    folder = project.parent / "many"
    folder.mkdir()
    files = [path for path in sorted([*own.glob("*/*"), *others.glob("*/*")]) if path.is_file()]
    for number, path in zip(range(MANY), itertools.cycle(files), strict=False):
        shutil.copy(path, folder / f"{number:04}{path.suffix}")
    ours = timed(lambda: lookalike("predict", folder, "--csv", "--quiet", "--project", project, "--model", "m"))
    copies = project.parent / "alone"
    eyes = open_eyes(Settings(), SILENT)
    paths = sorted(folder.iterdir())
    alone = timed(lambda: people_in([(path, path.name) for path in paths], eyes, copies, SILENT))
    yield f"{MANY} photos ÷ decode + find + embed", "<= 1.3", f"{ours / alone:.2f} ({ours:.0f} s ÷ {alone:.0f} s)"


def _page(project: Path, own: Path, others: Path) -> Iterator[Row]:
    """The static page beside Python, face by face."""
    if not (project / "apps" / "m-web").is_dir() or browser.MISSING:
        yield "page against Python", "", f"not measured: {browser.MISSING or 'no onnxruntime for browsers'}"
        return
    model = bundle.load(project / "models" / "m")
    files = [path for path in sorted([*own.glob("*/*"), *others.glob("*/*")]) if path.is_file()]
    faces, labels, boxes, numbers = 0, 0, 0.0, 0.0
    order = np.random.default_rng(0).permutation(len(files))
    with browser.browser() as chromium, browser.hosted(project / "apps") as host:
        page = browser.opened(chromium, f"{host}/m-web/")
        for place in order.tolist():
            (said,) = model.predict([("", files[place])])
            theirs = browser.answer(page, files[place]).get("faces", [])
            labels += len(theirs) != len(said.faces or ())
            for one, other in zip(theirs, said.faces or (), strict=False):
                labels += (one["label"] if one["known"] else "neither") != (other.label if other.known else "neither")
                boxes = max(boxes, float(np.abs(np.array(one["box"]) - other.box).max()))
                numbers = max(numbers, *(abs(one["probabilities"][name] - p) for name, p in other.probabilities))
                faces += 1
            if faces >= FACES:
                break
    size = sum(path.stat().st_size for path in (project / "apps" / "m-web").rglob("*") if path.is_file()) / 1e6
    yield f"page against Python, {faces} faces: other labels", "0", str(labels)
    yield "  boxes apart at most", "<= 1 px", f"{boxes:.3f} px"
    yield "  probabilities apart at most", "<= 1e-3", f"{numbers:.1e}"
    yield "  the page with its models", "", f"{size:.1f} MB"


def _python(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
