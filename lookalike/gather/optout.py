"""What a site says about the use of its photos by programs that learn, in the headers of the answer.

Three ways are in use: `X-Robots-Tag` with noai, noimageai, noindex or noimageindex; `tdm-reservation: 1` (text and
data mining reserved); `Content-Usage` with a label for training set to n (draft-ietf-aipref-attach).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

OUR_NAMES = ("*", "lookalike")
REFUSING = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
DIRECTIVES = REFUSING | {
    "all", "nofollow", "noarchive", "nocache", "nosnippet", "indexifembedded", "notranslate", "max-snippet",
    "max-image-preview", "max-video-preview", "unavailable_after", "nositelinkssearchbox", "noodp", "noydir",
}  # fmt: skip
TRAINING = re.compile(r"(?:^|[\s,])(?:train-ai|train-genai|ai-train|ai|genai|tdm)\s*=\s*n\b", re.IGNORECASE)


def reserved(headers: Mapping[str, str]) -> str:
    """The words by which an answer reserves its content, or nothing. Lines of a repeated header end with \\n."""
    for line in headers.get("X-Robots-Tag", "").splitlines():
        if word := _robots(line):
            return f"X-Robots-Tag: {word}"
    if headers.get("tdm-reservation", "").strip() == "1":
        return "tdm-reservation: 1"
    found = TRAINING.search(headers.get("Content-Usage", ""))
    return f"Content-Usage: {found.group(0).strip(' ,')}" if found else ""


def _robots(line: str) -> str:
    """The first refusing directive of one header line that is meant for every program, or for us.

    A name before a colon is a program's only when it is no directive: `max-snippet:0, noai` is meant for all.
    """
    ours = True
    for token in line.lower().split(","):
        name, colon, rest = (part.strip() for part in token.partition(":"))
        if colon and name not in DIRECTIVES and re.fullmatch(r"[a-z][a-z0-9_.*-]*|\*", name):
            ours = name in OUR_NAMES
            name = rest.partition(":")[0].strip()
        if ours and name in REFUSING:
            return name
    return ""
