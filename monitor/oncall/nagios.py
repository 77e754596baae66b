"""The language of Nagios plugins: states, threshold ranges, performance data, one status line and its long text; pure.

As the Monitoring Plugins development guidelines have it; Icinga, Centreon, Checkmk and Naemon read the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
_RANGE = re.compile(rf"(@?)(?:(~|{_NUMBER})?:)?({_NUMBER})?")
_SYMBOLS = re.compile(r"[\x00-\x1f\x7f|]+")  # what would end a line, or begin performance data
_PLAIN_LABEL = re.compile(r"[^\s='|]+")
UNITS = ("", "s", "%", "c", "B")


class State(IntEnum):
    """The exit statuses of a plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


# Of several checks or sites the worst counts: what is known to be broken goes before what is not known.
SEVERITY = (State.OK, State.UNKNOWN, State.WARNING, State.CRITICAL)


def worst(states: Iterable[State]) -> State:
    """CRITICAL before WARNING before UNKNOWN before OK; UNKNOWN for none at all."""
    return max(states, key=SEVERITY.index, default=State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Range:
    """Values that are well: from low to high, both included. inverted: those that are not."""

    low: float = 0.0
    high: float = math.inf
    inverted: bool = False

    def alerts(self, value: float) -> bool:
        """True for a value that is not well."""
        return (self.low <= value <= self.high) is self.inverted

    def __str__(self) -> str:
        """As people and Nagios write it: `5`, `10:`, `~:5`, `@1:3`."""
        low = "~" if math.isinf(self.low) else number(self.low)
        high = "" if math.isinf(self.high) else number(self.high)
        plain = high if self.low == 0.0 and high else f"{low}:{high}"
        return f"{'@' if self.inverted else ''}{plain}"


def read_range(text: str) -> Range:
    """The range that a text such as `5`, `10:`, `~:5` or `@1:3` means. Raises ValueError."""
    match = _RANGE.fullmatch(text)
    if match is None or not any(character.isdigit() for character in text):
        raise ValueError(f"{text!r} is no range: 5, 10:, ~:5, 2:8 and @2:8 are")
    inverted, low, high = match.groups()
    begin = -math.inf if low == "~" else float(low or 0)
    end = math.inf if high is None else float(high)
    if begin > end:
        raise ValueError(f"{text!r} is no range: it ends before it begins")
    return Range(begin, end, inverted == "@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Perf:
    """One figure for a graph. value None: not to be had this time. unit: one of UNITS."""

    label: str
    value: float | None
    unit: str = ""
    warning: Range | None = None
    critical: Range | None = None
    minimum: float | None = 0.0
    maximum: float | None = None

    def __str__(self) -> str:
        """`label=value[unit];warning;critical;minimum;maximum`, empty fields at the end left out."""
        value = "U" if self.value is None or not math.isfinite(self.value) else number(self.value) + self.unit
        bounds = [
            "" if self.warning is None else str(self.warning),
            "" if self.critical is None else str(self.critical),
            *("" if edge is None else number(edge) for edge in (self.minimum, self.maximum)),
        ]
        label = self.label if _PLAIN_LABEL.fullmatch(self.label) else _quoted(self.label)
        return ";".join([f"{label}={value}", *bounds]).rstrip(";")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a check has to say. name: its name as a person types it. summary: half a line. notes: a line each."""

    name: str
    state: State
    summary: str
    notes: tuple[str, ...] = ()
    perf: tuple[Perf, ...] = ()


def render(status: Status) -> str:
    """The plugin's whole output: the status line with its performance data, then the long text."""
    line = f"{one_line(status.name.upper())} {status.state.name} - {one_line(status.summary)}"
    if status.perf:
        line += " | " + " ".join(str(perf) for perf in status.perf)
    return "\n".join([line, *(one_line(note) for note in status.notes)])


def one_line(text: str) -> str:
    """Text without anything that would end the line or begin performance data."""
    return " ".join(_SYMBOLS.sub(" ", text).split())


def number(value: float) -> str:
    """Without an exponent, at most six places, no needless zeros: `0.25`, `15`, `-3`."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _quoted(label: str) -> str:
    cleaned = one_line(label).replace("=", "_").replace("'", "''")
    return f"'{cleaned}'"
