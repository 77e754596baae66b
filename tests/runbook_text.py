"""docs/runbook.md taken apart: sections, anchors, links, commands, PromQL, so that tests can hold it to its word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "runbook.md").read_text(encoding="utf-8")
PROGRAM = "softphone-monitor"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_INLINE = re.compile(rf"`({PROGRAM} [^`]+)`")
_LINK = re.compile(r"\]\(([^)]+)\)")


def without_code(text: str) -> str:
    """The text without its fenced blocks: a # in them is no heading."""
    return _FENCE.sub("", text)


def anchor_of(heading: str) -> str:
    """The anchor that a forge gives a heading: lower case, words joined by hyphens, other signs left out."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors_in(text: str) -> list[str]:
    """The anchor of every heading, in order."""
    return [anchor_of(heading) for heading in _HEADING.findall(without_code(text))]


def sections(text: str = TEXT) -> dict[str, str]:
    """What stands under each heading up to the next one of any level, by the heading's words."""
    found: dict[str, str] = {}
    fenced = [block.span() for block in _FENCE.finditer(text)]
    heads = [
        head
        for head in re.finditer(r"^#{1,6} (.+)$", text, re.MULTILINE)
        if not any(begin <= head.start() < end for begin, end in fenced)
    ]
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        found[head[1]] = text[head.end() : following.start() if following else len(text)]
    return found


def links(text: str = TEXT) -> list[str]:
    """Where its links lead."""
    return _LINK.findall(without_code(text))


def promql(text: str = TEXT) -> list[str]:
    """Every expression: one a line."""
    return [line for kind, block in _FENCE.findall(text) if kind == "promql" for line in block.splitlines()]


def commands(text: str = TEXT) -> list[str]:
    """Every command line, of blocks and of running text, each once, in order."""
    in_blocks = [line for kind, block in _FENCE.findall(text) if not kind for line in _typed(block)]
    in_text = [" ".join(found.split()) for found in _INLINE.findall(without_code(text))]
    return list(dict.fromkeys([*in_blocks, *in_text]))


def _typed(block: str) -> Iterator[str]:
    """The lines of a block that somebody types: all of them, or those after a prompt where the answer is shown too."""
    lines = block.splitlines()
    shown = lines[0].startswith("$ ")
    for line in lines:
        if not shown or line.startswith("$ "):
            yield line.removeprefix("$ ")
