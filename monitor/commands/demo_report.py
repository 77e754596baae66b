"""The report that the demo leaves in the working folder: what was measured and found, to be looked at and handed on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from monitor.analysis.experiment.randomised import ExperimentResult
from monitor.commands.demo_text import say
from monitor.outputs.sources.journals import read_journals
from monitor.publish.load import LoadResult

REPORT: Final = Path("softphone-demo.html")


def leave_report(
    result: ExperimentResult,
    loads: Mapping[int, LoadResult],
    journal: Path,
    *,
    scenario: str,
    seed: int,
    made_s: float,
    file: Path = REPORT,
) -> Path | None:
    """Write the report and return where it is; None, with a line that says why, where it cannot be written.

    loads: what was done in each block with load, by its number. made_s: now, Unix seconds. Raises JournalError.
    """
    from monitor.commands.incident.of_experiment import document_of_experiment
    from monitor.commands.incident.page import write

    evidence = read_journals([journal])
    document = document_of_experiment(result, loads, evidence, scenario, seed, made_s)
    try:
        write(document, file)
    except OSError as error:
        say(f"No report: {file.absolute()} cannot be written: {error.strerror}.")
        return None
    return file
