"""What a photo's licence allows, from the many ways its name is written: by the whole of it, not a word in it."""

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


def allows(license: str, wanted: str) -> bool:
    """Whether a licence such as "CC BY-SA 4.0" allows what --license asks for; an unknown one allows only `any`.

    `cc` is any Creative Commons licence or the public domain; `commercial` excludes NC, `modify` excludes ND.
    """
    if wanted == "any":
        return True
    name = license.casefold()
    for long, short in _SHORT:
        name = long.sub(short, name)
    name = " ".join(name.split())
    if _PUBLIC.fullmatch(name):
        return True
    found = _COMMONS.fullmatch(name)
    if wanted == "public" or not found:
        return False
    return {"commercial": "nc", "modify": "nd"}.get(wanted) not in re.split("[ -]", found[1])
