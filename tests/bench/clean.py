"""Planted faults: how many are found, how many findings are wrong, and how long it takes, beside the alternatives.

Drawn photos are always used. Real ones as well when BENCH_PHOTOS names a folder of label folders, sets that
are clean already when BENCH_CLEAN names a folder of such folders (lookalikes.py), and a collection of odd
files when BENCH_ODD names a folder with images.tsv (file, verdict, upright size, pixels). BENCH_QUICK makes everything
small.

imagededup's CNN method needs weights from the network; it is given the same packaged network as we use.
"""

from __future__ import annotations

import contextlib
import csv
import json
import logging
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from lookalike.errors import UnusablePhoto
from lookalike.photos import images
from lookalike.photos.decode import Pool
from tests.bench import QUICK
from tests.support import draw

CHANGES = ("half size", "quality 40", "cropped", "mirrored", "recoloured")
Pairs = set[frozenset[str]]


def main() -> None:
    """Run every part and print one table each."""
    from tests.bench import lookalikes

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        sets = {"drawn": _drawn(root / "drawn")}
        if folder := os.environ.get("BENCH_PHOTOS"):
            sets["real"] = _real(Path(folder), root / "real")
        else:
            print("drawn photos; BENCH_PHOTOS=FOLDER names a folder of label folders with real ones")
        for title, photos in sets.items():
            copies(title, photos, root / f"copies-{title}")
            swaps(title, photos, root / f"swaps-{title}")
        lookalikes.main(root)
        speed(sets.get("real", sets["drawn"]), root / "speed")
    if folder := os.environ.get("BENCH_ODD"):
        odd(Path(folder))


def _drawn(root: Path) -> Path:
    return draw.folder(root, dict.fromkeys(("circles", "stripes"), 20 if QUICK else 120), (320, 240))


def _real(source: Path, root: Path) -> Path:
    """Every photo of a folder, train and val together, under its label."""
    for path in sorted(source.rglob("*.jpg")):
        target = root / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return root


# ---- copies


