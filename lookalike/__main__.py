"""`python -m lookalike` is the `lookalike` command."""

from __future__ import annotations

import sys


def script() -> None:
    """The command, or the line that installs what it can't start without."""
    try:
        from lookalike import cli
    except ImportError as error:
        from lookalike.console import Console
        from lookalike.errors import explained

        reason = explained(error)
        Console().error(reason)
        sys.exit(reason.exit_code)
    cli._script()


if __name__ == "__main__":
    script()
