"""What can be wrong with one photo, by its measured facts, and what becomes of it.

A check looks over the set and yields a Finding for each photo that it has something to say about; the tables of
plug-ins (plugins.py) name them all, in the order in which they look. Most need only the facts of one photo: `of_each`
makes a check of a function that says in a few words what is wrong, or nothing. Faults that stop decoding (`unreadable`,
`truncated`, `not-an-image`, `too-large`, `too-slow`, …) get their reason in photos/images.py and photos/decode.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from statistics import median

from lookalike import plugins
from lookalike.clean.photoset import PhotoSet
from lookalike.clean.result import Finding
from lookalike.errors import PASSING, ConfigError
from lookalike.photos.images import PLAIN
from lookalike.photos.measure import Facts
from lookalike.settings.fields import CleanSettings

Check = Callable[[PhotoSet], Iterable[Finding]]

DARK, BRIGHT = 40.0, 247.0
LIGHT, DIM = 80, 200  # what is this light in the dark is something to see, and so is what is this dim on white
FLAT_SHARE, FLAT_COLOURS, FLAT_GREYS = 0.6, 12, 8
# What has few colours may be a photo: fog, a star, an egg on a plate. On a drawn picture something covers a part of the
# ground, and hardly any of it changes softly: of "no image" cards, down to a JPEG quality of 60, 0.0 to 0.4; of such
# photos 0.5 and more. Words of a fifteenth of a card's width cover 0.013 of it and more; a scratch, stars, a signature
# or a ship at sea less than 0.01.
_SHOWN, _SHADED = 0.012, 0.4

_REPEATED, _RARE, _FLAT_SET = 3, 0.05, 0.25
_GONE = ("missing", "stopped")
_ALWAYS = ("unreadable", "two-labels", "suspect")  # suspects only as many as somebody named
_COPIES = ("duplicate", "near-copy")
_NEVER = ("alike",)


def of_each(look: Callable[[Facts, CleanSettings], str]) -> Check:
    """A check that looks at one photo after the other; the reason is the function's name."""
    reason = look.__name__.replace("_", "-")

    @wraps(look)
    def check(photos: PhotoSet) -> Iterator[Finding]:
        for photo in photos.good:
            if photo.facts and (detail := look(photo.facts, photos.settings.clean)):
                yield Finding(photo.file, photo.label, reason, detail)

    return check


def unreadable(photos: PhotoSet) -> Iterator[Finding]:
    """What cannot be decoded, each with its own reason."""
    for photo in photos.photos:
        if not photo.facts and photo.reason not in _GONE:
            yield Finding(photo.file, photo.label, photo.reason, photo.detail)


@of_each
def damaged(facts: Facts, settings: CleanSettings) -> str:
    """The JPEG library could go on only by guessing."""
    return facts.warning


@of_each
def too_small(facts: Facts, settings: CleanSettings) -> str:
    """The shorter side has too few pixels."""
    return f"{facts.width}x{facts.height} pixels" if min(facts.width, facts.height) < settings.min_size else ""


@of_each
def extreme_shape(facts: Facts, settings: CleanSettings) -> str:
    """A banner or a strip: most of it would be cut off."""
    ratio = max(facts.width, facts.height) / max(1, min(facts.width, facts.height))
    return f"{facts.width}x{facts.height} pixels" if ratio > settings.max_ratio else ""


@of_each
def one_colour(facts: Facts, settings: CleanSettings) -> str:
    """Nothing to see."""
    return "the whole picture has one colour" if facts.contrast <= PLAIN else ""


@of_each
def too_dark(facts: Facts, settings: CleanSettings) -> str:
    """Even the brightest parts are nearly black."""
    return f"brightest parts {facts.high:.0f} of 255" if facts.high < DARK and facts.lightest < LIGHT else ""


@of_each
def too_bright(facts: Facts, settings: CleanSettings) -> str:
    """Even the darkest parts are nearly white."""
    return f"darkest parts {facts.low:.0f} of 255" if facts.low > BRIGHT and facts.darkest > DIM else ""


@of_each
def blurred(facts: Facts, settings: CleanSettings) -> str:
    """No edge is sharp even at 256 pixels, although there is something to see."""
    return f"sharpness {facts.detail:.1f}" if facts.detail < settings.min_sharpness else ""


@of_each
def animated(facts: Facts, settings: CleanSettings) -> str:
    """Only its first frame is used."""
    return f"{facts.format} with several frames" if facts.animated else ""


def placeholder(photos: PhotoSet) -> Iterator[Finding]:
    """Flat graphics such as "image not available": the same bytes again and again, or a stray one among photos.

    Only where the other photos are no flat pictures themselves: among icons, scans on black or goods on white, that
    says nothing.
    """
    shares = [photo.facts.flat for photo in photos.photos if photo.facts]
    if not shares or median(shares) > _FLAT_SET:
        return
    drawn = [(photo, photo.facts.sha256) for photo in photos.photos if photo.facts and looks_drawn(photo.facts)]
    times = Counter(sha256 for _, sha256 in drawn)
    stray = len(drawn) <= _RARE * len(photos.photos)
    for photo, sha256 in drawn:
        if times[sha256] >= _REPEATED:
            yield Finding(photo.file, photo.label, "placeholder", f"the same graphic {times[sha256]} times")
        elif stray:
            yield Finding(photo.file, photo.label, "placeholder", "a flat graphic among photos")


def require_known(settings: CleanSettings) -> None:
    """Raise ConfigError when `aside` names a fault that no check looks for."""
    known = sorted([*plugins.names("check"), "decoder-died", "too-slow"])
    wrong = [name for name in settings.aside if name not in known]
    if wrong:
        hints = [f"{name!r}: {plugins.nearest(name, known)}" for name in wrong]
        if len(wrong) == 1:
            hints = [plugins.nearest(wrong[0], known)]
        raise ConfigError(f"no check finds {' or '.join(map(repr, wrong))} (--aside)", "; ".join(hints))


def moves(reason: str, settings: CleanSettings) -> bool:
    """Whether a fault sets a photo aside. What cannot be decoded goes, unless that may be different tomorrow, and so
    do copies, unless these are wanted; the settings choose the rest."""
    if reason in settings.aside or reason in _ALWAYS:
        return True
    if reason in _COPIES:
        return not settings.keep_copies
    return reason not in plugins.names("check") and reason not in PASSING and reason not in _NEVER


def looks_drawn(facts: Facts) -> bool:
    """Few colours, one of them nearly everywhere, and drawn shapes. Grey photos have few of them, too, so they need
    have fewer still."""
    few = facts.colours <= (FLAT_GREYS if facts.grey else FLAT_COLOURS)
    return few and facts.flat >= FLAT_SHARE and facts.shown >= _SHOWN and facts.shaded <= _SHADED
