"""What can be wrong with one photo: a table of named checks over its measured facts.

A check is a function of the facts and the settings that says in a few words what is wrong, or nothing. The name in
the table is the reason that stands in the manifest. Faults that stop decoding (`unreadable`, `truncated`,
`not-an-image`, `too-large`, `too-slow`, …) get their reason in photos/images.py and photos/decode.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from statistics import median

from lookalike.clean.result import Finding
from lookalike.clean.scan import Seen
from lookalike.errors import PASSING, ConfigError
from lookalike.photos.measure import Facts
from lookalike.plugins import nearest
from lookalike.settings.fields import CleanSettings

Check = Callable[[Facts, CleanSettings], str]

DARK, BRIGHT = 40.0, 247.0
FLAT_SHARE, FLAT_COLOURS, FLAT_GREYS = 0.6, 12, 8


def damaged(facts: Facts, settings: CleanSettings) -> str:
    """The JPEG library could go on only by guessing."""
    return facts.warning


def too_small(facts: Facts, settings: CleanSettings) -> str:
    """The shorter side has too few pixels."""
    return f"{facts.width}x{facts.height} pixels" if min(facts.width, facts.height) < settings.min_size else ""


def extreme_shape(facts: Facts, settings: CleanSettings) -> str:
    """A banner or a strip: most of it would be cut off."""
    ratio = max(facts.width, facts.height) / max(1, min(facts.width, facts.height))
    return f"{facts.width}x{facts.height} pixels" if ratio > settings.max_ratio else ""


def one_colour(facts: Facts, settings: CleanSettings) -> str:
    """Nothing to see."""
    return "the whole picture has one colour" if facts.high - facts.low < 6 and facts.colours <= 2 else ""


def too_dark(facts: Facts, settings: CleanSettings) -> str:
    """Even the brightest parts are nearly black."""
    return f"brightest parts {facts.high:.0f} of 255" if facts.high < DARK else ""


def too_bright(facts: Facts, settings: CleanSettings) -> str:
    """Even the darkest parts are nearly white."""
    return f"darkest parts {facts.low:.0f} of 255" if facts.low > BRIGHT else ""


def blurred(facts: Facts, settings: CleanSettings) -> str:
    """No edge is sharp even at 256 pixels, although there is something to see."""
    return f"sharpness {facts.detail:.1f}" if facts.detail < settings.min_sharpness else ""


def animated(facts: Facts, settings: CleanSettings) -> str:
    """Only its first frame is used."""
    return f"{facts.format} with several frames" if facts.animated else ""


CHECKS: dict[str, Check] = {
    "damaged": damaged,
    "too-small": too_small,
    "extreme-shape": extreme_shape,
    "one-colour": one_colour,
    "too-dark": too_dark,
    "too-bright": too_bright,
    "blurred": blurred,
    "animated": animated,
}


OF_THE_SET = ("placeholder", "no-face", "several-faces", "another-person", "unclear-face")
"""Faults that show only beside the other photos."""
_GONE = ("missing", "stopped")
_REPEATED, _RARE, _FLAT_SET = 3, 0.05, 0.25


def require_known(settings: CleanSettings) -> None:
    """Raise ConfigError when `aside` names a fault that no check looks for."""
    known = sorted([*CHECKS, *OF_THE_SET, "decoder-died", "too-slow"])
    wrong = [name for name in settings.aside if name not in known]
    if wrong:
        hints = (
            [f"{name!r}: {nearest(name, known)}" for name in wrong] if len(wrong) > 1 else [nearest(wrong[0], known)]
        )
        raise ConfigError(f"no check finds {' or '.join(map(repr, wrong))} (--aside)", "; ".join(hints))


def moves(reason: str, settings: CleanSettings) -> bool:
    """Whether a fault sets a photo aside. What cannot be decoded goes, unless that may be different tomorrow; the
    settings choose the rest."""
    return reason in settings.aside or not (reason in CHECKS or reason in OF_THE_SET or reason in PASSING)


def faults(photos: Sequence[Seen], settings: CleanSettings) -> Iterator[Finding]:
    """Everything wrong with single photos: no facts at all, the checks of the table, stand-in pictures."""
    for photo in photos:
        if photo.facts is None:
            if photo.reason not in _GONE:
                yield Finding(photo.file, photo.label, photo.reason, photo.detail)
            continue
        for reason, check in CHECKS.items():
            if detail := check(photo.facts, settings):
                yield Finding(photo.file, photo.label, reason, detail)
    yield from placeholders(photos)


def placeholders(photos: Sequence[Seen]) -> Iterator[Finding]:
    """Flat graphics such as "image not available": the same bytes again and again, or a stray one among photos.

    Only where the other photos are no flat pictures themselves: among icons, scans on black or goods on white, that
    says nothing.
    """
    shares = [photo.facts.flat for photo in photos if photo.facts]
    if not shares or median(shares) > _FLAT_SET:
        return
    drawn = [(photo, photo.facts.sha256) for photo in photos if photo.facts and looks_drawn(photo.facts)]
    times = Counter(sha256 for _, sha256 in drawn)
    stray = len(drawn) <= _RARE * len(photos)
    for photo, sha256 in drawn:
        if times[sha256] >= _REPEATED:
            yield Finding(photo.file, photo.label, "placeholder", f"the same graphic {times[sha256]} times")
        elif stray:
            yield Finding(photo.file, photo.label, "placeholder", "a flat graphic among photos")


def looks_drawn(facts: Facts) -> bool:
    """Few colours, one of them nearly everywhere. Grey photos have few of them, too, so they need have fewer still."""
    return facts.flat >= FLAT_SHARE and facts.colours <= (FLAT_GREYS if facts.grey else FLAT_COLOURS)
