"""Everything known about a set before anything is moved: faults, copies, suspects."""

from __future__ import annotations

from dataclasses import dataclass, field

from lookalike import plugins
from lookalike.clean.checks import moves
from lookalike.clean.persons import Shown
from lookalike.clean.photoset import PhotoSet
from lookalike.clean.result import SUSPECT, Finding
from lookalike.clean.scan import Seen, scan, unseen
from lookalike.clean.suspects import Suspects, Suspicion
from lookalike.photos.decode import Pool
from lookalike.photos.memory import Memory
from lookalike.project.layout import require_photos
from lookalike.project.manifest import State
from lookalike.project.paths import Project
from lookalike.project.walk import Found, walk
from lookalike.report import Reporter
from lookalike.settings.fields import Settings


@dataclass(frozen=True)
class Survey:
    """`away` is to be set aside, `notes` are only worth a look; `groups` are copies of one photo, the best first;
    `together` is what a split keeps on one side: copies, and photos of one scene.

    `passed` are files that nobody looked at, each with its reason.
    """

    photos: list[Seen]
    away: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    groups: list[list[Seen]] = field(default_factory=list)
    together: list[list[Seen]] = field(default_factory=list)
    suspects: Suspects = field(default_factory=Suspects)
    faces: dict[str, Shown] = field(default_factory=dict)
    passed: tuple[Found, ...] = ()

    @property
    def most_suspect(self) -> tuple[Suspicion, ...]:
        """Photos whose label the probe does not believe, or that are far from their label, most suspect first."""
        return tuple(item for item in self.suspects.ranked if item.score >= SUSPECT)


def survey(project: Project, state: State, settings: Settings, memory: Memory, *, report: Reporter) -> Survey:
    """Look at every photo and judge it by every check; what a person has decided to keep is not to be set aside.

    Raises NotReadyError when there are no photos.
    """
    walked = walk(project.images)
    with Pool(settings.clean.jobs, lazily=True) as pool:
        photos = scan(walked, memory, pool=pool, report=report)
        if not photos:
            require_photos(walked)
        kept = {file for file, record in state.files.items() if record.reason == "kept" and record.status == "ok"}
        whole = PhotoSet(project, settings, memory, pool, report, photos, kept)
        notes = _judged(whole)
    return Survey(
        photos,
        sorted(whole.away.values(), key=lambda finding: finding.file),
        [finding for finding in notes if finding.file not in whole.away],
        whole.copies.groups,
        whole.copies.together,
        whole.suspects or Suspects(),
        whole.faces,
        unseen(walked),
    )


def _judged(whole: PhotoSet) -> list[Finding]:
    """What every check finds that is not to be set aside; the rest goes into `away`."""
    notes = []
    for check in dict.fromkeys(plugins.find("check", name) for name in plugins.names("check")):
        for finding in list(check(whole)):
            if moves(finding.reason, whole.settings.clean) and finding.file not in whole.kept:
                whole.away.setdefault(finding.file, finding)
            else:
                notes.append(finding)
    return notes