def change(image: Image.Image, kind: str, rng: random.Random) -> tuple[Image.Image, int]:
    """A changed copy of a photo and the JPEG quality to save it at."""
    width, height = image.size
    if kind == "half size":
        return image.resize((width // 2, height // 2), Image.Resampling.LANCZOS), 90
    if kind == "cropped":
        w, h = round(width * 0.85), round(height * 0.85)
        left, top = rng.randint(0, width - w), rng.randint(0, height - h)
        return image.crop((left, top, left + w, top + h)), 90
    if kind == "mirrored":
        return ImageOps.mirror(image), 90
    if kind == "recoloured":
        return _recolour(image, rng), 90
    return image, 40


def _recolour(image: Image.Image, rng: random.Random) -> Image.Image:
    how = rng.choice(["grey", "vivid", "bright", "warm", "hue"])
    if how == "grey":
        return ImageOps.grayscale(image).convert("RGB")
    if how == "vivid":
        return ImageEnhance.Color(image).enhance(1.8)
    if how == "bright":
        return ImageEnhance.Contrast(ImageEnhance.Brightness(image).enhance(1.25)).enhance(1.2)
    if how == "warm":
        red, green, blue = image.split()
        return Image.merge("RGB", (red.point(lambda v: min(255, v * 6 // 5)), green, blue.point(lambda v: v * 4 // 5)))
    shifted = np.array(image.convert("HSV"))
    shifted[..., 0] += 30
    return Image.fromarray(shifted, "HSV").convert("RGB")


def _plant(photos: Path, root: Path) -> dict[frozenset[str], str]:
    """Copy a set and add one changed copy of each photo. Returns the kind of change of each planted pair."""
    rng, planted = random.Random(1), {}
    shutil.copytree(photos, root)
    for number, path in enumerate(sorted(path for path in photos.rglob("*") if path.is_file())):
        kind = CHANGES[number % len(CHANGES)]
        copy = root / path.parent.name / f"{path.stem}-copy.jpg"
        changed, quality = change(images.open_rgb(path), kind, rng)
        changed.save(copy, quality=quality)
        planted[frozenset((path.relative_to(photos).as_posix(), copy.relative_to(root).as_posix()))] = kind
    return planted


def copies(title: str, photos: Path, root: Path) -> None:
    """Changed copies: recall and precision of pairs. What the set itself holds twice, as it is or mirrored, is not
    counted, with the copies of either."""
    planted, twins = _plant(photos, root), _twins(photos)
    rows = []
    for name, find in {"lookalike": _ours, "imagededup PHash": _phash, "imagededup CNN": _cnn}.items():
        begin = time.monotonic()
        found = {pair for pair in find(root) if frozenset(map(_original, pair)) not in twins}
        right = found & planted.keys()
        by_kind = Counter(planted[pair] for pair in right)
        of_kind = Counter(planted.values())
        kinds = [f"{by_kind[kind] / of_kind[kind]:.2f}" for kind in CHANGES]
        precision = len(right) / len(found) if found else 1.0
        seconds = f"{time.monotonic() - begin:.1f}"
        rows.append([name, f"{len(right) / len(planted):.3f}", f"{precision:.3f}", *kinds, seconds])
    _table(f"{title}: {len(planted)} changed copies", ["", "recall", "precision", *CHANGES, "s"], rows)


def _twins(photos: Path) -> Pairs:
    """Pairs of a set that are one picture, mirrored or not, without their endings: 32 x 32 pixels of both differ by
    less than 3 grey levels (root mean square)."""
    files = [path for path in sorted(photos.rglob("*")) if path.is_file()]
    seen = np.stack([np.asarray(images.open_rgb(path).resize((32, 32)), np.float32) for path in files])
    flat, found = seen.reshape(len(files), -1), set()
    for views in (flat, seen[:, :, ::-1].reshape(len(files), -1)):
        for number, other in enumerate(views):
            near = np.flatnonzero(((flat[:number] - other) ** 2).mean(1) < 9)
            found |= {
                frozenset(_original(files[n].relative_to(photos).as_posix()) for n in (number, other_number))
                for other_number in near
            }
    return found


def _original(file: str) -> str:
    """The photo that a planted copy was made of, without its ending."""
    return file.rsplit(".", 1)[0].removesuffix("-copy")


def _ours(root: Path) -> Pairs:
    data = _clean(root, "--keep-copies", "--suspects", "0", "--min-size", "1")
    return {frozenset((a, b)) for group in data["groups"] for i, a in enumerate(group) for b in group[i + 1 :]}


def _clean(root: Path, *flags: str) -> Any:
    """`clean --dry-run --json` as a process of its own, with nothing remembered."""
    with tempfile.TemporaryDirectory() as project:
        command = [sys.executable, "-m", "lookalike", "clean", "--dry-run", "--json", "--quiet", *flags]
        command += ["--project", project, "--images", str(root)]
        done = subprocess.run(command, capture_output=True, check=True)
    return json.loads(done.stdout)["data"]


def _phash(root: Path) -> Pairs:
    from imagededup.methods import PHash

    with _silence():
        return _pairs(PHash(verbose=False).find_duplicates(image_dir=root, recursive=True))


def _cnn(root: Path) -> Pairs:
    import torch
    from imagededup.methods import CNN
    from imagededup.utils import CustomModel
    from torchvision import transforms

    from lookalike.vision import features

    network = features._network()

    class Body(torch.nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return network.forward_features(batch).mean((2, 3))

    steps = [transforms.Resize((192, 192)), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]
    model = CustomModel(name="packaged", model=Body(), transform=transforms.Compose(steps))
    with _silence():
        method = CNN(verbose=False, model_config=model)
        return _pairs(method.find_duplicates(image_dir=root, recursive=True, num_enc_workers=0))


def _pairs(found: dict[str, list[str]]) -> Pairs:
    return {frozenset((Path(a).as_posix(), Path(b).as_posix())) for a, others in found.items() for b in others}


# ---- labels


def swaps(title: str, photos: Path, root: Path, share: float = 0.1, first: float = 0.15) -> None:
    """Labels swapped for one photo in ten: how many of them are among the first 15 % of the suspects."""
    files = sorted(photos.rglob("*.jpg"))
    labels = sorted({path.parent.name for path in files})
    rows = []
    for seed in range(1 if QUICK else 3):
        rng, folder, swapped = random.Random(seed), root / str(seed), set()
        for label in labels:
            mine = [path for path in files if path.parent.name == label]
            chosen = set(rng.sample(mine, round(share * len(mine))))
            for path in mine:
                given = labels[(labels.index(label) + 1) % len(labels)] if path in chosen else label
                target = folder / given / f"{label}-{path.name}"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
                if path in chosen:
                    swapped.add(f"{given}/{target.name}")
        data = _clean(folder, "--suspects", str(len(files)), "--keep-copies")
        top = {item["file"] for item in data["suspects"][: round(first * len(files))]}
        truth = {label: 1 - sum(name.startswith(label) for name in swapped) / data["before"][label] for label in labels}
        purity = ", ".join(f"{label} {data['purity'][label]:.2f} (is {truth[label]:.2f})" for label in labels)
        rows.append(
            [str(seed), f"{len(top & swapped)} of {len(swapped)}", f"{len(top & swapped) / len(swapped):.2f}", purity]
        )
    _table(f"{title}: one label in ten swapped", ["seed", "in the first 15 %", "share", "purity"], rows)


# ---- speed


def speed(photos: Path, root: Path, times: int = 1 if QUICK else 5) -> None:
    """Full verification and hashes of the photos, several times over, cold, children included."""
    for number in range(times):
        for path in photos.rglob("*.jpg"):
            target = root / path.parent.name / f"{number}-{path.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    count = sum(1 for _ in root.rglob("*.jpg"))
    ways: dict[str, Callable[[], object]] = {
        "lookalike, verify + measure + pictures": lambda: _scan(root),
        "lookalike clean, whole process": lambda: _clean(root, "--suspects", "0"),
        "fastai verify_images": lambda: _verify(root),
        "imagededup PHash encoding": lambda: _encode(root),
        "imagededup PHash encoding + search": lambda: _phash(root),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(2):
        for name, way in ways.items():
            begin = time.monotonic()
            way()
            best[name] = min(best[name], time.monotonic() - begin)
    _table(f"speed on {count} photos, best of two", ["", "s"], [[name, f"{value:.2f}"] for name, value in best.items()])


def _scan(root: Path) -> None:
    with Pool() as pool:
        for _ in pool.map("lookalike.photos.measure:measure", root.rglob("*.jpg")):
            pass


def _verify(root: Path) -> None:
    from fastai.vision.utils import get_image_files, verify_images

    with _silence():
        verify_images(get_image_files(root))


def _encode(root: Path) -> None:
    from imagededup.methods import PHash

    with _silence():
        PHash(verbose=False).encode_images(image_dir=root, recursive=True)


# ---- odd files


def odd(folder: Path) -> None:
    """Published odd and broken files: survived, verdict, kind of refusal, upright size and pixels."""
    with (folder / "images.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    paths = [next(folder.rglob(row["file"])) for row in rows]
    score: Counter[str] = Counter()
    with Pool() as pool:
        answers = [answer for _, answer in pool.map("lookalike.photos.images:open_rgb", paths)]
    for row, answer in zip(rows, answers, strict=True):
        good = row["verdict"].startswith("ok")
        refused = isinstance(answer, UnusablePhoto)
        score["survived"] += 1
        score["verdicts"] += good != refused
        score["kinds"] += (_kind(answer) if refused else "ok") == row["verdict"].split("-first")[0].split("-apply")[0]
        if good and not refused:
            score["sized"] += 1
            score["sizes"] += f"{answer.width}x{answer.height}" == row["upright_size"]
            if row["thumb4_rgb_hex"] != "-":
                score["compared"] += 1
                score["pixels"] += _close(answer, row["thumb4_rgb_hex"])
    print(
        f"odd files: {score['survived']} of {len(rows)} survived, {score['verdicts']} of {len(rows)} verdicts, "
        f"{score['kinds']} of {len(rows)} kinds, {score['sizes']} of {score['sized']} sizes, "
        f"{score['pixels']} of {score['compared']} pixels"
    )


def _kind(answer: UnusablePhoto) -> str:
    return {"too-large": "reject-too-big", "not-an-image": "reject-not-an-image"}.get(answer.reason, "reject-corrupt")


def _close(image: Image.Image, expected: str) -> bool:
    small = np.frombuffer(image.resize((4, 4), Image.Resampling.BOX).tobytes(), np.uint8).astype(int)
    return int(np.abs(small - np.frombuffer(bytes.fromhex(expected), np.uint8)).max()) <= 8


@contextlib.contextmanager
def _silence() -> Any:
    """Keep what the alternatives print away from the table."""
    logging.disable(logging.INFO)
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


def _table(title: str, columns: list[str], rows: Iterable[list[str]]) -> None:
    lines = [columns, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    print(f"\n{title}")
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), flush=True)


if __name__ == "__main__":
    main()
