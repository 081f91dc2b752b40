"""Why an address gave no photo: the stable words of the manifest and of `--json`, with what they mean."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "abandoned": "too slow: others were fetched instead",
    "bad-encoding": "the body is not in the encoding that it claims",
    "bad-label": "its label can't be the name of a folder of its own",
    "bad-name": "the manifest gives it a name outside the set",
    "bad-row": "a row of the list that names no photo",
    "bad-response": "the server does not keep to HTTP",
    "bad-url": "not an http or https address, or a malformed one",
    "blocked": "a page that wants proof of a person",
    "blocked-address": "a private address or an unusual port; see LOOKALIKE_ALLOW_HOSTS",
    "changed": "the address now gives other bytes than the manifest tells",
    "connection-lost": "the connection broke off",
    "decoder-died": "decoding it crashed the decoder twice",
    "dns": "the name of the host is not known",
    "duplicate": "the same bytes are there already",
    "empty": "an answer without content",
    "gone": "redirected to a page that stands for missing photos",
    "host-down": "the host failed five times in a row and was left alone",
    "no-access": "the file is there and cannot be read",
    "not-an-image": "a web page or another file, not a photo",
    "odd-item": "an item of a search answer that makes no sense",
    "one-colour": "nothing on it but one colour",
    "opt-out": "its site reserves it from learning programs; see --no-opt-out",
    "placeholder": "one site gives the same picture for several addresses",
    "rate-limited": "the host asked for a long pause",
    "refused": "the host takes no connections",
    "robots": "robots.txt of the site forbids it",
    "timeout": "no complete answer in time",
    "tls": "no connection that can be trusted; often an expired certificate",
    "too-large": "more pixels than a photo has",
    "too-many-bytes": "more bytes than LOOKALIKE_NETWORK_MAX_BYTES",
    "too-many-redirects": "redirected again and again",
    "robots-unknown": "robots.txt of the site could not be read, so nothing was taken",
    "stopped": "the run ended before it was decoded",
    "too-slow": "decoding it took too long twice",
    "too-small": "smaller than --min-size",
    "truncated": "the photo ends too early",
    "two-labels": "the same photo was found under two names",
    "unsupported": 'a kind of photo that is not read; for HEIC: pip install "lookalike[heic]"',
    "unreadable": "damaged: it cannot be decoded completely",
}


def meaning(reason: str) -> str:
    """A reason in words; `http-NNN` is the status that the server answered with."""
    if reason.startswith("http-"):
        return f"the server answered with status {reason.removeprefix('http-')}"
    return REASONS.get(reason, "")
