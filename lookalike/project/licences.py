"""What a photo's licence asks for, from the many ways its name is written: by the whole of it, not a word in it."""

from __future__ import annotations

import re

_SHORT = (
    (re.compile(r"creative commons"), "cc"),
    (re.compile(r"attribution"), "by"),
    (re.compile(r"non[ -]?commercial"), "nc"),
    (re.compile(r"share[ -]?alike"), "sa"),
    (re.compile(r"no[ -]?deriv(?:ative)?s?(?: works)?"), "nd"),
    (re.compile(r"\b(?:international|unported|generic|universal|licen[cs]e|\(|\))"), " "),
)
_PUBLIC = re.compile(
    r"cc[ -]?(?:0|zero)(?: 1\.0)?|(?:cc[ -])?pdm?(?: 1\.0|-[a-z0-9-]+)?|public domain(?: mark| dedication)?(?: 1\.0)?"
    r"|no (?:known )?(?:copyright )?restrictions"
)
_COMMONS = re.compile(r"(?:cc[ -])?by((?:[ -](?:nc|sa|nd))*)(?:[ -]\d(?:\.\d)?(?:[,-]\d\.\d)*(?:[ -][a-z]{2,4})?)?")
_FREE = re.compile(
    r"(?:gnu )?(?:gfdl|free documentation)(?: \d(?:\.\d)?)?(?: or later)?|fal|free art|mit|bsd(?:[ -]\d-clause)?"
    r"|apache(?:[ -]2(?:\.0)?)?|ogl(?: v?\d(?:\.\d)?)?|open government(?: v?\d(?:\.\d)?)?|copyrighted free use"
)
"""Other licences that let anybody hand a photo on."""

_DEED = re.compile(r"//(?:www\.)?creativecommons\.org/(?:licenses/by|publicdomain/)", re.IGNORECASE)


def conditions(license: str) -> frozenset[str] | None:
    """What a Creative Commons licence asks for, of by, nc, sa and nd; nothing in the public domain; None of any other
    licence, and where there is none."""
    name = _short(license)
    if _PUBLIC.fullmatch(name):
        return frozenset()
    found = _COMMONS.fullmatch(name)
    return frozenset(["by", *re.findall("nc|sa|nd", found[1])]) if found else None


def may_be_shared(license: str, url: str = "") -> bool:
    """Whether a licence lets anybody hand the photo on as it is; `url` is the address of its text, which tells where
    the name doesn't. What is not known to allow it doesn't."""
    if not license:
        return bool(_DEED.search(url))
    return conditions(license) is not None or bool(_FREE.fullmatch(_short(license)))


def _short(license: str) -> str:
    """The name of a licence as its short form writes it."""
    name = license.casefold()
    for long, short in _SHORT:
        name = long.sub(short, name)
    return " ".join(name.split())
