"""What the review page shows and does: every photo with what is known about it, decisions, undo. No HTTP here."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lookalike.clean.survey import Survey
from lookalike.decisions import aside, decide, history
from lookalike.errors import NotReadyError
from lookalike.files import JsonObject, sha256_file
from lookalike.people import boxes
from lookalike.project.dataset import read_examples
from lookalike.project.manifest import Manifest
from lookalike.project.paths import Project, load_evaluation, newest
from lookalike.project.records import ImageRecord
from lookalike.web import server as web

LOCK_SECONDS = 10.0


class Board:
    """The photos of a project as the page sees them. Safe from several threads; other commands may run meanwhile."""

    def __init__(self, project: Project, found: Survey) -> None:
        self.project = project
        self.manifest = Manifest(project.images)
        self.known = _known(project, found)
        self._guard = threading.Lock()
        with self._fresh():
            pass

    @contextmanager
    def _fresh(self) -> Iterator[None]:
        """Hold the data set, with its state as the manifest has it now."""
        with self._guard, self.manifest.lock(wait=LOCK_SECONDS):
            if self.version != getattr(self, "_folded", None):
                self.state = aside.reconcile(self.project, self.manifest)
                self._batches = history.batches(self.manifest)
            yield
            self._folded = self.version

    @property
    def version(self) -> int:
        """A number that grows with every decision."""
        return self.manifest.path.stat().st_size if self.manifest.path.exists() else 0

    def photos(self) -> JsonObject:
        """All photos, by file, with labels and the number of decisions that can be taken back."""
        with self._fresh():
            files = {record.file: record for record in self.state.files.values()}
            for file, facts in self.known.items():
                files.setdefault(file, ImageRecord(facts["label"], "ok", file))
            rows = [self._row(record) for record in sorted(files.values(), key=lambda r: r.file) if self._there(record)]
            labels = sorted({row["label"] for row in rows})
            return {"version": self.version, "labels": labels, "photos": rows, "undo": len(self._batches)}

    def decide(self, wishes: Sequence[tuple[decide.Wish, str]]) -> dict[str, object]:
        """Carry out decisions taken together. Each comes with the sha256 that the person saw, or ""."""
        changed, refused, gone = [], [], []
        with self._fresh():
            by = history.REVIEW + aside.new_run().removeprefix("clean-")
            for wish, content in wishes:
                try:
                    self._check(wish.file, content)
                    done = decide.decide(self.project, self.manifest, self.state, wish, by=by)
                except decide.DecisionError as error:
                    refused.append({"file": wish.file, "why": error.message})
                    continue
                if done.file != wish.file:
                    gone.append(wish.file)
                    self.known[done.file] = self.known.pop(wish.file, {}) | {"label": done.record.label}
                changed.append(self._row(done.record))
            self._batches = history.batches(self.manifest)
        return self._answer(changed, gone, refused)

    def undo(self) -> dict[str, object]:
        """Take the last decision back, of whichever tab or session."""
        with self._fresh():
            if not self._batches:
                return self._answer([], [], [{"file": "", "why": "there is nothing to take back"}])
            batch = self._batches[-1]
            touched = history.revert(self.project, self.manifest, self.state, batch)
            if not touched:  # every photo of it has gone; the next undo takes the one before
                self.manifest.append(
                    [ImageRecord("", "note", reason="nothing left to undo", by=history.UNDO + batch.name)]
                )
            gone = [after.file for _, after in batch.steps if after.file not in touched]
            for old, new in zip(gone, touched, strict=False):
                self.known[new] = self.known.pop(old, {})
            self._batches = [other for other in self._batches if other.name != batch.name]
            changed = [self._row(self.state.files[file]) for file in dict.fromkeys(touched) if file in self.state.files]
        return self._answer(changed, gone, [])

    def _answer(self, changed: list[Any], gone: list[str], refused: list[Any]) -> dict[str, object]:
        undo = len(self._batches)
        return {"version": self.version, "changed": changed, "gone": gone, "refused": refused, "undo": undo}

    def _there(self, record: ImageRecord) -> bool:
        root = self.project.quarantine if record.status == "quarantined" else self.project.images
        return (root / record.file).is_file()

    def _check(self, file: str, content: str) -> None:
        """Refuse a decision about a photo that is no longer the one the person saw."""
        if not content:
            return
        for root in (self.project.images, self.project.quarantine):
            path = web.safe_path(root, file)
            if path and sha256_file(path) != content:
                raise decide.DecisionError("the photo has changed; reload the page")

    def _row(self, record: ImageRecord) -> JsonObject:
        aside_now = record.status == "quarantined"
        row = {"part": "", "why": [], "score": 0.0, "predicted": "", "probability": 0.0, "group": "", "sha256": ""}
        row |= {"taken_for": "", "sure": 0.0, "loss": 0.0, "faces": [], "chosen": -1, "ratio": 1.0}
        row |= self.known.get(record.file, {})
        row |= {"file": record.file, "label": record.label, "aside": aside_now, "decision": decide.decision_of(record)}
        if aside_now and record.reason not in ("", "review"):
            row["why"] = [f"{record.reason}: {record.detail}".rstrip(": ")]
            row["reasons"] = [record.reason]
        if record.face:
            row["chosen"] = _chosen(record.face, row)
        row["group"] = record.group or row["group"]
        row["sha256"] = record.sha256 or row["sha256"]
        return row


def _chosen(face: str, row: Mapping[str, Any]) -> int:
    """The place of the face that a person has chosen; of the one found to count, when there is no such face now."""
    place = boxes.place_of(face, [box for other in row["faces"] if (box := boxes.parsed(other))])
    return int(row["chosen"]) if place is None else place


def _known(project: Project, found: Survey) -> dict[str, JsonObject]:
    """What the survey says about each file, in the words of the page."""
    why: dict[str, list[str]] = defaultdict(list)
    reasons: dict[str, list[str]] = defaultdict(list)
    for finding in [*found.away, *found.notes]:
        reasons[finding.file].append(finding.reason)
        why[finding.file].append(" ".join(filter(None, (f"{finding.reason}:", finding.detail, finding.other))))
    known: dict[str, dict[str, object]] = {}
    parts = _split(project)
    for photo in found.photos:
        known[photo.file] = {
            "label": photo.label,
            "part": photo.part or parts.get(photo.file, ""),
            "sha256": photo.facts.sha256 if photo.facts else "",
            "why": why[photo.file],
            "reasons": reasons[photo.file],
        }
    for item in found.suspects.ranked:
        known[item.file] |= {"score": item.score, "predicted": item.predicted, "probability": item.probability}
    for item in found.most_suspect:
        known[item.file]["why"] = [*why[item.file], item.why]
        known[item.file]["reasons"] = [*reasons[item.file], "suspect"]
    for file, shown in found.faces.items():
        known[file] |= {"faces": [boxes.written(box) for box in shown.boxes], "ratio": shown.ratio}
        known[file]["chosen"] = shown.chosen
    for group in found.groups:
        for photo in group:
            known[photo.file]["group"] = group[0].file
    for row in _mistakes(project):
        facts = known.get(row["file"], {})
        if facts.get("sha256") == row.get("sha256"):  # else another photo has taken the name
            facts |= {"taken_for": row["predicted"], "sure": row["probability"], "loss": row["loss"]}
    return known


def _mistakes(project: Project) -> tuple[JsonObject, ...]:
    """The photos that the newest evaluation of a finished run found named wrongly, if there is one."""
    found = [path for path in project.runs.glob("[!.]*/evaluation.json") if path.with_name("run.json").is_file()]
    if not found:
        return ()
    try:
        evaluation = load_evaluation(newest(found).parent)
    except NotReadyError:
        return ()
    return evaluation.mistakes if evaluation else ()


def _split(project: Project) -> dict[str, str]:
    """The side of each photo in the newest training, if there was one."""
    try:
        return {example.file: example.part for example in read_examples(project.run_dir() / "split.csv")}
    except NotReadyError:
        return {}
