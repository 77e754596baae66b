"""What is wrong with a configuration file, as a list to compare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from monitor.config.load import ConfigErrors, Problem, load


def check(path: Path, env: Mapping[str, str]) -> list[Problem]:
    """Every problem of a file, or where it has none, the credentials that are missing from `env`."""
    try:
        load(path, env)
    except ConfigErrors as errors:
        return errors.problems
    return []
