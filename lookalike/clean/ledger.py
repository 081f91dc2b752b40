"""Bring the manifest up to date with what lies in the folders: photos nobody gathered, and groups of copies."""

from __future__ import annotations

from dataclasses import replace

from lookalike.clean.scan import Seen
from lookalike.clean.survey import Survey
from lookalike.files import JsonObject
from lookalike.project.manifest import Manifest, State
from lookalike.project.records import ImageRecord


def register(manifest: Manifest, state: State, found: Survey, by: str) -> int:
    """Bring the manifest up to date: photos it does not know, or knows with other bytes, and groups of copies.

    Returns how many photos were new.
    """
    groups = _group_names(state, found.together)
    records, adopted = [], 0
    for photo in found.photos:
        known = state.files.get(photo.file)
        if not photo.facts:
            continue
        seen: JsonObject = {"sha256": photo.facts.sha256, "width": photo.facts.width, "height": photo.facts.height}
        if known and known.status == "ok" and known.sha256 == photo.facts.sha256:
            record = known
        elif known and known.status == "ok" and not known.sha256:  # only decided about so far: the decision stands
            record = replace(known, **seen, provider=known.provider or "by-hand")
            adopted += 1
        else:
            known = ImageRecord(photo.label, "ok", photo.file, provider="by-hand")
            record = replace(known, **seen, by=by)
            adopted += 1
        record = replace(record, group=groups.get(photo.file, record.group))
        if record != known:
            records.append(replace(record, at="", moved_from=""))
            state.files[photo.file] = records[-1]
    manifest.append(records)
    return adopted


def _group_names(state: State, groups: list[list[Seen]]) -> dict[str, str]:
    """A name for each group by file: the one it had before, or the start of its first photo's sha256."""
    names = {}
    for group in groups:
        before = [state.files[photo.file].group for photo in group if photo.file in state.files]
        first = group[0].facts
        name = next(filter(None, before), first.sha256[:16] if first else group[0].file)
        names.update({photo.file: name for photo in group})
    return names
