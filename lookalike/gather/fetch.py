"""One address to the verified bytes of a photo, or a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from lookalike.errors import UnusablePhoto
from lookalike.gather.looks import Looks
from lookalike.gather.optout import reserved
from lookalike.http import Client, FetchError

MISSING_PAGES = (
    "photo_unavailable", "image_unavailable", "image-not-found", "noimage", "no-image", "no_image", "placeholder",
    "removed", "/login", "/signin",
)  # fmt: skip


@dataclass(frozen=True)
class Photo:
    """The bytes of a photo that was decoded completely, and the address that gave them in the end."""

    content: bytes
    looks: Looks
    final_url: str = ""


Look = Callable[[bytes], Looks]


def from_web(client: Client, url: str, *, min_size: int, honour_opt_out: bool, look: Look) -> Photo:
    """Fetch and check a photo. Raises FetchError for what the network did, UnusablePhoto for what came."""

    def willing(headers: Mapping[str, str]) -> None:
        if honour_opt_out and (words := reserved(headers)):
            raise FetchError("opt-out", words)
        kind = headers.get("Content-Type", "").lower()
        if kind.startswith(("video/", "audio/")):
            raise FetchError("not-an-image", kind)

    body = client.get(url, willing=willing)
    if body.url != url and _is_a_miss(body.url):
        raise FetchError("gone", "redirected to a page that stands for missing photos")
    try:
        looks = look(body.content)
    except UnusablePhoto as error:
        if error.reason == "truncated" and not body.whole:
            raise FetchError("truncated", "the connection ended early") from None
        raise
    if min(looks.width, looks.height) < min_size:
        raise UnusablePhoto("too-small", f"{looks.width}x{looks.height}")
    if looks.plain:
        raise UnusablePhoto("one-colour", f"{looks.width}x{looks.height}")
    return Photo(body.content, looks, body.url)


def _is_a_miss(url: str) -> bool:
    parts = urlsplit(url.lower())
    return parts.path in ("", "/") or any(word in parts.path for word in MISSING_PAGES)
