"""The values that flow between steps. Frozen, plain, and each the same on disk as in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from lookalike.files import JsonObject
from lookalike.project.names import name_in_folder, photo_name, photos_folder
from lookalike.project.typed import Record, between, numbers, one_of, reals, several
from lookalike.text import counted

PhotoName = Annotated[str, photo_name]
FileName = Annotated[str, name_in_folder]
FolderName = Annotated[str, photos_folder]

Part = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class ImageRecord(Record):
    """One line of the manifest: an attempt to get a photo, or a decision about one.

    `file` is the path below images/ with forward slashes ("ants/x.jpg", "train/ants/x.jpg"); an attempt that gave
    no file has none. `status` is `ok` (in the set), `quarantined`, `failed`, or `duplicate` (these bytes were there
    already, as `file`). `reason` is a stable word. `group` joins photos that must stay on one side of a split.
    `moved_from` is the former `file` of a photo that got another label. `face` is the box of the face that counts,
    where a person has chosen it: left, top, right and bottom as shares of the upright photo, with commas.
    """

    label: str
    status: str
    file: PhotoName = ""
    reason: str = ""
    detail: str = ""
    sha256: str = ""
    width: int = 0
    height: int = 0
    provider: str = ""
    query: str = ""
    rank: int = 0
    image_url: str = ""
    final_url: str = ""
    page_url: str = ""
    title: str = ""
    license: str = ""
    license_url: str = ""
    creator: str = ""
    attribution: str = ""
    group: str = ""
    moved_from: PhotoName = ""
    face: str = ""
    by: str = ""
    at: str = ""


@dataclass(frozen=True)
class InputSpec(Record):
    """How a photo becomes the network's input; the same everywhere a photo is read.

    `size` is the side of the square in pixels. `resize` is `crop` (the centre square), `squish` (all of it, out of
    proportion) or `pad` (all of it, on black). `mean` and `std` are per channel on a 0..1 scale. `crop` is `none`,
    `face` (the main face with some room, when there is one) or `aligned` (every face, each by its landmarks).
    """

    size: Annotated[int, between(8, 2048)]
    resize: Annotated[str, one_of("crop", "squish", "pad")] = "crop"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    crop: Annotated[str, one_of("none", "face", "aligned")] = "none"


@dataclass(frozen=True)
class Example(Record):
    """One photo of a data set: where it is, its label, its bytes' sha256, its group and its side of the split."""

    file: PhotoName
    label: str
    sha256: str
    group: str
    part: Part = "train"


@dataclass(frozen=True)
class Dataset:
    """The photos of one training: `labels` in the order of the network's outputs, and the examples by file name."""

    root: str
    labels: tuple[str, ...]
    examples: tuple[Example, ...]
    fingerprint: str

    def part(self, name: Part) -> tuple[Example, ...]:
        """The examples on one side of the split."""
        return tuple(example for example in self.examples if example.part == name)

    def count(self, label: str, part: Part | None = None) -> int:
        """How many photos a label has, in all or on one side."""
        return sum(example.label == label and part in (None, example.part) for example in self.examples)


@dataclass(frozen=True)
class TrainedRun(Record):
    """What `train` did: enough to rebuild the network and to repeat the run. `images` is where the photos were."""

    id: str
    created: str
    labels: Annotated[tuple[str, ...], several]
    arch: str
    recipe: str
    input: InputSpec
    head: str
    settings: dict[str, object]
    fingerprint: str
    seed: int
    images: FolderName
    versions: dict[str, str] = field(default_factory=dict)
    history: tuple[Annotated[dict[str, float], numbers("epoch", "valid_loss")], ...] = ()
    best_epoch: int = 0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Rate(Record):
    """A share of successes with its 95 % Wilson interval."""

    value: float
    low: float
    high: float
    right: int
    total: int


FEW_MEASURED = 10  # photos of a label below which its number means little


