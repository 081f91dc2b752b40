"""Every setting: its default, its limits and the words that explain it. Nothing else states any of the three.

A setting is read from, in this order: the flag, the environment, lookalike.toml, the default. The flags of each
command, config.example.toml and the environment names (LOOKALIKE_<SECTION>_<NAME>) all follow from the fields here.
Keys and passwords are not settings: providers read them from the environment only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from lookalike.settings.values import Hosts, Seconds, Words, one_or_many


class Section(BaseModel):
    """A group of settings: one command's flags, or one table of lookalike.toml.

    Those of a plug-in name their `table`, which is the plug-in's own name. A field's `json_schema_extra` may hold
    `env`, an environment name besides the usual one; `names`, the kind of plug-in it takes the names of; and, in a
    plug-in's section, `flag`, to be a flag of the command that uses the plug-in. `groups` are the headings of the help,
    by the field that each begins with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)  # most commands check one or two sections
    table: ClassVar[str] = ""
    groups: ClassVar[dict[str, str]] = {}


class GatherSettings(Section):
    """Where photos come from and how many."""

    groups = {
        "count": "What to find", "license": "Which photos", "min_per_label": "How it ends", "opt_out": "Manners",
        "jobs": "How fast",
    }  # fmt: skip
    count: int | None = Field(
        None, ge=1, le=10_000, description="photos wanted for each name [default: 150, or all of a list or folder]"
    )
    provider: Words = Field(
        ["openverse", "commons"],
        description="where to search, in order; the next one tops up what the last left short",
        json_schema_extra={"names": "provider"},
    )
    query: Annotated[list[str], BeforeValidator(one_or_many)] = Field(
        ["{label}"], description='what to search for, e.g. "{label} portrait"; may be repeated'
    )
    source: Path | None = Field(None, description="the file or folder that --provider urls or folder reads")
    license: Literal["any", "cc", "commercial", "modify", "public"] = Field(
        "any", description="only photos whose licence allows this"
    )
    safe: bool = Field(True, description="leave out adult content")
    type: Literal["any", "photo"] = Field("any", description="photo leaves out drawings, where the provider can tell")
    min_size: int = Field(128, ge=1, description="shortest side a found photo must have, in pixels")
    min_per_label: int = Field(10, ge=0, description="exit with 4 when a name ends with fewer photos than this")
    retry_failed: bool = Field(False, description="try again what has failed before, for good or not")
    sheet: bool = Field(False, description="write gathered.jpg: small pictures of what came")
    opt_out: bool = Field(True, description="pass over photos whose site reserves them from learning programs")
    robots: bool = Field(False, description="obey robots.txt for each photo, too")
    jobs: int = Field(16, ge=1, le=64, description="downloads at the same time")
    per_host: int = Field(4, ge=1, le=64, description="downloads at the same time from one site")
    patience: float = Field(8, gt=0, le=600, description="seconds until another photo is fetched beside a slow one")
    pause: float = Field(0.1, ge=0, le=60, description="seconds between two starts on one site")
    cache_hours: float = Field(24, ge=0, description="how long answers of search services are kept for a resume")


class ProvidersSettings(Section):
    """The list of places to search."""

    check: bool = Field(False, description="ask each provider one question, and show what it says")


class CleanSettings(Section):
    """What is set aside before training."""

    groups = {
        "min_size": "What is set aside", "dry_run": "Before anything moves", "undo": "Bringing back",
        "review": "Deciding yourself", "jobs": "How fast",
    }  # fmt: skip
    min_size: int = Field(64, ge=1, description="shortest side a photo must have, in pixels")
    max_ratio: float = Field(6, ge=1, description="most times a photo may be as long as it is wide")
    min_sharpness: float = Field(3, ge=0, description="edges weaker than this count as blurred")
    aside: Words = Field(
        ["damaged", "too-small", "extreme-shape", "one-colour", "placeholder"],
        description="faults that set a photo aside, of those that checks find; other faults are only shown",
        json_schema_extra={"names": "check"},
    )
    keep_copies: bool = Field(False, description="leave copies in the set; a split still keeps them together")
    suspects: int = Field(20, ge=0, description="how many probably wrong labels to show; 0 does not look for them")
    faces: bool = Field(True, description="where photos show faces, mark those with none or several")
    apply_suspects: int | None = Field(None, ge=0, description="also set aside this many of the most suspect photos")
    dry_run: bool = Field(False, description="only show what would be set aside")
    yes: bool = Field(
        False, description="do not ask where a label would lose over a tenth, or a group of copies is larger than five"
    )
    undo: bool = Field(False, description="bring back everything that was set aside, byte for byte")
    undo_run: str | None = Field(
        None, description="take back what one run set aside or gave another label: its id, or last"
    )
    undo_file: list[str] = Field([], description="bring back one photo, as label/file; may be repeated")
    review: bool = Field(False, description="open a local page to look at every photo and decide")
    host: str = Field("127.0.0.1", description="address the review page listens on")
    port: int = Field(8001, ge=0, le=65535, description="port of the review page; 0 takes a free one")
    export_marks: Path | None = Field(None, description="write every photo and what is known about it to this CSV file")
    apply: Path | None = Field(None, description="carry out the decisions in this CSV file")
    jobs: int | None = Field(
        None, ge=1, le=64, description="photos decoded at the same time [default: one for each core]"
    )


