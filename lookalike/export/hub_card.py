"""README.md of a model for hubs: the table that hubs read (YAML, in the form of JSON), then words for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lookalike.export import card as model_card
from lookalike.files import JsonObject
from lookalike.project.records import Bundle, TrainedRun
from lookalike.text import json_text, markdown


def card(bundle: Bundle, run: TrainedRun, told: Sequence[str], *, timm: bool) -> str:
    """The text of README.md; `told` is what was measured, `timm` whether timm can load the model."""
    head = ["---", *(f"{key}: {json_text(value)}" for key, value in _table(bundle, timm).items()), "---", ""]
    return "\n".join([*head, *_words(bundle, run, told, timm=timm)]) + "\n"


def _table(bundle: Bundle, timm: bool) -> JsonObject:
    library = "timm" if timm else "transformers.js"
    table: JsonObject = {
        "license": "unknown",
        "library_name": library,
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", *(["timm", "transformers"] if timm else []), "transformers.js", "onnx"],
        "metrics": ["accuracy"],
    }
    if rate := bundle.metrics.get("accuracy"):
        table["model-index"] = [{"name": bundle.name, "results": [_result(bundle, rate)]}]
    return table


def _result(bundle: Bundle, rate: object) -> JsonObject:
    """The accuracy with its 95 % interval, as an entry of a model index."""
    found: JsonObject = dict(rate) if isinstance(rate, dict) else {}
    interval = f"95 % interval {found['low']:.1%} to {found['high']:.1%}, {found['right']} of {found['total']} photos"
    metrics: list[JsonObject] = [
        {
            "type": "accuracy",
            "name": f"Accuracy ({interval})",
            "value": round(found["value"], 4),
            "args": {"confidence": 0.95, "low": round(found["low"], 4), "high": round(found["high"], 4)},
        }
    ]
    if found.get("scarcest"):
        metrics.append({"type": "balanced_accuracy", "name": "Balanced accuracy", "value": round(found["balanced"], 4)})
    labels = ", ".join(bundle.labels[:5]) + (", …" if len(bundle.labels) > 5 else "")
    return {
        "task": {"type": "image-classification", "name": "Image classification"},
        "dataset": {
            "type": "imagefolder", "name": f"{labels} ({bundle.fingerprint})",
            "split": bundle.metrics.get("part", "valid"),
        },
        "metrics": metrics,
    }  # fmt: skip


def _words(bundle: Bundle, run: TrainedRun, told: Sequence[str], *, timm: bool) -> Iterable[str]:
    labels = ", ".join(f"**{markdown(label)}**" for label in bundle.labels)
    yield from (f"# {markdown(bundle.name)}", "", f"Tells apart: {labels}.", "")
    yield from model_card.accuracy(bundle.metrics)
    yield from ("## Use it", "")
    if timm:
        yield from _code("python", TIMM.format(name=bundle.name))
        yield from _code("python", TRANSFORMERS.format(name=bundle.name))
    yield from _code("javascript", SCRIPT.format(name=bundle.name))
    size = bundle.input.size
    yield f"Anything that runs ONNX: `onnx/model.onnx` takes `pixel_values`, float32 (n, 3, {size}, {size}), RGB from 0"
    yield f"to 1 less {list(bundle.input.mean)}, divided by {list(bundle.input.std)}, and gives `logits`."
    yield "Their softmax is the probabilities."
    yield from ("", "## What is different here", "")
    yield from (f"- {sentence}" for sentence in told)
    yield from ("", "Photos of anything else get a label, too: ask it only about these kinds of things.")
    yield from ("", "## How it was made", "", *model_card.made(bundle, run))
    yield from ("", "## Publish it", "", "Say in the first lines of this file which licence you give it; then:", "")
    yield from _code("", f"pip install huggingface_hub\nhf auth login\nhf upload YOU/{bundle.name} .")


def _code(language: str, text: str) -> Iterable[str]:
    yield from (f"```{language}", text.strip(), "```", "")


TIMM = """
import timm, torch
from PIL import Image

model = timm.create_model("hf-hub:YOU/{name}", pretrained=True).eval()  # or "local-dir:THIS FOLDER"
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
with torch.no_grad():
    p = model(transform(Image.open("photo.jpg").convert("RGB"))[None]).softmax(dim=1)[0]
print(model.pretrained_cfg["label_names"][p.argmax()], float(p.max()))
"""
TRANSFORMERS = """
from transformers import pipeline  # 4.49 or later, with timm

print(pipeline("image-classification", "YOU/{name}")("photo.jpg"))
"""
SCRIPT = """
import {{ pipeline }} from '@huggingface/transformers';

const classify = await pipeline('image-classification', 'YOU/{name}', {{ dtype: 'fp32' }});
console.log(await classify('photo.jpg'));
"""
