"""Photos in object stores and on other machines: addresses that the package fsspec reads, `s3://…`, `gs://…`, `sftp://…`.

Keys are found where the store's own tools find them: in the environment, or in their files. An address with a password
in it is refused, as it would be told with the photo's answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

from lookalike.errors import ConfigError, MissingExtraError, NetworkError, UnusablePhoto
from lookalike.text import without_secrets

PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs",
    "oci": "ocifs", "oss": "ossfs", "hdfs": "pyarrow", "hf": "huggingface_hub", "sftp": "paramiko", "ssh": "paramiko",
    "smb": "smbprotocol", "file": "fsspec", "local": "fsspec", "memory": "fsspec",
}  # fmt: skip
"""What reads each kind of address. Kinds that wrap others or go where a web address may not are not among them."""

_MAGIC = "*?["


def is_store(text: str) -> bool:
    """Whether a name is an address in a store."""
    scheme, mark, _ = text.partition("://")
    return bool(mark) and scheme.lower() in PACKAGES


def read(address: str, limit: int) -> bytes:
    """The bytes at an address, at most `limit`. Raises UnusablePhoto, MissingExtraError."""
    try:
        system, path = _opened(address)
        data: bytes = _beginning(system, path, limit + 1)
    except ConfigError as error:
        raise UnusablePhoto("bad-url", error.message) from None
    except FileNotFoundError:
        raise UnusablePhoto("missing", "nothing is there") from None
    except PermissionError:
        raise UnusablePhoto("no-access", "the store refuses it") from None
    except MissingExtraError:
        raise
    except TimeoutError:
        raise UnusablePhoto("timeout") from None
    except Exception as error:  # each store has its own; what they say may hold keys
        raise UnusablePhoto("connection-lost", type(error).__name__) from None
    if not data:
        raise UnusablePhoto("empty", "the file has no bytes")
    if len(data) > limit:
        raise UnusablePhoto("too-many-bytes", f"more than {limit:,} bytes")
    return data


def _beginning(system: Any, path: str, size: int) -> bytes:
    try:
        return bytes(system.cat_file(path, start=0, end=size))  # one request; `open` would ask for the size first
    except (FileNotFoundError, PermissionError):
        raise
    except Exception:
        with suppress(Exception):
            if system.size(path) == 0:  # of nothing there is no beginning
                return b""
        raise


def addresses(argument: str) -> Iterator[str]:
    """What an address means: itself, all that fits a pattern, or all below a folder; in the order of the store.

    Raises NetworkError when the store does not answer, ConfigError, MissingExtraError.
    """
    system, path = _opened(argument)
    scheme = argument.partition("://")[0]
    try:
        if any(mark in path for mark in _MAGIC) and not system.exists(path):
            found = _fitting(system, path)
        elif argument.endswith("/") or system.isdir(path):
            found = _below(system, path)
        else:
            yield argument
            return
        for place in found:
            yield f"{scheme}://{place}"
    except (ConfigError, MissingExtraError, GeneratorExit):
        raise
    except Exception as error:  # each store has its own; what they say may hold keys
        told = f"the list of {without_secrets(argument)} cannot be read: {type(error).__name__}"
        raise NetworkError(told, "see that the address and the store's keys in the environment are right") from None


def _fitting(system: Any, pattern: str) -> Iterator[str]:
    found = system.glob(pattern, detail=True)
    return (place for place in sorted(found) if found[place]["type"] == "file" and not _is_hidden(place))


def _below(system: Any, folder: str) -> Iterator[str]:
    """Every file below a folder that is not hidden, in name order, with no more than each folder on the way held."""
    for entry in sorted(system.ls(folder, detail=True), key=lambda entry: str(entry["name"])):
        place = str(entry["name"]).rstrip("/")
        if place == folder.rstrip("/") or _is_hidden(place):
            continue  # stores keep an empty object in the name of a folder
        if entry["type"] == "directory":
            yield from _below(system, place)
        else:
            yield place


def _is_hidden(place: str) -> bool:
    return place.rpartition("/")[2].startswith(".")


def stream(address: str) -> Any:
    """A file in a store, opened for reading. Raises ConfigError, MissingExtraError, and what the store raises."""
    system, path = _opened(address)
    return system.open(path, "rb")


def _opened(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    from urllib.parse import urlsplit  # only here, and it takes a few milliseconds

    if urlsplit(address).password:
        told = "an address with a password in it is not read"
        raise ConfigError(told, "give it in the environment, as the store's own tools take it")
    kind = _kind(address.partition("://")[0].lower())
    return kind(**kind._get_kwargs_from_urls(address)), kind._strip_protocol(address)


@lru_cache
def _kind(scheme: str) -> Any:
    import fsspec

    try:
        return fsspec.get_filesystem_class(scheme)
    except ImportError:
        told = f"reading {scheme}:// needs the package {PACKAGES[scheme]}"
        raise MissingExtraError(told, f'run: pip install "{PACKAGES[scheme]}"') from None
