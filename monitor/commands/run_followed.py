"""From the live page's own updates to the status of `run`: what is remembered between two looks; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from monitor.commands.run_status import Status

PINGS: Final = ("ws_rtt", "edge_rtt", "notification_rtt")  # the first that was measured is the one shown
GATHERING: Final = "ice_gathering"
NEAR, FAR = "15m", "2h"  # the windows that hold the last minute in short steps, and the last hour
MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0

Json = dict[str, Any]


class Live(Protocol):
    """What the page is told, asked step by step."""

    def update(self, window_name: str, since: int) -> tuple[int, Json]:
        """What has changed in a window since that change, and the number to ask with next."""


class Followed:
    """What changed is asked for and the rest remembered, so that a look costs next to nothing."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._near = self._far = 0
        self._buckets: dict[str, dict[float, Mapping[str, Any]]] = {track: {} for track in PINGS}
        self._gathering: tuple[float, str] = (0.0, "")
        self._drops: dict[int, Json] = {}
        self._runs: list[Json] = []

    def status(self) -> Status:
        """How it stands now, as far as the updates know."""
        self._near, near = self._live.update(NEAR, self._near)
        self._far, far = self._live.update(FAR, self._far)
        now_s, state = near["now"], near["state"]
        self._take_tracks(near.get("tracks", {}), now_s)
        self._take_drops(far.get("drops", []), now_s)
        self._runs = near.get("runs", self._runs)
        last = max(self._drops.values(), key=lambda drop: drop["at"], default=None)
        return Status(
            ready=state["ready"],
            connected=state["connected"],
            expected=state["expected"],
            rtt_s=self._rtt_s(),
            pings=self._counted("n"),
            missed=self._counted("bad"),
            gathering=self._gathering[1],
            drops=len(self._drops),
            drop_reason="" if last is None else last["reason"],
            drop_age_s=0.0 if last is None else now_s - last["at"],
            publishes=tuple(_publish_words(run, now_s) for run in self._runs if run["end"] is None),
            suspect=state["suspect"],
            lag_s=state["lag_max_s"],
            lost=state["dropped"],
        )

    def _take_tracks(self, tracks: Mapping[str, Json], now_s: float) -> None:
        for track, buckets in self._buckets.items():
            buckets.update((row["t"], row) for row in _rows(tracks.get(track, {})))
            for start_s in [start_s for start_s in buckets if start_s < now_s - MINUTE_S]:
                del buckets[start_s]
        for row in _rows(tracks.get(GATHERING, {})):
            words = row["words"]  # of the outcomes other than ok
            if row["t"] >= self._gathering[0]:
                self._gathering = row["t"], max(words, key=words.get) if words else "ok"

    def _take_drops(self, drops: Iterable[Json], now_s: float) -> None:
        """Those of the last hour that were no planned end. Imported ones are working agents', told late."""
        new = {drop["id"]: drop for drop in drops if not drop["planned"] and not drop["imported"]}
        kept = (self._drops | new).items()
        self._drops = {number: drop for number, drop in kept if drop["at"] >= now_s - HOUR_S}

    def _rtt_s(self) -> float | None:
        """The newest measured one, of the first channel that has any."""
        for buckets in self._buckets.values():
            measured = [start_s for start_s, row in buckets.items() if row["mid"] is not None]
            if measured:
                mid: float = buckets[max(measured)]["mid"]
                return mid
        return None

    def _counted(self, column: str) -> int:
        return sum(row[column] for buckets in self._buckets.values() for row in buckets.values())


def _rows(columns: Mapping[str, list[Any]]) -> Iterable[Json]:
    """Columns as rows, a bucket each."""
    return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _publish_words(run: Mapping[str, Any], now_s: float) -> str:
    strategy = f" ({run['strategy']})" if run["strategy"] else ""
    since = "" if run["start"] is None else f" for {max(0.0, now_s - run['start']) / 60:.0f} min"
    return f"{run['job']}{strategy}{since}"
