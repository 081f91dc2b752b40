"""What can go wrong with one address: a row for each, with the path of the fault server and the reason expected."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image

from lookalike.project.kinds import reads_heic


@dataclass(frozen=True)
class Fault:
    """Row number of the list of faults, what is asked for, the reason expected ("ok": kept), and how often."""

    row: int
    path: str
    reason: str
    hits: int = 1


FAULTS = [
    Fault(1, "/status/404", "http-404"),
    Fault(1, "/status/410", "http-410"),
    Fault(1, "/status/451", "http-451"),
    Fault(2, "/hotlink/11", "http-403"),
    Fault(2, "/challenge", "blocked"),
    Fault(3, "/flaky/429/1/12?Retry-After=1", "ok", 2),
    Fault(3, "/retry-after/3600", "http-429"),
    Fault(4, "/flaky/500/2/13", "ok", 3),
    Fault(4, "/flaky/502/2/14", "ok", 3),
    Fault(4, "/flaky/503/1/15", "ok", 2),
    Fault(5, "/status/503", "http-503", 3),
    Fault(7, "/reset-body/16", "ok", 2),
    Fault(7, "/reset-body/17/99", "connection-lost", 3),
    Fault(8, "/short/18/1", "ok", 2),
    Fault(8, "/short/19/99", "truncated", 3),
    Fault(9, "/no-length/20", "truncated", 3),
    Fault(10, "/length/-5/21", "ok"),
    Fault(10, "/length/abc/22", "ok"),
    Fault(10, "/length/900/23", "truncated"),
    Fault(10, "/length/99999999999/24", "too-many-bytes"),
    Fault(11, "/bad-chunk", "bad-response", 3),
    Fault(12, "/silent", "timeout", 2),
    Fault(13, "/drip/body", "timeout", 2),
    Fault(13, "/drip/head", "timeout", 2),
    Fault(14, "/endless", "too-many-bytes"),
    Fault(15, "/bomb", "too-many-bytes"),
    Fault(16, "/encoding/gzip", "bad-encoding"),
    Fault(16, "/encoding/rot13", "ok"),
    Fault(17, "/loop", "too-many-redirects", 6),
    Fault(17, "/hops/30", "too-many-redirects"),
    Fault(17, "/hops/5/25", "ok"),
    Fault(18, "/to?url=http://127.0.0.1:1/", "blocked-address"),
    Fault(18, "/to?url=http://10.0.0.1/", "blocked-address"),
    Fault(18, "/to?url=http://169.254.169.254/latest/meta-data/", "blocked-address"),
    Fault(18, "/to?url=http://[::1]/", "blocked-address"),
    Fault(18, "/to?url=//localhost/x.jpg", "blocked-address"),
    Fault(21, "/to?url=file:///etc/passwd", "bad-url"),
    Fault(21, "/to?url=data:image/png;base64,AAAA", "bad-url"),
    Fault(23, "/to?url=http://nobody.invalid/", "dns"),
    Fault(24, "/html/html", "not-an-image"),
    Fault(24, "/html/json", "not-an-image"),
    Fault(24, "/html/svg", "not-an-image"),
    Fault(24, "/to?url=/photo/circles/26/photo_unavailable.jpg", "gone"),
    Fault(26, "/empty/200", "empty"),
    Fault(26, "/empty/204", "empty"),
    Fault(27, "/format/WEBP/27/x.jpg", "ok"),
    Fault(27, "/format/AVIF/28/x.jpg", "ok"),
    Fault(27, "/format/PNG/29/x.jpg", "ok"),
    Fault(27, "/bytes/heic", "unreadable" if reads_heic() else "unsupported"),
    Fault(27, "/bytes/bomb-png", "too-large"),
    Fault(28, "/named/30/..%2F..%2Fevil.jpg", "ok"),
    Fault(28, "/named/31/CON", "ok"),
    Fault(28, "/named/32/a:b%00c", "ok"),
    Fault(28, f"/named/33/{'n' * 300}", "ok"),
    Fault(29, "/photo/circles/34/ü ß.jpg#part", "ok"),
    Fault(29, "/photo/circles/35/%C3%BC%20x.jpg?a=b&c=%2F", "ok"),
    Fault(29, f"/photo/circles/36/{'x' * 8000}", "ok"),
    Fault(33, "/robots/37?X-Robots-Tag=noai", "opt-out"),
    Fault(33, "/robots/38?X-Robots-Tag=lookalike: noindex", "opt-out"),
    Fault(33, "/robots/39?X-Robots-Tag=otherbot: noai", "ok"),
    Fault(33, "/robots/40?X-Robots-Tag=otherbot: noindex|noimageai", "opt-out"),
    Fault(33, "/robots/41?X-Robots-Tag=max-snippet:0, noai", "opt-out"),
    Fault(33, "/robots/42?X-Robots-Tag=unavailable_after: 25 Jun 2026 15:00:00 PST, noai", "opt-out"),
    Fault(33, "/robots/43?tdm-reservation=1", "opt-out"),
    Fault(33, "/robots/44?Content-Usage=search=y, train-ai=n", "opt-out"),
    Fault(33, "/robots/45?Content-Usage=train-ai=y", "ok"),
    Fault(0, "/sized/90/300", "too-small"),
    Fault(0, "/bytes/grey", "one-colour"),
]
ELSEWHERE = {
    "http://2130706433/": (19, "blocked-address"),
    "http://0x7f000001/": (19, "blocked-address"),
    "http://0177.0.0.1/": (19, "blocked-address"),
    "http://127.1/": (19, "blocked-address"),
    "http://0/": (19, "blocked-address"),
    "http://0.0.0.0/": (19, "blocked-address"),
    "http://127.0.0.1./": (19, "blocked-address"),
    "http://[::ffff:127.0.0.1]/": (19, "blocked-address"),
    "http://[64:ff9b::7f00:1]/": (19, "blocked-address"),
    "http://[2002:7f00:1::]/": (19, "blocked-address"),
    "http://[fe80::1]/": (19, "blocked-address"),
    "http://100.64.0.1/": (19, "blocked-address"),
    "http://192.0.2.1/": (19, "blocked-address"),
    "http://224.0.0.1/": (19, "blocked-address"),
    "http://localhost/": (19, "blocked-address"),
    "http://example.org:22/": (19, "blocked-address"),
    "http://user:s3cret@example.org/": (21, "bad-url"),
    "http://t0ken@example.net/": (21, "bad-url"),
    "file:///etc/passwd": (21, "bad-url"),
    "ftp://example.org/x.jpg": (21, "bad-url"),
    "data:image/png;base64,AAAA": (21, "bad-url"),
    "javascript:alert(1)": (21, "bad-url"),
    "x.jpg": (21, "bad-url"),
    "http://": (29, "bad-url"),
    "http://[::1": (29, "bad-url"),
    "http://a b.example/": (29, "bad-url"),
    "http://example.org/\tx\rHost: evil": (29, "bad-url"),
    f"http://example.org/{'x' * 20000}": (29, "bad-url"),
    "http://nobody.invalid/": (23, "dns"),
}
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def grey() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (200, 200), (90, 90, 90)).save(buffer, "PNG")
    return buffer.getvalue()
