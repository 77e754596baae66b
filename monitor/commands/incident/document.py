"""What an incident report says, as frozen values: words, tables and charts in order; no HTML and no SVG."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Numbers = tuple[float, ...]
Gapped = tuple[float | None, ...]  # None where nothing was measured, infinity for what failed: drawn at the top


class Look(StrEnum):
    """How something is drawn: what the report is about, or what it is compared with. Told apart in grey as well."""

    MAIN = "main"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Line:
    """Points joined; a gap where y is None. steps: x are edges, one more than y, and each y is level between two."""

    look: Look
    x: Numbers
    y: Gapped
    steps: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """A range around a line; infinity reaches to the top. steps: as of a Line."""

    look: Look
    x: Numbers
    low: Gapped
    high: Gapped
    steps: bool = False


@dataclass(frozen=True, slots=True)
class Bars:
    """One bar from each x to the next one of `edges`; so one value fewer than edges."""

    look: Look
    edges: Numbers
    y: Gapped


@dataclass(frozen=True, slots=True)
class Dots:
    """Single samples; one that failed is a cross at the top."""

    look: Look
    x: Numbers
    y: Numbers


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity. unit: `none` where only low and high count, which get no labels. logarithmic: for latencies."""

    title: str
    unit: Literal["s", "share", "count", "none"]
    marks: tuple[Line | Band | Bars | Dots, ...]
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Shade:
    """A stretch of the axis with its label: a publish window, or a block."""

    start: float
    end: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels over one axis. ticks: place and label. cuts: thin upright lines, such as batches."""

    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]
    axis: str
    panels: tuple[Panel, ...]
    shades: tuple[Shade, ...] = ()
    cuts: Numbers = ()


@dataclass(frozen=True, slots=True)
class Text:
    """One paragraph. strong: it carries the section."""

    text: str
    strong: bool = False
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list under a few words. sign: whether they speak for the suspicion, or against it."""

    title: str
    items: tuple[str, ...]
    sign: Literal["", "for", "against"] = ""
    kind: Literal["bullets"] = "bullets"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text, at least one. numbers, whole: places of columns set to the right, and of those never broken."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()
    whole: tuple[int, ...] = ()
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with what it shows in words: the text alternative. key: what each look means."""

    title: str
    text: str
    chart: Chart
    key: tuple[tuple[Look, str], ...] = ()
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be copied, such as a command, or the first lines of a file."""

    title: str
    text: str
    kind: Literal["code"] = "code"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A CSV file inside the report, compressed where it is large. media: its type. preview: its first lines."""

    name: str
    media: Literal["text/csv", "application/gzip"]
    content: bytes
    rows: int
    preview: str
    kind: Literal["attachment"] = "attachment"


Block = Text | Bullets | Table | Figure | Code | Attachment


@dataclass(frozen=True, slots=True)
class Section:
    """One headed part of the report. anchor: its name inside the page."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report.

    word: the verdict word, such as `not_associated`. headline: the same for people. tone: how it is coloured, which
    never says more than the headline. facts: name and value of each line under the title.
    """

    title: str
    simulated: bool
    facts: tuple[tuple[str, str], ...]
    question: str
    word: str
    headline: str
    tone: Literal["blamed", "acquitted", "open"]
    sentence: str
    confidence: tuple[str, ...]
    not_said: tuple[str, ...]
    sections: tuple[Section, ...]
