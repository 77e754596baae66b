"""A strategy is a pacing policy times a retry policy, by name. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.publish.strategy.pacing import PACINGS, Pacing, pacing_named
from monitor.publish.strategy.retry import RETRIES, Retry, retry_named

__all__ = ["PACINGS", "RETRIES", "Strategy", "strategy"]


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a publish job sends and how it tries again."""

    pacing: Pacing
    retry: Retry

    @property
    def name(self) -> str:
        """Both names, such as `batch+retry_after`."""
        return f"{self.pacing.name}+{self.retry.name}"


def strategy(
    pacing: str,
    retry: str,
    *,
    in_flight: int = 8,
    rate_per_s: float = 4.0,
    headroom: float = 0.1,
    window: str | None = None,
    tz: str | None = None,
    retry_limit: int | None = None,
    retry_factor: float = 2.0,
    retry_first_s: float = 1.0,
    jitter: bool = False,
) -> Strategy:
    """The strategy of that name. in_flight: burst and batch_single. rate_per_s, headroom: paced. window, tz: off_peak.

    retry_limit: tries after the first, None for the policy's own. retry_factor, retry_first_s, jitter: backoff.
    Raises ValueError with one clear line for an unknown name or a figure that makes no sense.
    """
    return Strategy(
        pacing_named(pacing, in_flight=in_flight, rate_per_s=rate_per_s, headroom=headroom, window=window, tz=tz),
        retry_named(retry, limit=retry_limit, factor=retry_factor, first_s=retry_first_s, jitter=jitter),
    )
