"""Moments, days and figures as the report writes them; pure."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, tzinfo

from monitor.commands.verdict_text import amount
from monitor.facts.words import seconds_text

NOT_KNOWN = "-"
FAILED = "failed"  # a quantile that lies among the attempts that failed or timed out
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def local(at_s: float, zone: tzinfo) -> datetime:
    """A moment as the clocks of a zone show it."""
    return datetime.fromtimestamp(at_s, UTC).astimezone(zone)


def moment_text(at_s: float, zone: tzinfo) -> str:
    """`Tue 2026-04-07 10:00`, by the local clock."""
    moment = local(at_s, zone)
    return f"{_DAYS[moment.weekday()]} {moment:%Y-%m-%d %H:%M}"


def exact_text(at_s: float, zone: tzinfo) -> str:
    """The same with seconds and the offset from UTC."""
    return local(at_s, zone).isoformat(sep=" ", timespec="seconds")


def day_text(day: date) -> str:
    """`7 Apr`."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def length_text(seconds: float) -> str:
    """`45 s`, `12 min`, `2 h 05 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def capital(text: str) -> str:
    """A text as a sentence begins."""
    return f"{text[:1].upper()}{text[1:]}"


def seconds_of(value: float | None) -> str:
    """A latency; `failed` where it lies among failures, `-` where not known."""
    if value is None:
        return NOT_KNOWN
    return FAILED if math.isinf(value) else seconds_text(value)


def amount_of(value: float | None) -> str:
    """A count, or a mean of counts; `-` where not known."""
    if value is None:
        return NOT_KNOWN
    return amount(round(value, 2))
