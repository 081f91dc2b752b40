"""Networks that come as one file each: where such a file may already be, and how it is fetched once when it is not.

A file is known by its sha256, so it does not matter who gives it: the folder that the setting `network.weights` names,
this user's cache, any installed package that carries the very bytes, or one of the published addresses.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from lookalike.errors import ConfigError, NetworkError, NotReadyError
from lookalike.files import sha256_file
from lookalike.report import SILENT, Reporter
from lookalike.settings.fields import NetworkSettings

SECONDS = 1800.0  # one download may take so long in all; silence is limited by network.read_timeout
ZOO = (
    "https://github.com/opencv/opencv_zoo/raw/47534e27c9851bb1128ccc0102f1145e27f23f98/models/",
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/",
    "https://huggingface.co/opencv/opencv_zoo/resolve/main/models/",
)


@dataclass(frozen=True)
class Weights:
    """A pinned file: its usual name, its size and sha256, its licence, and addresses that are asked in turn."""

    file: str
    bytes: int
    sha256: str
    licence: str
    addresses: tuple[str, ...]


WEIGHTS = {
    "yunet": Weights(
        "face_detection_yunet_2023mar.onnx", 232_589,
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4", "MIT",
        tuple(f"{zoo}face_detection_yunet/face_detection_yunet_2023mar.onnx" for zoo in ZOO),
    ),
    "sface": Weights(
        "face_recognition_sface_2021dec.onnx", 38_696_353,
        "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79", "Apache-2.0",
        tuple(f"{zoo}face_recognition_sface/face_recognition_sface_2021dec.onnx" for zoo in ZOO),
    ),
}  # fmt: skip


def get(name: str, network: NetworkSettings, *, without: str, report: Reporter = SILENT) -> Path:
    """The file of an entry of WEIGHTS, fetched if it is nowhere on this computer.

    `without` says how to go on without it. Raises ConfigError when the folder of the settings holds something else
    under its name, NetworkError when no address gives it.
    """
    wanted = WEIGHTS[name]
    if found := find(name, network.weights):
        return found
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with FileLock(cache_folder() / f".{wanted.file}.lock"):
            if found := _cached(wanted):  # another process was fetching it
                return found
            return _fetch(wanted, network, without, report)
    except OSError as error:
        reason = f"{error.filename or cache_folder()}: {error.strerror or error}"
        raise NotReadyError(f"{wanted.file} cannot be kept: {reason}", _ways(wanted, without)) from None


def find(name: str, folder: Path | None = None) -> Path | None:
    """The file of an entry of WEIGHTS where it is on this computer already. Raises ConfigError as `get` does."""
    wanted = WEIGHTS[name]
    return _given(wanted, folder) or _cached(wanted) or _packaged(wanted)


def cache_folder() -> Path:
    """Where weights are kept for all projects of this user."""
    return user_cache() / "weights"


def user_cache() -> Path:
    """Where this user's programs keep what can be fetched again."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() fails for users without one
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local")) / "lookalike" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "lookalike"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "lookalike"


def _given(wanted: Weights, folder: Path | None) -> Path | None:
    """The file in the folder of the settings."""
    if folder is None:
        return None
    if not folder.is_dir():
        raise ConfigError(f"network.weights: there is no folder {folder}", f"it should hold {wanted.file}")
    path = folder / wanted.file
    if path.is_file() and not _sound(path, wanted):
        raise ConfigError(f"{path} is not the file it is named after: its sha256 is wrong", "fetch it again")
    return path if path.is_file() else None


def _cached(wanted: Weights) -> Path | None:
    path = cache_folder() / wanted.file
    return path if _sound(path, wanted) else None


@cache
def _packaged(wanted: Weights) -> Path | None:
    """The file in an installed package that carries the very bytes, as packages' lists of files tell."""
    for package in distributions():
        for line in (package.read_text("RECORD") or "").splitlines():
            if f"/{wanted.file}," in line and line.endswith(f",{wanted.bytes}"):
                path = Path(str(package.locate_file(line.split(",")[0])))
                if _sound(path, wanted):
                    return path
    return None


def _sound(path: Path, wanted: Weights) -> bool:
    try:
        return path.stat().st_size == wanted.bytes and sha256_file(path) == wanted.sha256
    except OSError:
        return False


def _ways(wanted: Weights, without: str) -> str:
    return f"either put {wanted.addresses[0]} into {cache_folder()}, or {without}"


def _fetch(wanted: Weights, network: NetworkSettings, without: str, report: Reporter) -> Path:
    """Ask one address after the other; what one gave in part is gone on with at the next."""
    from lookalike.net.client import Client, FetchError, refused

    limits = {"max_bytes": wanted.bytes, "total_timeout": SECONDS}
    client, faults = Client(network.model_copy(update=limits)), {}
    part, target = (cache_folder() / f"{wanted.file}{suffix}" for suffix in (".part", ""))
    for address in wanted.addresses:
        host = urlsplit(address).netloc
        report.note(f"fetching {wanted.file} ({wanted.bytes / 1e6:.1f} MB, licence {wanted.licence}) from {host}")
        try:
            with report.task(f"fetching {wanted.file}", wanted.bytes) as task:
                growing = _Part(part, wanted.bytes, task.advance)
                answer = client.send("GET", address, headers=growing.headers(), into=growing.take)
            if answer.status >= 300:
                raise refused(answer)
        except FetchError as error:
            faults[host] = error.reason
            continue
        if _sound(part, wanted):
            part.replace(target)
            return target
        part.unlink(missing_ok=True)
        faults[host] = "it is another file"
    said = ", ".join(f"{host}: {reason}" for host, reason in faults.items())
    raise NetworkError(f"{wanted.file} could not be fetched ({said})", _ways(wanted, without))


class _Part:
    """What has arrived of a file, on disk: a later request asks for the rest."""

    def __init__(self, path: Path, whole: int, advance: Callable[[int], None]) -> None:
        self.path, self.whole, self.advance = path, whole, advance
        self.here = path.stat().st_size if path.is_file() else 0
        if self.here >= whole:
            self.here = 0

    def headers(self) -> dict[str, str]:
        """What to send with the request."""
        return {"Accept": "*/*"} | ({"Range": f"bytes={self.here}-"} if self.here else {})

    def take(self, status: int, headers: Mapping[str, str], pieces: Iterator[bytes]) -> None:
        """Write the pieces of an answer. Raises FetchError when there are more than the file has."""
        from lookalike.net.client import FetchError

        goes_on = status == 206 and headers.get("Content-Range", "").startswith(f"bytes {self.here}-")
        size = self.here if goes_on else 0
        with self.path.open("ab" if goes_on else "wb") as file:
            self.advance(size)
            for piece in pieces:
                size += len(piece)
                if size > self.whole:
                    raise FetchError("too-many-bytes", f"more than {self.whole:,} bytes")
                file.write(piece)
                self.advance(len(piece))
