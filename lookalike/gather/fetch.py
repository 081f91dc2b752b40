"""One address to the verified bytes of a photo, or a reason."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from lookalike.errors import UnusablePhoto
from lookalike.gather.optout import reserved
from lookalike.net.client import Body, Client, FetchError, First
from lookalike.photos.whole import Decoded
from lookalike.project.kinds import HEAD, refusal

STAND_INS = frozenset(
    {
        "photo_unavailable", "image_unavailable", "image-not-found", "image_not_found", "noimage", "no-image",
        "no_image", "placeholder", "removed",
    }
)  # fmt: skip
"""Names of the pictures that sites send people on to when a photo is gone."""


@dataclass(frozen=True)
class Fetched:
    """The bytes of a photo that was decoded completely, and the address that gave them in the end."""

    content: bytes
    decoded: Decoded
    final_url: str = ""


Decode = Callable[[bytes], Decoded]


def download(client: Client, url: str, *, honour_opt_out: bool) -> Body:
    """What an address gives, unless its headers rule it out. Raises FetchError."""

    def willing(headers: Mapping[str, str]) -> First:
        if honour_opt_out and (words := reserved(headers)):
            raise FetchError("opt-out", words)
        return beginning

    def beginning(content: bytes) -> None:
        if wrong := refusal(content[:HEAD]):  # no film or page is fetched to its end; what a server calls it is hearsay
            raise FetchError(*wrong)

    body = client.get(url, willing=willing)
    if body.url != url and PurePosixPath(urlsplit(body.url).path).stem.lower() in STAND_INS:
        raise FetchError("gone", "redirected to a picture that stands for missing photos")
    return body


def verify(body: Body, *, min_size: int, decode: Decode, sha256: str = "") -> Fetched:
    """The photo in a download: decoded completely, large enough, and the very bytes expected when they are known.

    Raises UnusablePhoto; FetchError where another try may help.
    """
    try:
        decoded = decode(body.content)
    except UnusablePhoto as error:
        if error.reason == "truncated" and not body.whole:
            raise FetchError("truncated", "the connection ended early") from None
        raise
    if sha256 and hashlib.sha256(body.content).hexdigest() != sha256:
        raise UnusablePhoto("changed", "the address now gives other bytes")
    if min(decoded.width, decoded.height) < min_size:
        raise UnusablePhoto("too-small", f"{decoded.width}x{decoded.height}")
    if decoded.plain and not sha256:
        raise UnusablePhoto("one-colour", f"{decoded.width}x{decoded.height}")
    return Fetched(body.content, decoded, body.url)
