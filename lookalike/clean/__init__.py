"""Clean a set of photos: find what would spoil the training, set it aside, lose nothing.

scan         decode and measure every file          checks      what can be wrong with one photo
duplicates   copies of one photo (near: how)        suspects    labels that are probably wrong
survey       all of these together                  questions   what a person must agree to
undo         bringing back                          ledger      what the manifest learns
review       the page where a person decides        marks       decisions as a file
sheet        the report                             memory      what was seen before
"""

from __future__ import annotations

import errno
from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict, replace

from lookalike.clean import ledger, sheet
from lookalike.clean.checks import require_known
from lookalike.clean.questions import questions
from lookalike.clean.result import Cleaning, Finding, Restored
from lookalike.clean.survey import survey
from lookalike.clean.undo import undo
from lookalike.decisions import aside
from lookalike.errors import FULL, NotReadyError, in_words, refused
from lookalike.photos.memory import Memory, Stamp, stamp_of
from lookalike.project.layout import require_photos
from lookalike.project.manifest import Manifest, State
from lookalike.project.names import OutsideError
from lookalike.project.paths import Project
from lookalike.project.walk import walk
from lookalike.report import SILENT, Reporter, Result
from lookalike.settings.fields import CleanSettings, Settings


def run(project: Project, settings: Settings, *, report: Reporter = SILENT) -> Result:
    """Clean the set of `project`, or undo that, or open the review page.

    Raises NotReadyError when there is nothing to clean, ConfigError when `--aside` names no known fault.
    """
    wishes, manifest = settings.clean, Manifest(project.images)
    require_known(wishes)
    if not project.images.is_dir():
        require_photos(walk(project.images))  # which says why there are none
    try:
        return _run(project, manifest, settings, report)
    except OSError as error:
        error.filename = error.filename or str(project.images)
        if error.errno in FULL | {errno.ELOOP}:
            raise refused(error) from error
        hint = "photos, manifest and quarantine must be writable; `lookalike clean --dry-run` only looks"
        raise NotReadyError(f"{error.filename}: {error.strerror or error}", hint) from error


def _run(project: Project, manifest: Manifest, settings: Settings, report: Reporter) -> Result:
    wishes = settings.clean
    if wishes.review:
        from lookalike.clean.review import serve

        return serve(project, settings, report=report)
    with nullcontext() if wishes.dry_run else manifest.lock():
        if wishes.undo or wishes.undo_run or wishes.undo_file:
            files, run, dry = wishes.undo_file, wishes.undo_run, wishes.dry_run
            return undo(project, manifest, files=files, run=run, dry_run=dry)
        if wishes.apply or wishes.export_marks:
            from lookalike.clean.marks import apply, export

            return apply(project, manifest, wishes) if wishes.apply else export(project, manifest, wishes)
        with Memory(project.cache) as memory:
            return _clean(project, manifest, settings, memory, report=report)


def _clean(project: Project, manifest: Manifest, settings: Settings, memory: Memory, *, report: Reporter) -> Cleaning:
    wishes = settings.clean
    state = manifest.fold() if wishes.dry_run else aside.reconcile(project, manifest)
    if manifest.refused:
        report.warn(f"{manifest.refused} lines of {manifest.path} name no photos of this set and were passed over")
    found = survey(project, state, settings, memory, report=report)
    result = Cleaning(
        run=aside.new_run(),
        dry_run=wishes.dry_run,
        before=dict(Counter(photo.label for photo in found.photos)),
        aside=tuple(found.away),
        notes=tuple(found.notes),
        groups=tuple(tuple(photo.file for photo in group) for group in found.groups),
        suspects=tuple(asdict(item) for item in found.suspects.ranked[: wishes.suspects]),
        purity=found.suspects.purity,
        skipped=found.passed,
    )
    asked = questions(found.photos, found.away, found.groups)
    result = replace(result, questions=tuple(question.words for question in asked))
    if asked and (wishes.dry_run or not _agreed(result, wishes, report)):
        result = _held(result, frozenset().union(*(question.files for question in asked)))
    if wishes.dry_run:
        return result
    adopted = ledger.register(manifest, state, found, result.run)
    stamps = {photo.file: photo.stamp for photo in found.photos}
    done = replace(_move(project, manifest, state, stamps, result=result, report=report), adopted=adopted)
    return replace(done, report=str(sheet.write(project, done)))


def _agreed(result: Cleaning, wishes: CleanSettings, report: Reporter) -> bool:
    """Whether somebody wants all of it set aside: by --yes, or asked on the terminal."""
    return wishes.yes or report.confirm(f"{'; '.join(result.questions)}. Set these aside, too?")


def _held(result: Cleaning, files: frozenset[str]) -> Cleaning:
    """The same with what nobody agreed to held back; a dry run shows it among the rest, too."""
    held = tuple(finding for finding in result.aside if finding.file in files)
    aside = result.aside if result.dry_run else tuple(f for f in result.aside if f.file not in files)
    return replace(result, held=held, aside=aside)


def _move(
    project: Project, manifest: Manifest, state: State, stamps: dict[str, Stamp], *, result: Cleaning, report: Reporter
) -> Cleaning:
    """Set aside what was found; photos that changed since they were looked at stay."""
    moved = []
    if not result.aside:
        return result
    with report.task("setting aside", len(result.aside)) as task:
        for finding in result.aside:
            try:
                if stamp_of(project.images / finding.file) != stamps[finding.file]:
                    report.warn(f"{finding.file} has changed meanwhile and stays")
                elif _set_aside(project, manifest, state, finding, result.run):
                    moved.append(finding)
            except OutsideError as error:
                report.warn(f"{finding.file} stays: {in_words(error)}")
            task.advance()
    return replace(result, aside=tuple(moved))


def _set_aside(project: Project, manifest: Manifest, state: State, finding: Finding, run: str) -> bool:
    detail = " ".join(part for part in (finding.detail, finding.other) if part)
    return aside.set_aside(project, manifest, state, finding.file, reason=finding.reason, detail=detail, by=run)


__all__ = ["Cleaning", "Restored", "run"]
