"""Clean a set of photos: find what would spoil the training, set it aside, lose nothing.

scan         decode and measure every file          checks      what can be wrong with one photo
duplicates   copies of one photo                    suspects    labels that are probably wrong
aside        quarantine and undo                    review      the page where a person decides
"""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace

from lookalike.clean import aside, checks, duplicates
from lookalike.clean.result import Cleaning, Finding, Restored, shown
from lookalike.clean.scan import Seen, Stamp, look, passed_over, stamp_of
from lookalike.config import CleanSettings, Settings
from lookalike.errors import NotReadyError
from lookalike.manifest import Manifest, State
from lookalike.project import Project
from lookalike.records import ImageRecord
from lookalike.report import SILENT, Reporter


def run(project: Project, settings: Settings, *, report: Reporter = SILENT) -> Cleaning | Restored:
    """Clean the set of `project`, or undo that.

    Raises NotReadyError when there is nothing to clean, or when more than half would go and nobody agreed.
    """
    wishes, manifest = settings.clean, Manifest(project.images)
    if not project.images.is_dir():
        raise NotReadyError(f"there is no folder {project.images}", "run `lookalike gather NAME NAME` first")
    with nullcontext() if wishes.dry_run else manifest.lock():
        if wishes.undo or wishes.undo_run or wishes.undo_file:
            return aside.undo(project, manifest, files=wishes.undo_file, run=wishes.undo_run)
        return _clean(project, manifest, wishes, report)


def _clean(project: Project, manifest: Manifest, settings: CleanSettings, report: Reporter) -> Cleaning:
    state = manifest.fold() if settings.dry_run else aside.reconcile(project, manifest)
    photos = look(project, jobs=settings.jobs, report=report)
    if not photos:
        raise NotReadyError(f"there are no photos in {project.images}", "run `lookalike gather NAME NAME` first")
    decided = {file for file, record in state.files.items() if record.by == "review" and record.status == "ok"}
    away, notes = _judge([photo for photo in photos if photo.file not in decided], settings)
    result = Cleaning(
        run=aside.new_run(),
        dry_run=settings.dry_run,
        before=dict(Counter(photo.label for photo in photos)),
        aside=tuple(sorted(away, key=lambda finding: finding.file)),
        notes=tuple(notes),
        skipped=tuple(passed_over(project.images)),
    )
    if settings.dry_run:
        return result
    _ask(result, settings, report)
    adopted = _adopt(manifest, state, photos, result.run)
    stamps = {photo.file: photo.stamp for photo in photos}
    return replace(_move(project, manifest, state, stamps, result=result, report=report), adopted=adopted)


def _judge(photos: list[Seen], settings: CleanSettings) -> tuple[list[Finding], list[Finding]]:
    """What is to be set aside, and what is only worth a look."""
    away: dict[str, Finding] = {}
    notes: list[Finding] = []
    for finding in checks.faults(photos, settings):
        if checks.moves(finding.reason, settings):
            away.setdefault(finding.file, finding)
        else:
            notes.append(finding)
    for group in duplicates.exact(photo for photo in photos if photo.file not in away):
        for finding in duplicates.findings(group, "duplicate"):
            away.setdefault(finding.file, finding)
    return list(away.values()), [finding for finding in notes if finding.file not in away]


def _ask(result: Cleaning, settings: CleanSettings, report: Reporter) -> None:
    """Go on only if no more than half of the photos would go, or somebody agrees."""
    total, going = sum(result.before.values()), len(result.aside)
    if settings.yes or going * 2 <= total:
        return
    question = f"{going} of {total} photos would be set aside"
    if not report.confirm(f"{question}. Go on?"):
        hint = "look with `lookalike clean --dry-run`; `lookalike clean --yes` does it without asking"
        shown_only = replace(result, dry_run=True)
        raise NotReadyError(f"{question}, more than half; nothing was moved", hint, result=shown_only)


def _adopt(manifest: Manifest, state: State, photos: list[Seen], by: str) -> int:
    """Write a first line for every photo that the manifest does not know, or knows with other bytes."""
    records = []
    for photo in photos:
        known = state.files.get(photo.file)
        if photo.facts and not (known and known.sha256 == photo.facts.sha256):
            facts = photo.facts
            record = ImageRecord(photo.label, "ok", photo.file, provider="by-hand", by=by, sha256=facts.sha256)
            records.append(replace(record, width=facts.width, height=facts.height))
            state.files[photo.file] = records[-1]
    manifest.append(records)
    return len(records)


def _move(
    project: Project, manifest: Manifest, state: State, stamps: dict[str, Stamp], *, result: Cleaning, report: Reporter
) -> Cleaning:
    """Set aside what was found; photos that changed since they were looked at stay."""
    moved = []
    with report.task("setting aside", len(result.aside)) as task:
        for finding in result.aside:
            if stamp_of(project.images / finding.file) != stamps[finding.file]:
                report.warn(f"{shown(finding.file)} has changed meanwhile and stays")
            elif aside.set_aside(project, manifest, state, finding, result.run):
                moved.append(finding)
            task.advance()
    return replace(result, aside=tuple(moved))
