"""What the status line of `run` says on a terminal: how the monitor stands, as a few words a row; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from monitor.commands.probe_text import printable
from monitor.facts.words import counted, seconds_text

GOOD, BAD, BUSY, LABEL, QUIET = "green", "bold red", "bold yellow", "bold reverse", "dim"  # words say it, too
GAP = "  "
NARROWEST = 20  # columns
_GATHERED = ("ok", "slow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the monitor stands.

    ready: every probe has started. rtt_s: the last ping's, None where none was answered in the last minute; pings and
    missed: of the last minute; gathering: signature of the last one, empty for none. drops: unplanned ones of the last
    hour, with the reason of the last one and its age. publishes: the runs that go on, in words. lag_s: worst own lag
    of the last minute; lost: facts, since the start.
    """

    site: str = ""
    simulated: bool = False
    url: str = ""
    ready: bool = True
    stopping: bool = False
    connected: int = 0
    expected: int = 0
    rtt_s: float | None = None
    pings: int = 0
    missed: int = 0
    gathering: str = ""
    drops: int = 0
    drop_reason: str = ""
    drop_age_s: float = 0.0
    publishes: tuple[str, ...] = ()
    suspect: bool = False
    lag_s: float = 0.0
    lost: int = 0


def rows(status: Status, width: int) -> list[Text]:
    """The status in rows of less than `width` columns, as few as there is room for: two on a usual terminal."""
    room = max(NARROWEST, width) - 1  # a full row would make some terminals begin another one
    packed: list[Text] = []
    for item in _items(status):
        item.truncate(room, overflow="ellipsis")
        if packed and packed[-1].cell_len + len(GAP) + item.cell_len <= room:
            packed[-1].append(GAP).append_text(item)
        else:
            packed.append(Text(no_wrap=True).append_text(item))
    return packed


def _items(status: Status) -> Iterator[Text]:
    yield _words(status.site, "bold")
    if status.simulated:
        yield _words("SIMULATED", LABEL)
    if status.stopping or not status.ready:
        yield _words("stopping" if status.stopping else "starting", BUSY)
    if status.expected:
        yield _words(f"{status.connected}/{status.expected} connected", _style(status.connected >= status.expected))
    yield _pings(status)
    if status.gathering:
        yield _words(f"gathering {status.gathering}", _style(status.gathering in _GATHERED))
    yield _drops(status)
    yield _publishes(status.publishes)
    yield _trust(status)
    if status.url:
        yield _words(f"{status.url}/")


def _pings(status: Status) -> Text:
    if not status.pings:
        return _words("no ping yet", QUIET)
    rtt = "unanswered" if status.rtt_s is None else f"{status.rtt_s * 1000:.1f} ms"
    return _words(f"ping {rtt}, missed {status.missed}/{status.pings} a min", _style(not status.missed))


def _drops(status: Status) -> Text:
    if not status.drops:
        return _words("no drop in 1 h", GOOD)
    return _words(
        f"{counted(status.drops, 'drop')} in 1 h, last {status.drop_reason} {_age(status.drop_age_s)} ago", BAD
    )


def _publishes(running: Sequence[str]) -> Text:
    return _words(f"publish {', '.join(running)}", BUSY) if running else _words("no publish", QUIET)


def _trust(status: Status) -> Text:
    if status.suspect:
        return _words(f"monitor NOT TRUSTED: own lag {seconds_text(status.lag_s)}", BAD)
    if status.lost:
        return _words(f"monitor lost {counted(status.lost, 'fact')}", BAD)
    return _words("monitor trusted", GOOD)


def _age(seconds: float) -> str:
    return f"{max(0.0, seconds):.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _style(good: bool) -> str:
    return GOOD if good else BAD


def _words(text: str, style: str = "") -> Text:
    """Names and reasons are other people's words, and a terminal would obey what is hidden in them."""
    return Text(printable(text), style=style, no_wrap=True)
