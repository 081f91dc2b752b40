"""`python -m lookalike` is the `lookalike` command."""

from lookalike.cli import _script

if __name__ == "__main__":
    _script()
