"""What a photo's licence allows, from the many ways its name is written."""

from __future__ import annotations

import re

PUBLIC = re.compile(r"\b(cc0|cc-zero|pdm|public domain|pd(-|$)|no restrictions)", re.IGNORECASE)
PARTS = re.compile(r"\b(by|sa|nc|nd)\b", re.IGNORECASE)


def allows(license: str, wanted: str) -> bool:
    """Whether a licence such as "CC BY-SA 4.0" allows what --license asks for; an unknown one allows only `any`.

    `cc` is any Creative Commons licence or the public domain; `commercial` excludes NC, `modify` excludes ND.
    """
    if wanted == "any":
        return True
    if PUBLIC.search(license):
        return True
    parts = {part.lower() for part in PARTS.findall(license)}
    if wanted == "public" or "by" not in parts:
        return False
    return {"commercial": "nc", "modify": "nd"}.get(wanted) not in parts