class TrainSettings(Section):
    """How the network learns."""

    groups = {"epochs": "How it learns", "valid": "From what", "resume": "How long it takes"}
    epochs: int | None = Field(
        None, ge=0, le=1000, description="fine-tuning epochs [default: 5 where they promise anything]"
    )
    arch: str = Field(
        "auto", description="any torchvision or timm network [auto: of those installed the one that suits the photos]"
    )
    size: int | None = Field(
        None, ge=32, le=1024, description="side of the square the network sees, in pixels [default: chosen]"
    )
    batch_size: int | None = Field(None, ge=2, le=4096, description="photos in one step [default: chosen]")
    seed: int = Field(42, ge=0, description="makes the split and the training repeatable")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to train")
    weights: str = Field("auto", description="pretrained weights: a file, none, or auto")
    recipe: str = Field("auto", description="how to train", json_schema_extra={"names": "recipe"})
    valid: float = Field(0.2, gt=0, lt=0.9, description="share of the photos held back to measure accuracy")
    crop: Literal["none", "face", "auto"] = Field(
        "auto", description="look at the main face, at none but the whole photo, or at what most show"
    )
    resume: bool = Field(
        False, description="go on with the training stopped last, as it was started, after its last kept epoch"
    )
    budget: Seconds | None = Field(
        None, description="time the whole command may take, e.g. 90s, 3m or 1h; the epochs are chosen to fit"
    )
    cache_limit: int = Field(10_000, ge=0, description="megabytes of decoded photos that all commands may keep")

    @property
    def weights_anywhere(self) -> str:
        """`weights`, of a file so that it is found from wherever one stands."""
        return self.weights if self.weights in ("auto", "none") else str(Path(self.weights).absolute())


class EvaluateSettings(Section):
    """What is measured and when that is not good enough."""

    run: str | None = Field(None, description="which run [default: the newest]")
    at_least: float | None = Field(None, ge=0, le=1, description="exit with 5 when the accuracy is below this")
    top: int = Field(12, ge=0, le=1000, description="how many of the worst photos to show")
    folds: int = Field(0, ge=0, le=20, description="train so many times more, each time measuring on another part")
    others: Path | None = Field(
        None, description='folder with photos of other things, to see how many are "neither" [default: others/, if any]'
    )
    heat: bool = Field(True, description="show what the network looked at in its mistakes (loads torch)")


class CompareSettings(Section):
    """Two runs side by side."""


class ExportSettings(Section):
    """How a trained model is taken away."""

    groups = {"name": "Which model", "format": "In what form", "proof": "How it is checked"}
    name: str | None = Field(None, description="name of the folder under models/ [default: the project's name]")
    run: str | None = Field(None, description="which run [default: the newest]")
    format: Words = Field(
        ["onnx"], description="what to write besides model.json", json_schema_extra={"names": "format"}
    )
    to: Words = Field(
        [],
        description="what else to make: apps, hub, or dataset (the photos alone)",
        json_schema_extra={"names": "target"},
    )
    out: Path | None = Field(None, description="folder that --to writes [default: apps/NAME-TARGET]")
    sample: Annotated[list[str], BeforeValidator(one_or_many)] = Field(
        [], description="photo that the app shows to everybody, to try it on; again for each one more"
    )
    small: bool = Field(False, description="store the weights in half the bytes (fp16); shows the answers that changes")
    proof: int = Field(32, ge=1, le=10_000, description="validation photos that must get the same answer")


