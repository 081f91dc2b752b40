"""Search every label, fetch photos, write down each attempt, and resume.

A run asks the providers in order, takes candidates as long as a label lacks photos, fetches them with a few
connections for each site, decodes each one completely in a child process, and appends one line to the manifest for
every address tried. Whatever moment it is stopped at, the next run goes on from there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.report import SILENT, Reporter

if TYPE_CHECKING:
    from lookalike.gather.result import Gathered
    from lookalike.project.paths import Project
    from lookalike.settings.fields import Settings


def run(
    project: Project, settings: Settings, names: list[str], *, rebuild: Path | None = None, report: Reporter = SILENT
) -> Gathered:
    """Photos for each name, up to `--count`; without names, for those of earlier runs or of the source itself.

    With `rebuild`, the manifest of another data set, exactly the photos it keeps are fetched again, by their bytes.
    Raises ConfigError, NotReadyError (nowhere to write, disk full) and NetworkError (a label has too few photos);
    the latter two carry what was done.
    """
    from lookalike.gather.stage import gather  # decoding children import this package: it stays light

    return gather(project, settings, names, rebuild, report)
