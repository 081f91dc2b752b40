"""F: the hundred faults of tests/faults.toml, each survived when all its tests pass."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

TABLE = Path(__file__).parents[1] / "faults.toml"


class Outcomes:
    """What became of each test."""

    def __init__(self) -> None:
        self.passed: set[str] = set()
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)
        elif report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def survived(self, named: str) -> bool:
        """Whether all tests that a row means by one name have passed, and at least one has run."""

        def meant(test: str) -> bool:
            return test == named or test.startswith(named if "[" in named else f"{named}[")

        return any(map(meant, self.passed)) and not any(map(meant, self.failed))


def score(folder: Path) -> tuple[str, bool]:
    """Run the tests of the table, with many examples where they make up their own."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["fault"]
    tests = sorted({test.partition("[")[0] for row in rows for test in row["tests"]})
    more = ["tests/test_config.py", "tests/test_manifest.py", "tests/attacks/test_names.py", "tests/test_cron.py"]
    outcomes = Outcomes()
    options = ["-m", "not network", "-n", "auto", "--dist", "loadfile", "--hypothesis-profile", "torture", "-q"]
    pytest.main([*options, "--basetemp", str(folder / "tests"), *tests, *more], plugins=[outcomes])
    missed = [number for number, row in enumerate(rows, 1) if not all(map(outcomes.survived, row["tests"]))]
    for number in missed:
        print(f"  not survived: {number}, {rows[number - 1]['what']}")
    for test in sorted(outcomes.failed):
        print(f"  failed: {test}")
    return f"F {len(rows) - len(missed)} of {len(rows)}", not missed and not outcomes.failed
