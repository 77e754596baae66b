"""Columns of times as Unix seconds: RFC 3339, another format, local clocks with their doubled and missing hours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from monitor.facts.evidence import Floats
from monitor.outputs.sources.files.fixed_width_times import HOUR_S, MICROS, Whole, fixed_width_times
from monitor.outputs.sources.files.problems import BadCell, BadColumn

EPOCHS = {"epoch": 1.0, "epoch_ms": 1000.0}
FIRST_S = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
LAST_S = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_ZERO = datetime(1970, 1, 1)  # noqa: DTZ001 - local readings are counted from it
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")
_NO_TIME = "not a time; RFC 3339 such as 2026-03-03T10:00:00Z is needed, or --time-format"
_NO_CENTURY = "not a time of this century; one from 2000 to 2099 is needed"
_NAIVE = "a time without UTC offset; one such as -06:00, or --tz, is needed"

_Moment = tuple[float, float, bool]  # as a row of Moments: at_s, last_s, missing


@dataclass(frozen=True, slots=True)
class Moments:
    """Times as Unix seconds. last_s differs from at_s where a local time comes twice: it is the later of the two.

    doubled, missing: how many came twice, and how many no clock has shown, which are taken as later by the gap.
    """

    at_s: Floats
    last_s: Floats
    doubled: int = 0
    missing: int = 0

    def only(self, chosen: NDArray[np.intp]) -> Moments:
        """Some of them, without the counts."""
        return Moments(self.at_s[chosen], self.last_s[chosen])


class TimeReader:
    """Reads times. zone: of those without an offset; None refuses them. form: `epoch`, `epoch_ms` or a strptime format.

    What does not fit the format may still be RFC 3339.
    """

    def __init__(self, zone: tzinfo | None = None, form: str | None = None) -> None:
        self._zone = zone
        self._form = form
        self._hours: dict[int, float] = {}

    def column(self, texts: Sequence[str], name: str, places: Sequence[int] | None = None) -> Moments:
        """The moments of a column. places: of the texts' rows in the chunk, where they are not all of its rows.

        Raises BadColumn with all that are no times.
        """
        rows = range(len(texts)) if places is None else places
        moments = self._at_once(texts)
        if moments is None:
            found = [self._one(text) for text in texts]
            bad = [
                BadCell(rows[n], one, texts[n], one == _NAIVE) for n, one in enumerate(found) if isinstance(one, str)
            ]
            if bad:
                raise BadColumn(name, bad)
            moments = _together([one for one in found if not isinstance(one, str)])
        outside = np.flatnonzero(~((moments.at_s >= FIRST_S) & (moments.last_s < LAST_S))).tolist()
        if outside:
            raise BadColumn(name, [BadCell(rows[n], _NO_CENTURY, texts[n]) for n in outside])
        return moments

    def _at_once(self, texts: Sequence[str]) -> Moments | None:
        """A column of times all written alike, as one computation; None for any other."""
        if self._form in EPOCHS:
            try:
                at_s = np.array(list(map(float, texts))) / EPOCHS[self._form]
            except ValueError:
                return None
            return Moments(at_s, at_s)
        read = fixed_width_times(texts) if self._form is None else None
        if read is None:
            return None
        micros, aware = read
        if aware:
            at_s = micros / MICROS
            return Moments(at_s, at_s)
        return self._local(micros)

    def _local(self, micros: Whole) -> Moments | None:
        """Local readings, in microseconds after 1970 on that clock. None where there is no zone."""
        if self._zone is None:
            return None
        hours, places = np.unique(micros // (HOUR_S * MICROS), return_inverse=True)
        offsets = np.array([self._offset_s(int(hour)) for hour in hours])[places]
        at_s = (micros - np.nan_to_num(offsets) * MICROS) / MICROS
        last_s, doubled, missing = at_s, 0, 0
        odd = np.flatnonzero(np.isnan(offsets))
        if len(odd):
            last_s = at_s.copy()
            for place in odd:
                one = _local_moment(_ZERO + timedelta(microseconds=int(micros[place])), self._zone)
                at_s[place], last_s[place], gone = one
                missing += gone
            doubled = int((last_s > at_s).sum())
        return Moments(at_s, last_s, doubled, missing)

    def _offset_s(self, hour: int) -> float:
        """The UTC offset throughout an hour of the local clock, nan where it changes or the hour comes twice."""
        offset = self._hours.get(hour)
        if offset is None:
            edges = [_ZERO + timedelta(hours=hour), _ZERO + timedelta(hours=hour, seconds=HOUR_S - 1)]
            found = {one.replace(tzinfo=self._zone, fold=fold).utcoffset() for one in edges for fold in (0, 1)}
            only = found.pop()
            offset = self._hours[hour] = float("nan") if found or only is None else only.total_seconds()
        return offset

    def _one(self, text: str) -> _Moment | str:
        """A time, or what is wrong with it."""
        bare = text.strip()
        if self._form in EPOCHS and (number := _number(bare)) is not None:
            at_s = number / EPOCHS[self._form]
            return at_s, at_s, False
        moment = self._written(bare)
        if moment is None:
            return self._needed()
        if moment.tzinfo is not None:
            at_s = moment.timestamp()
            return at_s, at_s, False
        return _NAIVE if self._zone is None else _local_moment(moment, self._zone)

    def _written(self, text: str) -> datetime | None:
        if self._form is not None and self._form not in EPOCHS:
            try:
                return datetime.strptime(text, self._form)  # noqa: DTZ007 - the caller asks for the zone
            except ValueError:
                pass
        if _RFC3339.match(text):
            try:
                return datetime.fromisoformat(text.upper())
            except ValueError:
                pass
        return None

    def _needed(self) -> str:
        return _NO_TIME if self._form is None else f"not a time; one written as {self._form} or RFC 3339 is needed"


def _local_moment(local: datetime, zone: tzinfo) -> _Moment:
    """When a local clock shows that: of two moments both, and one that never comes later by the gap."""
    try:
        first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        at_s, last_s = first.timestamp(), second.timestamp()
        missing = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) != local
    except (OverflowError, ValueError):
        return float("nan"), float("nan"), False
    return at_s, at_s if missing else last_s, missing


def _together(moments: Sequence[_Moment]) -> Moments:
    at_s, last_s = (np.array([one[place] for one in moments], dtype=np.float64) for place in (0, 1))
    return Moments(at_s, last_s, int((last_s > at_s).sum()), sum(one[2] for one in moments))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
