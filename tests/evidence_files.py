"""Small EVENTS and WINDOWS files for tests, and what is read from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from monitor.facts.evidence import Evidence
from monitor.outputs.sources.files.problems import UnusableFiles
from monitor.outputs.sources.files.reading import FileOptions, FilesRead, read_files

WINDOWS = "start,end,job\n2026-03-03T10:00:00Z,2026-03-03T10:20:00Z,weekly\n"
EVENTS = "time\n2026-03-03T10:05:00Z\n"


def file_of(folder: Path, name: str, content: str | bytes) -> Path:
    """A file with that content."""
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def read(
    folder: Path,
    events: str | bytes = EVENTS,
    windows: str | bytes = WINDOWS,
    *,
    ending: str = "csv",
    **options: Any,
) -> FilesRead:
    """What these contents give. Raises UnusableFiles."""
    files = [file_of(folder, f"events.{ending}", events)]
    return read_files(files, [file_of(folder, "windows.csv", windows)], FileOptions(**options))


def evidence(folder: Path, events: str | bytes = EVENTS, windows: str | bytes = WINDOWS, **options: Any) -> Evidence:
    """The evidence of these contents."""
    return read(folder, events, windows, **options).evidence


def problems(folder: Path, events: str | bytes = EVENTS, windows: str | bytes = WINDOWS, **options: Any) -> list[str]:
    """Why these contents give no evidence, without the folder's name."""
    try:
        found = read(folder, events, windows, **options)
    except UnusableFiles as error:
        return [line.replace(f"{folder}/", "") for line in error.lines]
    raise AssertionError(f"these files can be used: {found}")


def told(found: Evidence) -> dict[str, Any]:
    """Everything an evidence tells, names in place of their numbers, so that two of them can be compared."""
    names = found.names

    def rows(columns: Any, codes: tuple[str, ...]) -> list[tuple[Any, ...]]:
        values = {name: getattr(columns, name).tolist() for name in columns.__dataclass_fields__}
        values |= {name: [names[code] for code in values[name]] for name in codes}
        return [
            tuple("nan" if value != value else value for value in row) for row in zip(*values.values(), strict=True)
        ]

    return {
        "series": {
            name: rows(series, ("outcome", "site", "probe", "target", "detail"))
            for name, series in found.series.items()
        },
        "drops": rows(found.drops, ("site", "agent", "layer", "reason")),
        "heads": rows(found.heads, ("site",)),
        "windows": found.windows,
        "span": found.span,
        "gaps": found.gaps,
        "suspects": found.suspects,
        "simulated": found.simulated,
    }


def json_lines(*rows: Any) -> str:
    """One JSON value a line."""
    return "".join(json.dumps(row) + "\n" for row in rows)
