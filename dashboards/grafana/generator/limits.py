"""Where a figure turns from well to WARNING to CRITICAL: the limits of the on-call checks, so that both agree."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.grafana.generator.sdk import dashboard, models
from monitor.oncall.limits import CHECKS

OK, WARNING, CRITICAL = "green", "orange", "red"
JUST_ABOVE_0 = 1e-9  # Grafana colours from the edge on, and nothing at all is well
PUBLISH, SIMULATED = "purple", "semi-dark-orange"


@dataclass(frozen=True, slots=True)
class Limit:
    """The edge of WARNING and that of CRITICAL, None for none. below: what is under the edge is bad.

    Both the same: CRITICAL at once.
    """

    warning: float
    critical: float | None = None
    below: bool = False

    def steps(self) -> list[models.Threshold]:
        """The same as Grafana's threshold steps, which go upwards and hold from their value on."""
        worse = [] if self.warning == self.critical else [(self.warning, WARNING)]
        worse += [] if self.critical is None else [(self.critical, CRITICAL)]
        if not self.below:
            return [
                models.Threshold(None, OK),
                *(models.Threshold(value or JUST_ABOVE_0, color) for value, color in worse),
            ]
        values, colors = [value for value, _ in reversed(worse)], [color for _, color in reversed(worse)]
        return [models.Threshold(value, color) for value, color in zip([None, *values], [*colors, OK], strict=True)]

    def state(self, figure: str) -> str:
        """PromQL: 0 for well, 1 for WARNING, 2 for CRITICAL, with the labels of `figure`."""
        sign = "<" if self.below else ">"
        edges = [self.warning] if self.critical is None else [self.warning, self.critical]
        return " + ".join(f"(({figure}) {sign} bool {edge:g})" for edge in edges)


def limit(check: str, label: str, *, percent: bool = False) -> Limit:
    """The limit of a figure of an on-call check (docs/runbook.md). percent: the check counts in %."""
    ranges = next(one for one in CHECKS if one.name == check).limits[label]
    below = ranges[0].endswith(":")
    edges = [float(text.removesuffix(":")) / (100 if percent else 1) for text in ranges if text]
    return Limit(edges[0], edges[1] if len(edges) > 1 else None, below)


# Figures for which there is no check: usual values of voice over IP, to be changed where they do not fit.
MOS = Limit(4.0, 3.5, below=True)
MEDIA_RTT_S = Limit(0.15, 0.3)
MEDIA_JITTER_S = Limit(0.03, 0.05)
MEDIA_LOSS = Limit(0.01, 0.05)
CALLS_FAILED = Limit(0.05, 0.2)
TOKEN_LEFT = Limit(0.1, 0.02, below=True)  # of its life: a token that is renewed by itself never comes so low
LAST_SEEN_S = Limit(180.0, 180.0)  # as the alert SoftphoneMonitorAbsent
ANY = Limit(0.0)  # one is already too many


def thresholds(steps: list[models.Threshold]) -> dashboard.ThresholdsConfig:
    """Threshold steps as Grafana wants them: absolute values."""
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
