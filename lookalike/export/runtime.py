"""onnxruntime for browsers: fetched once with npm, checked against pinned hashes, kept in the user's cache."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

from lookalike.errors import MissingExtraError, NetworkError, in_words
from lookalike.files import write_bytes
from lookalike.net.weights import user_cache

PACKAGE = "onnxruntime-web@1.30.0"
SHA256 = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
NOTICE = """\
onnxruntime-web 1.30.0 (ort.js, ort.wasm.gz)
Copyright (c) Microsoft Corporation. MIT License:

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
NPM_SECONDS = 300


def files() -> tuple[bytes, bytes]:
    """The runtime as JavaScript and as WebAssembly.

    Raises MissingExtraError without npm, NetworkError when npm cannot fetch it or it is not what was pinned.
    """
    folder = user_cache() / PACKAGE.replace("@", "-")
    contents = {name: (folder / name).read_bytes() for name in SHA256 if _sound(folder / name)}
    if len(contents) < len(SHA256):
        contents = _fetch(folder)
        with suppress(OSError):  # no home, or one that can't be written: it is fetched again next time
            for name, content in contents.items():
                write_bytes(folder / name, content)
    script, wasm = (contents[name] for name in SHA256)
    return script, wasm


def _sound(path: Path) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[path.name]


def _fetch(folder: Path) -> dict[str, bytes]:
    npm = shutil.which("npm")
    with tempfile.TemporaryDirectory() as temporary:
        packed = sorted(folder.glob("*.tgz"))
        if not packed:
            if not npm:
                raise MissingExtraError(
                    "the page needs onnxruntime for browsers, and npm is not installed to fetch it",
                    f"install npm, or run `npm pack {PACKAGE}` elsewhere and put the .tgz file into {folder}",
                )
            _pack(npm, Path(temporary))
            packed = sorted(Path(temporary).glob("*.tgz"))
        return _unpacked(packed[0])


def _pack(npm: str, folder: Path) -> None:
    command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", str(folder), "--cache", str(folder / "cache")]
    try:
        subprocess.run(
            command, cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=NPM_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NetworkError(
            f"npm could not fetch {PACKAGE}: {in_words(error)}", "check the network and run this again"
        ) from None


def _unpacked(tarball: Path) -> dict[str, bytes]:
    """The pinned files of the package, by name. Raises NetworkError when they are not those."""
    try:
        with tarfile.open(tarball) as archive:
            found = {name: archive.extractfile(f"package/dist/{name}") for name in SHA256}
            contents = {name: file.read() for name, file in found.items() if file}
    except (OSError, KeyError, tarfile.TarError) as error:
        raise NetworkError(f"{tarball.name} is damaged: {in_words(error)}", "run this again") from None
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != SHA256[name]:
            raise NetworkError(f"{name} of {PACKAGE} is not the file that was pinned", "it was not used")
    return contents
