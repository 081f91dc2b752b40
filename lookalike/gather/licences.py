"""Whether a photo's licence allows what --license asks for."""

from __future__ import annotations

from lookalike.project.licences import conditions


def allows(license: str, wanted: str) -> bool:
    """Whether a licence such as "CC BY-SA 4.0" allows what --license asks for; an unknown one allows only `any`.

    `cc` is any Creative Commons licence or the public domain; `commercial` excludes NC, `modify` excludes ND.
    """
    if wanted == "any":
        return True
    if not (found := conditions(license)):
        return found is not None
    return wanted != "public" and {"commercial": "nc", "modify": "nd"}.get(wanted) not in found
