"""How the rate of drops runs over the minutes of every working day of a synthetic history."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.histories.calendar import Days
from tests.histories.plan import Behaviour, Weeks

Floats = NDArray[np.float64]
SLOT = 15  # minutes


def load(plan: Weeks, days: Days, rng: np.random.Generator) -> Floats:
    """How many times the usual it is, a row a day and a column a minute of the working hours; without the publish."""
    usual = plan.usual
    minutes = np.arange(round((plan.hours[1] - plan.hours[0]) * 60))
    hour: Floats = plan.hours[0] + (minutes.astype(np.float64) + 0.5) / 60.0
    shape = _peaks(usual, days, hour, rng) * _of_days(usual, days, rng)[:, None]
    if usual.bad_slots_sigma:
        slots = _lognormal(usual.bad_slots_sigma, (len(days.week), -(-len(minutes) // SLOT)), rng)
        shape = shape * np.repeat(slots, SLOT, axis=1)[:, : len(minutes)]
    return np.asarray(shape)


def _peaks(usual: Behaviour, days: Days, hour: Floats, rng: np.random.Generator) -> Floats:
    count = len(days.week)
    if not usual.peak:
        return np.ones((count, len(hour)))
    of_day = dict(usual.peak_days)
    height = usual.peak * (_lognormal(usual.peak_sigma, (count,), rng) if usual.peak_sigma else np.ones(count))
    height = height * np.array([of_day.get(int(day), 1.0) for day in days.weekday])
    at = usual.peak_hour + usual.peak_drift_h * (days.week - days.week[-1] / 2.0) / max(1, int(days.week[-1]))
    return np.asarray(1.0 + height[:, None] * np.exp(-0.5 * ((hour[None, :] - at[:, None]) / usual.peak_width_h) ** 2))


def _of_days(usual: Behaviour, days: Days, rng: np.random.Generator) -> Floats:
    """One factor a day: its luck, its weekday, the trend, a holiday."""
    luck = rng.normal(0.0, 1.0, len(days.week))
    for n in range(1, len(luck) if usual.day_memory else 0):
        luck[n] = usual.day_memory * luck[n - 1] + (1.0 - usual.day_memory**2) ** 0.5 * luck[n]
    factor = np.exp(usual.day_sigma * luck - usual.day_sigma**2 / 2.0) * usual.growth**days.week
    of_weekday = dict(usual.weekday)
    factor = factor * np.array([of_weekday.get(int(day), 1.0) for day in days.weekday])
    factor = factor * np.where(days.week % 2 == 1, usual.alternate, 1.0)
    return np.asarray(factor * np.where(days.off, usual.holiday, 1.0))


def _lognormal(sigma: float, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    return np.asarray(np.exp(sigma * rng.normal(0.0, 1.0, shape) - sigma**2 / 2.0))
