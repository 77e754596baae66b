"""The null model of a history: how the network path and the monitor itself vary when nothing is wrong; seeded, pure.

Spread is log-normal, each site has its good and bad days, and now and then one answer takes several times as long.
"""

from __future__ import annotations

import math
import random
from datetime import date

PATH_S = 0.005  # median of what the path adds to the platform's own 20 ms
PATH_SPREAD = 0.45  # sigma of the logarithm: half of all answers lie within a factor of 1.36 of the median
DAY_SPREAD = 0.12  # sigma of the logarithm of a site's day
SPIKE_SHARE = 0.004  # answers that take SPIKE_FACTOR times as long, as on any shared network
SPIKE_FACTOR = 8.0
TCP_SHARE = 0.8  # the kernel's smoothed round trip, of one whole answer's: no server time in it
LAG_S = 0.0004  # median of our own loop's lag around a measurement
LAG_SPREAD = 0.7
JITTER_S = 0.0025
LOSS_SHARE = 0.03  # samples of a call that lost a packet or two
PACKETS_PER_S = 50  # Opus frames of 20 ms


class Baseline:
    """One site's path and monitor. Draws are in order of asking, so that equal histories draw equal figures."""

    def __init__(self, site: str, seed: int) -> None:
        self._site = site
        self._seed = seed
        self._rng = random.Random(f"{seed}:path:{site}")  # noqa: S311 - reproducible variation, not a secret
        self._day_factor = 1.0

    def begin_day(self, day: date) -> None:
        """What kind of day it is depends on seed, site and date alone."""
        rng = random.Random(f"{self._seed}:day:{self._site}:{day.isoformat()}")  # noqa: S311 - as above
        self._day_factor = math.exp(rng.gauss(0.0, DAY_SPREAD))

    def path_s(self) -> float:
        """What the path adds to one answer, in seconds."""
        return PATH_S * self._day_factor * self._spread(PATH_SPREAD) * self._spike()

    def lag_s(self) -> float:
        """Our own loop's lag around one measurement, in seconds."""
        return LAG_S * self._spread(LAG_SPREAD)

    def jitter_s(self) -> float:
        """A call's interarrival jitter, in seconds."""
        return JITTER_S * self._day_factor * self._spread(PATH_SPREAD)

    def loss_ratio(self, packets: int) -> float:
        """The share of `packets` that one sample of a call lost."""
        lost = 1 + int(self._rng.random() * 2) if self._rng.random() < LOSS_SHARE else 0
        return lost / (packets + lost)

    def chance(self) -> float:
        """A number in [0, 1) for whatever else varies by chance at this site."""
        return self._rng.random()

    def _spread(self, sigma: float) -> float:
        return math.exp(self._rng.gauss(0.0, sigma))

    def _spike(self) -> float:
        return SPIKE_FACTOR if self._rng.random() < SPIKE_SHARE else 1.0