@dataclass(frozen=True)
class Accuracy(Rate):
    """The share of photos named rightly; `balanced` is the mean of that over the labels, and `fewest` the number of
    photos of the label `scarcest`, on which it stands."""

    balanced: float = 0.0
    scarcest: str = ""
    fewest: int = 0

    def balance(self) -> str:
        """`balanced 0.703, bees on 2 photos`; "" where that was not measured."""
        if not self.scarcest:
            return ""
        return f"balanced {self.balanced:.3f}, {self.scarcest} on {counted(self.fewest, 'photo')}"

    def doubt(self) -> str:
        """Why the number means little; "" where FEW_MEASURED photos or more of each label were measured."""
        if not self.scarcest or self.fewest >= FEW_MEASURED:
            return ""
        few = f"of {self.scarcest} only {counted(self.fewest, 'photo')} measured, too few to tell"
        return f"{few}; balanced accuracy {self.balanced:.3f}"


@dataclass(frozen=True)
class Evaluation(Record):
    """How good a run is, on photos it did not learn from. `confusion[i][j]` counts label i taken for label j.

    `mistakes` are all photos named wrongly, `top_losses` the worst ones, mistakes and shaky hits alike; worst first.
    """

    run: str
    part: str
    accuracy: Accuracy
    labels: tuple[str, ...]
    per_label: dict[str, dict[str, float]]
    confusion: tuple[tuple[int, ...], ...]
    top_losses: tuple[JsonObject, ...] = ()
    mistakes: tuple[dict[str, object], ...] = ()
    unreadable: tuple[dict[str, str], ...] = ()
    temperature: float = 1.0
    threshold: float | None = None
    min_similarity: float | Annotated[tuple[float, ...], reals] | None = None
    findings: dict[str, dict[str, object]] = field(default_factory=dict)
    created: str = ""


@dataclass(frozen=True)
class Bundle(Record):
    """model.json: what a model needs to answer, away from its project. `files` maps names to sha256.

    Probabilities of the network are raised to 1/`temperature` and normalised again; a best probability below
    `threshold`, or a similarity to the photos learnt from below `min_similarity` (one for each label, or one for all),
    means none of the labels. `checksum`
    is the sha256 of model.json itself, written without it.
    """

    labels: tuple[str, ...]
    input: InputSpec
    files: dict[FileName, str]
    name: str = ""
    created: str = ""
    arch: str = ""
    run: str = ""
    fingerprint: str = ""
    temperature: float = 1.0
    threshold: float | None = None
    min_similarity: float | tuple[float, ...] | None = None
    metrics: dict[str, object] = field(default_factory=dict)
    parity: dict[str, object] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    version: int = 1
    checksum: str = ""


@dataclass(frozen=True)
class FaceAnswer(Record):
    """The answer for one face: its `box` in pixels of the upright photo (left, top, right, bottom), and the rest as in
    a Prediction."""

    box: tuple[float, float, float, float]
    label: str
    probabilities: tuple[tuple[str, float], ...]
    similarity: float
    doubt: str = ""

    @property
    def known(self) -> bool:
        """Whether the best label is the answer."""
        return not self.doubt


@dataclass(frozen=True)
class Prediction(Record):
    """The answer for one photo: label and probability, best first. `reason` says why there is none.

    `similarity` to the photos learnt from is between -1 and 1, None when the model doesn't tell. `doubt` is why the
    best label is only the closest one, and not the answer: `unlike` or `unlikely`; `no-face` when there is nothing to
    compare, so that there is no label either. `faces` are all of them, largest first, from a model of people; the
    photo's own answer is that of the face most like one of them, a known one before others.
    """

    file: str
    label: str = ""
    probabilities: tuple[tuple[str, float], ...] = ()
    similarity: float | None = None
    doubt: str = ""
    reason: str = ""
    detail: str = ""
    faces: tuple[FaceAnswer, ...] | None = None

    @property
    def known(self) -> bool:
        """Whether the best label is the answer."""
        return not self.doubt
