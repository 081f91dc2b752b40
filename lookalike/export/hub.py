"""A folder that the loaders of model hubs open: timm, transformers, transformers.js, optimum and plain onnxruntime.

They know nothing of our pixels, so the network is written anew: normalised `pixel_values` in, `logits` out whose
softmax is our probabilities, temperature included. transformers.js picks a class by `model_type` and takes no word for
"any other network"; for those it takes it computes nothing but the ONNX file, so one of them stands there. transformers
for Python would build that very network instead: its list of `configuration_files` leads it to a description without
the word, which it opens with timm.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image, ImageOps

from lookalike.bundle import bundle as bundles
from lookalike.errors import ConfigError
from lookalike.export import hub_card, proof, small
from lookalike.export.opened import OpenedRun
from lookalike.export.proof import Difference
from lookalike.export.space import LARGE
from lookalike.files import JsonObject, write_bytes, write_json, write_text
from lookalike.photos import images
from lookalike.project.kinds import FORMATS
from lookalike.project.records import Bundle, InputSpec, Prediction
from lookalike.settings.fields import Section, Settings
from lookalike.text import counted

PHOTOS = 100  # of those held back are asked, where there are so many
ODD = 5  # copies that proof.photos adds
MODEL, WEIGHTS = "onnx/model.onnx", "model.safetensors"
KIND = "efficientnet"
TIMM_CONFIG = "config.4.49.0.json"  # the first transformers that opens networks of timm
CROPS = {"crop": "center", "squish": "squash", "pad": "border"}


class Hub:
    """A model for Hugging Face and its loaders."""

    section: ClassVar[type[Section] | None] = None

    def require(self, opened: OpenedRun) -> None:
        """Raise ConfigError for a model that no loader of a hub can show its photos to."""
        if opened.people:
            raise ConfigError(
                "a model of people can't be opened by the loaders of hubs: they show a network the whole photo, and it"
                " knows only faces cut out by their landmarks",
                "use --to web, space, docker or voila",
            )

    def write_run(self, part: Path, model: Path, bundle: Bundle, settings: Settings, opened: OpenedRun) -> list[str]:
        """Fill `part`; returns what was measured, in sentences. Raises QualityError when it answers differently."""
        from lookalike.vision import hub, onnx

        network = hub.at_temperature(opened.network, bundle.temperature)
        graph = onnx.to_logits(network, bundle.input)
        found = _compare(graph, model, opened, settings.export.proof)
        write_bytes(part / MODEL, small.halve(graph) if settings.export.small else graph)
        write_json(part / "preprocessor_config.json", preprocessing(bundle.input))
        how = hub.to_timm(network, opened.run)
        if how:
            hub.write(how[1], part / WEIGHTS)
            _configure(part, bundle, how[0])
            how = how if _timm_agrees(part, opened, found) else None
        if not how:
            (part / WEIGHTS).unlink(missing_ok=True)
            (part / TIMM_CONFIG).unlink(missing_ok=True)
            _configure(part, bundle, None)
        write_text(part / ".gitattributes", LARGE + "*.safetensors filter=lfs diff=lfs merge=lfs -text\n")
        told = _told(found, bundle, timm=how is not None)
        write_text(part / "README.md", hub_card.card(bundle, opened.run, told, timm=how is not None))
        return told


def _configure(part: Path, bundle: Bundle, timm: JsonObject | None) -> None:
    """config.json for all loaders; with `timm`, also the one that transformers for Python reads in its place."""
    numbered = {str(number): label for number, label in enumerate(bundle.labels)}
    labels = {"id2label": numbered, "label2id": {label: int(number) for number, label in numbered.items()}}
    config: JsonObject = {
        "model_type": KIND,
        "architectures": ["EfficientNetForImageClassification"],
        "problem_type": "single_label_classification",
        "image_size": bundle.input.size,
        **labels,
    }
    if timm:
        pretrained: JsonObject = {
            "input_size": [3, bundle.input.size, bundle.input.size], "fixed_input_size": timm["fixed_input_size"],
            "interpolation": "bilinear", "crop_pct": 1.0, "crop_mode": CROPS[bundle.input.resize],
            "mean": list(bundle.input.mean), "std": list(bundle.input.std), "num_classes": len(bundle.labels),
        }  # fmt: skip
        told: JsonObject = {
            "architecture": timm["architecture"], "num_classes": len(bundle.labels),
            "label_names": list(bundle.labels), "pretrained_cfg": pretrained, **labels,
        }  # fmt: skip
        write_json(part / TIMM_CONFIG, told)
        config |= {"configuration_files": [TIMM_CONFIG], **told}
    write_json(part / "config.json", config)


def preprocessing(spec: InputSpec) -> JsonObject:
    """preprocessor_config.json: the nearest thing to our pixels that it has words for."""
    side = {"height": spec.size, "width": spec.size}
    cropped: JsonObject = {"size": {"shortest_edge": spec.size}, "do_center_crop": True, "crop_size": side}
    return {
        "image_processor_type": "CLIPImageProcessor" if spec.resize == "crop" else "ViTImageProcessor",
        "do_convert_rgb": True, "do_resize": True, "resample": int(Image.Resampling.BILINEAR),
        **(cropped if spec.resize == "crop" else {"size": side}),
        "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": list(spec.mean), "image_std": list(spec.std),
    }  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """The same photos three ways: `same` are our pixels in the written network, `read` the pixels that other programs
    make of the photos, `odd` those they make of unusual files. `pixels` and `probabilities` are ours, and `neither`
    says how many of `asked` photos get no label from us, which hubs always give."""

    same: Difference
    read: Difference
    odd: Difference
    neither: int
    asked: int
    pixels: Sequence[np.ndarray]
    probabilities: np.ndarray


def _compare(graph: bytes, model: Path, opened: OpenedRun, wanted: int) -> Compared:
    """Ask our model and the network for hubs about photos held back. Raises QualityError when our pixels get other
    answers there."""
    spec = opened.run.input
    files = [data for _, data in proof.photos(opened.photos, max(wanted, PHOTOS))]
    ours = bundles.load(model)
    ours.reader.prepare()
    pixels = [images.read(data, spec) for data in files]
    said = [ours.predictions([""], one[None])[0] for one in pixels]
    expected = np.array([_in_order(prediction, ours.description.labels) for prediction in said])
    asked = _ask(graph, spec, [*pixels, *(as_others_read(data, spec) for data in files)])
    same, read = asked[: len(files)], asked[len(files) :]
    plain = len(files) - ODD
    return Compared(
        proof.require(proof.compare(expected, same), MODEL),
        proof.compare(expected[:plain], read[:plain]),
        proof.compare(expected[plain:], read[plain:]),
        sum(not prediction.known for prediction in said[:plain]),
        plain,
        pixels,
        expected,
    )


def _in_order(prediction: Prediction, labels: Sequence[str]) -> list[float]:
    found = dict(prediction.probabilities)
    return [found[label] for label in labels]


def _ask(graph: bytes, spec: InputSpec, pixels: Sequence[np.ndarray]) -> np.ndarray:
    """Probabilities (n, labels) of uint8 photos (size, size, 3) by a network for hubs, as whoever loads it asks it."""
    mean, std = (np.array(values, np.float32) for values in (spec.mean, spec.std))
    normalised = [((one.astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1) for one in pixels]
    (logits,) = proof.ask_onnx(graph, normalised)
    powered = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powered / powered.sum(axis=1, keepdims=True))


def as_others_read(data: bytes, spec: InputSpec) -> np.ndarray:
    """A photo as programs read it with Pillow and preprocessor_config.json: no white below what is transparent, resized
    before it is cropped, and never cropped to a face."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB")
    if spec.resize != "crop":
        return images.fit(image, spec)
    scale = spec.size / min(image.size)
    wide, high = (max(spec.size, int(length * scale)) for length in image.size)
    left, top = (wide - spec.size) // 2, (high - spec.size) // 2
    resized = image.resize((wide, high), Image.Resampling.BILINEAR)
    return np.asarray(resized.crop((left, top, left + spec.size, top + spec.size)))