class PredictSettings(Section):
    """How photos are named."""

    groups = {"model": "How it answers", "csv": "Where the answers go", "watch": "What is named", "jobs": "How fast"}
    model: str | None = Field(None, description="a name under models/, or a folder [default: the newest]")
    top: int = Field(3, ge=1, le=1000, description="labels shown for each photo")
    threshold: float | None = Field(
        None, ge=0, le=1, description='below this probability the answer is "neither" as well; with 0 it never is'
    )
    csv: bool = Field(False, description="print comma-separated values, each row as soon as it is known")
    jsonl: bool = Field(False, description="print one JSON document a line, each as soon as it is known")
    sort_into: Path | None = Field(None, description="copy each photo into a folder of its label below this one")
    out: Path | None = Field(
        None,
        description="write answers into files in this folder, in parts; the same command goes on after a stop"
        " [default with --engine ray: predictions/ in the project]",
    )
    parquet: bool = Field(False, description="those files are Parquet and not JSON lines")
    part_size: int = Field(500, ge=1, le=1_000_000, description="photos in each of them")
    watch: Path | None = Field(None, description="also name every photo that is dropped into this folder, until Ctrl-C")
    jobs: int | None = Field(
        None, ge=1, le=1024, description="photos decoded at the same time [default: one for each core]"
    )
    engine: Literal["local", "ray"] = Field(
        "local", description="ray: on every node of the cluster that RAY_ADDRESS names, else on this machine"
    )


class ServeSettings(Section):
    """The local page."""

    model: str | None = Field(None, description="a name under models/, or a folder [default: the newest]")
    threshold: float | None = Field(
        None, ge=0, le=1, description='below this probability the answer is "neither" as well; with 0 it never is'
    )
    host: str = Field("127.0.0.1", description="address to listen on; any but this computer's own needs a token")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    allow_hosts: Hosts = Field(
        [], description="other addresses visitors use, as host or host:port: those of a proxy or of a forwarded port"
    )
    max_bytes: int = Field(20_000_000, ge=1024, description="largest photo accepted, in bytes")
    jobs: int | None = Field(
        None, ge=1, le=64, description="photos decoded at the same time [default: one for each core]"
    )


class NetworkSettings(Section):
    """Limits of every download, and what need not be downloaded."""

    allow_hosts: Hosts = Field(
        [],
        description="private hosts that may be reached, as host or host:port",
        json_schema_extra={"env": "LOOKALIKE_ALLOW_HOSTS"},
    )
    contact: str = Field("", description="web page or e-mail address sent in the User-Agent, as search services ask")
    max_bytes: int = Field(20_000_000, ge=1024, description="largest photo accepted, in bytes")
    connect_timeout: float = Field(5, gt=0, description="seconds to reach a host")
    read_timeout: float = Field(15, gt=0, description="seconds a host may stay silent")
    total_timeout: float = Field(30, gt=0, description="seconds one photo may take in all")
    weights: Path | None = Field(None, description="folder to look in for files of weights before they are fetched")


OwnSection = TypeVar("OwnSection", bound=Section)


class Settings(Section):
    """All settings, one field for each table of lookalike.toml. Checking the defaults would cost each command 25 ms.

    The settings of plug-ins are checked when they are asked for.
    """

    gather: GatherSettings = GatherSettings.model_construct()
    providers: ProvidersSettings = ProvidersSettings.model_construct()
    clean: CleanSettings = CleanSettings.model_construct()
    train: TrainSettings = TrainSettings.model_construct()
    evaluate: EvaluateSettings = EvaluateSettings.model_construct()
    compare: CompareSettings = CompareSettings.model_construct()
    export: ExportSettings = ExportSettings.model_construct()
    predict: PredictSettings = PredictSettings.model_construct()
    serve: ServeSettings = ServeSettings.model_construct()
    network: NetworkSettings = NetworkSettings.model_construct()
    _read: Callable[[type[Section]], Section] | None = PrivateAttr(None)

    def of(self, kind: type[OwnSection]) -> OwnSection:
        """The settings of a plug-in, from wherever settings come from. Raises ConfigError."""
        found = self._read(kind) if self._read else kind()
        assert isinstance(found, kind)
        return found


SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
