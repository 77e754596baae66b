"""Facts as columns: what everything that explains reads, whatever their source. Wall times are Unix seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]  # places in Evidence.names; NOTHING is the empty string
Flags = NDArray[np.bool_]

NOTHING = 0
ALL_SITES = ""
INCIDENT_S = 60.0  # drops of one site so close to each other are one incident


@dataclass(frozen=True, slots=True)
class Series:
    """Every attempt at one signal, in order of time; columns of one length.

    at_s: when the attempt was complete. value: nan where not measured. outcome: `ok` for a measured attempt, else
    why not, or the signal's own words (the signature of a gathering, the HTTP status of a REST call). target: what was
    asked (server, agent, operation, process). detail: the mapped address of a STUN answer, the reason of a refusal.
    suspect: own lag may have falsified it. weight: how many attempts a row stands for, 1 unless the source only counts.
    """

    at_s: Floats
    value: Floats
    outcome: Codes
    site: Codes
    probe: Codes
    target: Codes
    detail: Codes
    suspect: Flags
    weight: Floats

    def __len__(self) -> int:
        return len(self.at_s)

    def where(self, chosen: Flags | NDArray[np.intp]) -> Series:
        """The rows of a mask or of indices."""
        return Series(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Drops:
    """Every lost connection or call, in order of `noticed_s`: each happened after last_good_s and by noticed_s.

    layer is empty where the source does not say (a file of real drops). code: WebSocket close code, -1 for none.
    """

    last_good_s: Floats
    noticed_s: Floats
    site: Codes
    agent: Codes
    layer: Codes
    reason: Codes
    code: Codes

    def __len__(self) -> int:
        return len(self.noticed_s)

    def where(self, chosen: Flags | NDArray[np.intp]) -> Drops:
        """The rows of a mask or of indices."""
        return Drops(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Heads:
    """How many agents were connected at a site from each moment on, in order of time."""

    at_s: Floats
    site: Codes
    count: Floats


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time at one site, or at all where `site` is empty."""

    start_s: float
    end_s: float
    site: str = ALL_SITES


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One run of a publish job, or a block of an experiment. Bounds hold the interval an edge lies in.

    arm: `none` for a block where nothing was done. randomised: chance decided the arm among the rows of one `block`.
    calls: API calls it made, where known.
    """

    start_s: float
    end_s: float
    job: str = ""
    run_id: str = ""
    strategy: str = ""
    arm: str = "publish"
    block: str = ""
    randomised: bool = False
    found_by: str = "told"
    start_min_s: float | None = None
    start_max_s: float | None = None
    end_min_s: float | None = None
    end_max_s: float | None = None
    calls: float | None = None

    @property
    def first_s(self) -> float:
        """The earliest it can have begun."""
        return self.start_s if self.start_min_s is None else min(self.start_s, self.start_min_s)

    @property
    def last_s(self) -> float:
        """The latest it can have ended."""
        return self.end_s if self.end_max_s is None else max(self.end_s, self.end_max_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything known. span: the observed period. gaps: nothing was measured; suspects: not to be trusted.

    warnings: what the source has to say about itself, one line each. simulated: the platform was a simulator.
    """

    names: tuple[str, ...]
    series: Mapping[str, Series]
    drops: Drops
    heads: Heads
    windows: tuple[Window, ...]
    span: tuple[float, float] | None
    gaps: tuple[Stretch, ...] = ()
    suspects: tuple[Stretch, ...] = ()
    warnings: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def sites(self) -> tuple[str, ...]:
        """Every site that anything was told of, in alphabetical order; one nameless site where none is named."""
        columns = [self.drops.site, self.heads.site, *(series.site for series in self.series.values())]
        codes = np.unique(np.concatenate([np.unique(column) for column in columns]))
        return tuple(sorted(self.names[code] for code in codes))

    @property
    def no_series(self) -> Series:
        """A series without a row."""
        numbers, codes = np.zeros(0), np.zeros(0, dtype=np.int32)
        return Series(numbers, numbers, codes, codes, codes, codes, codes, np.zeros(0, dtype=np.bool_), numbers)

    def code(self, name: str) -> int:
        """The place of a name; -1, which no row has, for one that does not occur."""
        try:
            return self.names.index(name)
        except ValueError:
            return -1

    def codes(self, names: Iterable[str]) -> list[int]:
        """The places of several names."""
        return [self.code(name) for name in names]


def begins_incident(noticed_s: Floats) -> Flags:
    """Of one site's drops in order of time, those with which an incident begins."""
    return np.asarray(np.diff(noticed_s, prepend=-np.inf) > INCIDENT_S)
