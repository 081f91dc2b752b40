"""The model card: what somebody who finds this folder wants to know, as its README.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lookalike.files import JsonObject
from lookalike.project.records import Bundle, TrainedRun
from lookalike.text import markdown

WHAT = {
    "predict.py": "names photos with nothing but onnxruntime, numpy and Pillow",
    "pixels.py": "how it reads them",
    "mend.py": "how it reads what is damaged around the picture",
    "face.onnx": "finds the face that the network looks at",
}


def card(bundle: Bundle, run: TrainedRun, words: Mapping[str, str]) -> str:
    """The text of README.md; `words` says what each file of the formats is."""
    return "\n".join(_lines(bundle, run, {**WHAT, **words})) + "\n"


def _lines(bundle: Bundle, run: TrainedRun, words: Mapping[str, str]) -> Iterable[str]:
    labels = ", ".join(f"**{markdown(label)}**" for label in bundle.labels)
    yield from (f"# {markdown(bundle.name)}", "", f"Tells apart: {labels}.", "")
    yield from accuracy(bundle.metrics)
    yield from (
        "## Use it",
        "",
        "```",
        "pip install onnxruntime numpy pillow",
        "python predict.py photo.jpg",
        "```",
        "",
    )
    yield "The numbers mean something only for photos of these kinds of things."
    yield from _neither(bundle)
    yield from ("", "## Files", "", "| file | what it is | sha256 |", "|---|---|---|")
    for name, sha256 in bundle.files.items():
        more = ", similarity (n) to the photos learnt from" if "similarity" in bundle.parity else ""
        what = words.get(name, "").format(size=bundle.input.size, labels=len(bundle.labels), more=more)
        yield f"| {name} | {what} | `{sha256[:16]}…` |"
    yield "| model.json | labels, input, temperature, limits, measurements and the sha256 of every file | |"
    yield from ("", "## How it was made", "")
    yield from made(bundle, run)


def made(bundle: Bundle, run: TrainedRun) -> Iterable[str]:
    """Network, data, versions and proof, as the items of a list."""
    arch, recipe = markdown(bundle.arch), markdown(run.recipe)
    yield f"- network: {arch}, input {bundle.input.size} px, {bundle.input.resize}; recipe: {recipe}"
    yield f"- data: fingerprint {markdown(bundle.fingerprint)}; {_counts(run)}"
    yield f"- made with: {', '.join(markdown(f'{name} {version}') for name, version in bundle.versions.items())}"
    yield from _parity(bundle.parity)


def _neither(bundle: Bundle) -> Iterable[str]:
    """When a photo gets none of the labels."""
    if bundle.threshold is None and bundle.min_similarity is None:
        yield "The model always answers with one of its labels, whatever the photo shows."
    if bundle.threshold is not None:
        yield f'A photo whose best label has less than {bundle.threshold:.0%} is answered with "neither".'
    if bundle.min_similarity is None:
        return
    between = _between(bundle.min_similarity)
    if bundle.input.crop == "aligned":
        yield f'A face that is like none of them (similarity below {between}, by label) is answered with "neither".'
        yield "Twins are not told apart; small children, faces from the side or under about 30 pixels not reliably."
        yield "The model holds numbers about faces, which are personal data: share it only as these people agree to."
    else:
        yield 'A photo that is too unlike those it learnt from is answered with "neither"'
        yield f"(similarity below {between}, by label). What looks like them gets a label all the same:"
        yield "to a model of two people, a third person's face is still a face."


def _between(limits: float | tuple[float, ...]) -> str:
    each = limits if isinstance(limits, tuple) else (limits,)
    return " to ".join(dict.fromkeys(f"{limit:.3f}" for limit in (min(each), max(each))))


def accuracy(metrics: JsonObject) -> Iterable[str]:
    """How often it is right, as a paragraph."""
    if not (rate := metrics.get("accuracy")):
        yield from ("Its accuracy was not measured; run `lookalike evaluate` before exporting.", "")
        return
    part = markdown(metrics.get("part", "valid"))
    yield f"Accuracy {rate['value']:.1%} (95 % interval {rate['low']:.1%} to {rate['high']:.1%}):"
    yield from (
        f"{rate['right']} of {rate['total']} {part} photos that it did not learn from.",
        *(
            [f"Balanced accuracy {rate['balanced']:.1%}; {markdown(scarcest)} stands on {rate['fewest']} photos."]
            if (scarcest := rate.get("scarcest"))
            else []
        ),
        "",
    )


def _counts(run: TrainedRun) -> str:
    counts = [
        f"{markdown(label)} {sum(parts.values())}" for label, parts in run.counts.items() if isinstance(parts, dict)
    ]
    return ", ".join(counts) or "counts not recorded"


def _parity(parity: JsonObject) -> Iterable[str]:
    if not parity:
        return
    yield (
        f"- proof: {parity['photos']} photo files were named by the trained network and by model.onnx; the largest "
        f"difference of a probability is {parity['largest']:.1e}, {parity['flips']} labels differ"
    )
    for name, found in parity.get("formats", {}).items():
        yield f"- proof of {name}: largest difference {found['largest']:.1e}, {found['flips']} labels differ"
