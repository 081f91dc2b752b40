"""Which addresses may be reached, decided at the moment of connecting.

An address book, a redirect or a name server can point anywhere: at this machine, a router, a cloud's metadata
service. Only public addresses on the usual ports pass, unless the user has listed the host. Every address a name
resolves to must pass, and the connection goes to one of exactly those. Through an HTTP proxy the proxy looks up the
name, so there only our own look-up can be judged.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests.utils
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.poolmanager import ProxyManager
from urllib3.util.ssl_ import create_urllib3_context

from lookalike.net.pairing import Plain, Secure, pools
from lookalike.text import host_of

PORTS = (80, 443)
MAX_URL = 16_000
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NOWHERE = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.88.99.0/24",
            "::/96",
            "::ffff:0:0:0/96",
            "64:ff9b:1::/48",
            "100::/64",
            "3fff::/20",
            "5f00::/16",
            "fec0::/10",
        ),
    )
)
"""What is_global takes for the open internet, in some versions of Python, though it leads there on no network: IPv4
addresses wrapped in ways long given up, translation inside one site, discarded and documentary prefixes, site-local."""

Address = tuple[int, Any]  # the family and the socket address of one place to connect to


class BadAddressError(ValueError):
    """An address that is malformed or may not be reached; `reason` is a stable word."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class AddressGuard:
    """The rule for one client: public addresses, and what the user listed as host or host:port."""

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self.allow = {_plain(host_of(entry)) for entry in allow}

    def lists(self, host: str, port: int) -> bool:
        """Whether the user has listed this host by name."""
        host = _plain(host)
        return host in self.allow or f"{host}:{port}" in self.allow

    def lists_url(self, url: str) -> bool:
        """Whether the user has listed the host of this address."""
        try:
            parts = split(url)
        except BadAddressError:
            return False
        return self.lists(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))

    def check(self, url: str) -> dict[str, str]:
        """Refuse what can be refused without a look-up. Returns the proxies to use. Raises BadAddressError."""
        parts = split(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        if port not in PORTS and not self.lists(host, port):
            raise BadAddressError("blocked-address", f"port {port}")
        proxies = requests.utils.get_environ_proxies(url, no_proxy=None)
        if proxies.get(parts.scheme) or proxies.get("all"):
            with suppress(socket.gaierror, TimeoutError):  # behind some proxies only the proxy knows names
                self.resolve(host, port, 5)
        return dict(proxies)

    def resolve(self, host: str, port: int, seconds: float) -> list[Address]:
        """Every address of a host, all of them allowed. Raises BadAddressError, TimeoutError or socket.gaierror."""
        found = look_up(host, port, seconds)
        if not self.lists(host, port):
            for _, address in found:
                if not is_public(address[0]):
                    raise BadAddressError("blocked-address", f"{host} is the private address {address[0]}")
        return found


def split(url: str) -> SplitResult:
    """The parts of an http or https address. Raises BadAddressError for anything else."""
    if len(url) > MAX_URL or any(ord(letter) < 32 or letter == "\x7f" for letter in url):
        raise BadAddressError("bad-url", "too long, or with control characters")
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed on access: may raise
    except ValueError as error:
        raise BadAddressError("bad-url", str(error)) from None
    if parts.scheme not in ("http", "https"):
        raise BadAddressError("bad-url", f"not http or https but {parts.scheme[:20] or 'nothing'}")
    if parts.username is not None or parts.password is not None:
        raise BadAddressError("bad-url", "a name or password in the address")
    if not parts.hostname:
        raise BadAddressError("bad-url", "no host")
    return parts


def look_up(host: str, port: int, seconds: float) -> list[Address]:
    """Ask the system for a host's addresses, in a thread of its own: the system's look-up has no time limit."""
    answer: list[Any] = []

    def resolve() -> None:
        try:
            answer.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.append(socket.gaierror(str(error)))

    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(seconds)
    if not answer:
        raise TimeoutError("the name server does not answer")
    if isinstance(answer[0], Exception):
        raise answer[0]
    return [(family, address) for family, _, _, _, address in answer[0]]


def is_public(text: str) -> bool:
    """Whether an address belongs to the open internet, also when one kind is wrapped in another."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(str(address.ipv4_mapped))
        last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        isatap = int(address) >> 32 & 0xFCFFFFFF == 0x5EFE
        inner = [address.sixtofour, *(address.teredo or ()), last if isatap or address in NAT64 else None]
        if any(item is not None and not is_public(str(item)) for item in inner):
            return False
    if any(address in network for network in NOWHERE):
        return False
    return address.is_global and not address.is_multicast


def _plain(host: str) -> str:
    return host.strip().lower().rstrip(".").replace("[", "").replace("]", "")


# Time: what this thread's request may still use.


class _Limits(threading.local):
    until = float("inf")
    silence: float | None = None

    def left(self) -> float:
        seconds = min(self.until - time.monotonic(), self.silence or float("inf"))
        if seconds <= 0:
            raise TimeoutError("the time for this request is used up")
        return seconds


_limits = _Limits()


@contextmanager
def deadline(total: float, silence: float) -> Iterator[None]:
    """Everything this thread reads from guarded connections in the block ends within `total` seconds."""
    _limits.until, _limits.silence = time.monotonic() + total, silence
    try:
        yield
    finally:
        _limits.until, _limits.silence = float("inf"), None


class _Socket(socket.socket):
    """Waits for bytes only as long as the thread's deadline allows, headers and body alike."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(min(_limits.left(), 3600))
        return super().recv_into(*args, **kwargs)


class _SecureSocket(ssl.SSLSocket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(min(_limits.left(), 3600))
        return super().recv_into(*args, **kwargs)


def connect(guard: AddressGuard, host: str, port: int, seconds: float) -> socket.socket:
    """A connection to one of the allowed addresses of a host. Raises BadAddressError or OSError."""
    addresses = guard.resolve(host, port, min(seconds, _limits.left()))
    fault: OSError = ConnectionRefusedError("no address")
    for family, address in addresses:
        sock = _Socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(min(seconds, _limits.left()))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            fault = error
    raise fault


class GuardedAdapter(HTTPAdapter):
    """Makes requests connect through `connect`. One TLS context, read once, serves all threads."""

    def __init__(self, guard: AddressGuard, connect_timeout: float) -> None:
        self.pools = _pool_classes(guard, connect_timeout)
        self.context = create_urllib3_context()
        self.context.sslsocket_class = _SecureSocket
        self.context.load_verify_locations(**_authorities())
        super().__init__(pool_connections=64, pool_maxsize=64, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Called by requests when the adapter is made."""
        super().init_poolmanager(*args, ssl_context=self.context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self.pools

    def proxy_manager_for(self, proxy: str, **kwargs: object) -> object:
        """Called by requests for an address that goes through a proxy."""
        manager = super().proxy_manager_for(proxy, ssl_context=self.context, **kwargs)
        if isinstance(manager, ProxyManager):  # one for SOCKS makes connections of its own
            manager.pool_classes_by_scheme = pools()
        return manager

    def cert_verify(self, conn: Any, url: str, verify: object, cert: object) -> None:
        """Certificates are always verified, against what the shared context has loaded already."""
        conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = "CERT_REQUIRED", None, None


def _authorities() -> dict[str, str]:
    """Where trusted certificates are: the environment's bundle, as other programs take it, else requests' own."""
    import os
    from pathlib import Path

    bundle = (
        os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or requests.utils.DEFAULT_CA_BUNDLE_PATH
    )
    return {"capath": bundle} if Path(bundle).is_dir() else {"cafile": bundle}


def _pool_classes(guard: AddressGuard, seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    class GuardedPlain(Plain):
        def _new_conn(self) -> socket.socket:
            return connect(guard, self.host, self.port, seconds)

    class GuardedSecure(Secure):
        def _new_conn(self) -> socket.socket:
            return connect(guard, self.host, self.port or 443, seconds)

    return pools(GuardedPlain, GuardedSecure)
