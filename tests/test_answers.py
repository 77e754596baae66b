"""docs/answers.md: every command line in it is one that the product understands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from monitor.cli import app

PROGRAM = "softphone-monitor"
TEXT = (Path(__file__).parents[1] / "docs" / "answers.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
INLINE = re.findall(rf"`({PROGRAM} [^`]+)`", TEXT)
LINES = [line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()]


def test_a_block_holds_commands_alone() -> None:
    assert len(LINES) > 10
    assert [line for line in LINES if not line.startswith(f"{PROGRAM} ")] == []


@pytest.mark.parametrize("line", dict.fromkeys([*LINES, *INLINE]))
def test_a_command_and_its_options_exist(line: str) -> None:
    name, *words = shlex.split(line)
    command = typer.main.get_command(app)
    while commands := getattr(command, "commands", None):
        name, *words = words
        assert name in commands
        command = commands[name]
    command.make_context(name, words)  # raises on an option that is not there