def _timm_agrees(part: Path, opened: OpenedRun, found: Compared) -> bool:
    """Whether timm loads the folder and answers as we do."""
    from lookalike.vision import hub

    try:
        told = hub.ask(part, opened.run, found.pixels)
        proof.require(proof.compare(found.probabilities, told), WEIGHTS)
    except Exception:  # other answers (QualityError), or timm's own kinds for what it can't load
        return False
    return True


def _told(found: Compared, bundle: Bundle, *, timm: bool) -> list[str]:
    """What was measured, in sentences for the card and the terminal."""
    files = "onnx/model.onnx and model.safetensors" if timm else "onnx/model.onnx"
    told = [
        f"{files}: {counted(found.same.photos, 'photo file')}, largest difference of a probability "
        f"{found.same.largest:.1e}, {counted(found.same.flips, 'label differs', 'labels differ')}",
        f"read as other programs read photos: {_moved(found.read)}; "
        f"unusual files (turned, CMYK, grey, palette, transparent): {_moved(found.odd)}",
    ]
    if bundle.input.crop == "face":
        told.append("they show it the whole photo, where lookalike shows it the main face")
    if bundle.threshold is not None or bundle.min_similarity is not None:
        told.append(
            f'they always give a label: {found.neither} of {counted(found.asked, "photo")} get "neither" from lookalike'
        )
    if not timm:
        told.append("no model.safetensors: timm has no network with these layers")
    return told


def _moved(difference: Difference) -> str:
    labels = counted(difference.flips, "other label", "other labels")
    return f"{labels} of {difference.photos}, probabilities move by up to {difference.largest:.3f}"
