"""What is not moved before a person agrees: much of a label, and large groups of copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lookalike.clean.result import Finding
from lookalike.clean.scan import NO_PHOTOS, Seen
from lookalike.text import counted

SHARE = 0.1  # of a label
LARGEST = 5  # photos in a group: a larger one is more likely a crowd of look-alikes


@dataclass(frozen=True)
class Question:
    """Something to agree to, in words, and the files that it is about."""

    words: str
    files: frozenset[str]


def questions(photos: Iterable[Seen], away: Sequence[Finding], groups: Iterable[Sequence[Seen]]) -> list[Question]:
    """What to ask about before `away` is set aside: every label that would lose over a tenth of its photos (one photo
    is always all right), and every group of more than five of which some would go.

    Nothing is lost with what is no photo at all or has the very bytes of one that stays; suspects go only when somebody
    named their number.
    """
    going = [finding for finding in away if finding.reason not in (*NO_PHOTOS, "duplicate", "suspect")]
    total = Counter(photo.label for photo in photos if photo.reason not in NO_PHOTOS)
    lost = Counter(finding.label for finding in going)
    found = []
    for label, count in sorted(lost.items()):
        if count > max(1, SHARE * total[label]):
            files = frozenset(finding.file for finding in going if finding.label == label)
            found.append(Question(f"{count} of {total[label]} photos of {label!r} would be set aside", files))
    gone = {finding.file for finding in going}
    for group in groups:
        some = gone.intersection(photo.file for photo in group)
        if len(group) > LARGEST and some:
            found.append(
                Question(f"{counted(len(group), 'photo')} look like copies of {group[0].file}", frozenset(some))
            )
    return found
