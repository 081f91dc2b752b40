"""What the loaders of model hubs answer from `export --to hub`, beside lookalike: other labels, largest difference.

transformers and optimum are asked when they are installed; transformers.js when BENCH_NODE names a folder in which
`npm install @huggingface/transformers` was run. BENCH_PHOTOS is a folder of label folders to use in place of drawn
photos.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lookalike import Model
from lookalike.cli import main as lookalike
from lookalike.project.walk import walk
from tests.support import draw

ASKED = 100
PYTHON = """
import json, sys
from PIL import Image
kind, folder, labels, photos = json.load(sys.stdin)
if kind == "timm":
    import timm
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    def ask(path):
        return model(transform(Image.open(path).convert("RGB"))[None]).softmax(dim=1)[0].tolist()
elif kind == "transformers":
    from transformers import pipeline
    classify = pipeline("image-classification", folder, top_k=None)
    def ask(path):
        told = {row["label"]: row["score"] for row in classify(path)}
        return [told[label] for label in labels]
elif kind == "optimum":
    from optimum.onnxruntime import ORTModelForImageClassification
    from transformers import AutoImageProcessor
    model, processor = (kind.from_pretrained(folder) for kind in (ORTModelForImageClassification, AutoImageProcessor))
    def ask(path):
        pixels = processor(Image.open(path).convert("RGB"), return_tensors="pt")
        return model(**pixels).logits.softmax(1)[0].tolist()
print("\\n" + json.dumps([ask(path) for path in photos]))
"""
NODE = """
import { pipeline, env } from '@huggingface/transformers';
import fs from 'fs';
const [kind, folder, labels, photos] = JSON.parse(fs.readFileSync(0));
env.allowRemoteModels = false;
env.localModelPath = folder.slice(0, folder.lastIndexOf('/') + 1);
const classify = await pipeline('image-classification', folder.slice(folder.lastIndexOf('/') + 1), { dtype: 'fp32' });
const rows = [];
for (const photo of photos) {
  const answers = await classify(photo, { top_k: labels.length });
  const told = Object.fromEntries(answers.map((row) => [row.label, row.score]));
  rows.push(labels.map((label) => told[label]));
}
console.log('\\n' + JSON.stringify(rows));
"""


def main() -> None:
    """Train, export, and ask every loader that is here about the same photos."""
    with TemporaryDirectory() as place:
        root, given = Path(place), os.environ.get("BENCH_PHOTOS")
        if not given:
            print("drawn photos; BENCH_PHOTOS=FOLDER names a folder of label folders with real ones", flush=True)
        images = Path(given) if given else draw.folder(root / "images", {"circles": 60, "stripes": 60})
        at = ["--project", str(root / "p"), "--images", str(images), "--quiet"]
        for command in (
            ["train", "--recipe", "probe"],
            ["evaluate", "--no-heat"],
            ["export", "--name", "m", "--to", "hub"],
        ):
            assert lookalike([*command, *at]) == 0
        found = walk(images).photos
        held = [item for item in found if item.part not in (None, "train")] or found
        photos = [str((images / item.file).resolve()) for item in held[:: max(1, len(held) // ASKED)]][:ASKED]
        _compare(root / "p", photos)


def _compare(project: Path, photos: list[str]) -> None:
    model = Model.load(project / "models" / "m")
    answers = model(photos)
    ours = np.array([[answer.probabilities[label] for label in model.labels] for answer in answers])
    print(f"{len(photos)} photos, labels: {', '.join(model.labels)}")
    for kind in ("timm", "transformers", "optimum", "transformers.js"):
        asked = json.dumps([kind, str(project / "apps" / "m-hub"), list(model.labels), photos])
        rows = _asked(kind, asked)
        if rows is None:
            print(f"{kind:16} not here")
            continue
        theirs = np.array(rows)
        flips = int((theirs.argmax(axis=1) != ours.argmax(axis=1)).sum())
        change = np.abs(theirs - ours).max(axis=1)
        print(f"{kind:16} {flips} other labels, largest difference {change.max():.1e}, mean {change.mean():.1e}")


def _asked(kind: str, given: str) -> object:
    """What a loader answers, in a process without the network; None where it is not installed."""
    node = os.environ.get("BENCH_NODE")
    if kind == "transformers.js":
        command = ["node", "--input-type=module", "-e", NODE]
    else:
        command = [sys.executable, "-c", PYTHON]
    if (kind == "transformers.js" and not node) or (kind != "transformers.js" and not find_spec(kind)):
        return None
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    where = node if kind == "transformers.js" else None
    done = subprocess.run(
        command, input=given, cwd=where, env={**os.environ, **quiet}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])
