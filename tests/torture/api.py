"""The API of `serve` against its own description: whatever that allows or forbids is sent, and each answer compared."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import requests

from tests.support import draw, models, servers

EXAMPLES = 300  # for each address


def score(folder: Path) -> tuple[str, bool]:
    """Let Schemathesis make up requests for a server that takes corrections, and for one that only answers."""
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent)) or shutil.which("schemathesis")
    if not program:
        print('  schemathesis is not installed: pip install "lookalike[torture]"')
        return "API not asked", False
    draw.folder(folder / "images", {"circles": 3, "stripes": 3})
    model = models.bundle(folder / "models" / "toy")
    failed = 0
    for flags in ((), ("--project", str(folder))):
        with servers.serving(model, *flags) as server:
            page = requests.get(server.address, timeout=10).text
            token = page.partition('lookalike-token" content="')[2].split('"')[0] or "none"
            command = [program, "run", f"{server.address}/openapi.json", "--checks", "all", "--no-color"]
            # whether bytes are a photo no schema can say: those that are none get the 422 that it describes
            command += ["--exclude-checks", "positive_data_acceptance", "--max-examples", str(EXAMPLES), "--seed", "1"]
            command += ["-H", f"x-lookalike-token: {token}"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        told = re.search(r"API Operations:.*", done.stdout, re.DOTALL)
        print("  " + (told[0] if told and not done.returncode else done.stdout + done.stderr).replace("\n", "\n  "))
        failed += done.returncode != 0
    return f"API {failed} of 2 otherwise than described", not failed
