"""Publish windows in PromQL: their edges as they are known by now, also where a marker came late.

A marker that is told late becomes a series only then, while the window that it tells of lies further back. So the edges
are read at the end of the shown time (`@ end()`), and up to a day later still, where the shown time ends in the past:
`offset -1d` looks ahead, and finds nothing where there is nothing yet. Several monitors may export one run: `max by`.
"""

from __future__ import annotations

from dashboards.grafana.generator.queries import SITE

PUBLISH = 'publish=~"$publish"'
RUN = "publish, run_id"
TAIL_S = 300  # harm outlasts its window: drops are noticed late, softphones come back in a herd; the verdict's tail too
STEP = "1m"  # of what is counted for each run
KNOWN = "1h"  # for so long a counter that was not scraped is taken to have gone on from its last value
_BY_NOW = "[1d5m] @ end() offset -1d"


def _edge(metric: str) -> str:
    return f"max by ({RUN}) (last_over_time({metric}{{{PUBLISH}}}{_BY_NOW}))"


START = _edge("softphone_publish_start_timestamp_seconds")
END = _edge("softphone_publish_end_timestamp_seconds")
END_OR_NOW = f"({END} or {START} * 0 + time())"

# The moment itself while a run goes on, before it the run's start, after it its end: Grafana makes one region of it
# with exact edges, whatever the step, as `useValueForTime` takes the value (milliseconds) for the time.
REGION_MS = f"(({START} > time()) or ({END} < time()) or ({START} * 0 + time())) * 1000"

# 0 or 1 for each run; a run without an end goes on.
IS_ON = f"(time() >= bool {START}) * (time() <= bool {END_OR_NOW})"
IS_FELT = f"(time() >= bool {START}) * (time() <= bool {END_OR_NOW} + {TAIL_S})"
JUST_ENDED_S = 600  # for so long the alerts of a site give way to a publish (dashboards/prometheus)
# 2 while a run goes on, 1 when one has just ended, 0 otherwise.
STANDING = (
    f"clamp_max(2 * max(softphone_publish_active{{{PUBLISH}}})"
    f" + (max({END} > bool time() - {JUST_ENDED_S}) or vector(0)), 2)"
)
OF_JOB = f"max by (publish) ({IS_ON})"

SHOWN = f"({START} > time() - $__range_s)"  # runs that began within the shown time: only of those figures are known


def counted_while_felt(counter: str, labels: str) -> str:
    """How much a counter grew while a run was felt, for each run; exact to a minute.

    Plain differences, not `increase`: they add up to what was counted, whatever the minutes they are cut into. Each
    series is compared with what was last known of it, so that a scrape that failed counts nothing twice. One that
    never was counts from 0 where its monitor was known before, and from its first value where the monitor is new to
    Prometheus too, as that value is older. A counter that starts again loses that minute. labels: those that the
    counter has and the monitor's own gauge has not, which says that the monitor was known.
    """
    before = f"last_over_time({counter}[{KNOWN}] offset {STEP})"
    monitor = f"softphone_monitor_suspect{{{SITE}}}"
    new = f"({counter} and ignoring ({labels}) last_over_time({monitor}[{KNOWN}] offset {STEP}))"
    grown = f"sum(clamp_min({counter} - {before}, 0) or {new} or {monitor} * 0)"
    return _of_runs(f"sum_over_time((({IS_FELT}) * on () group_left () {grown})[$__range:{STEP}])")


def worst_while_felt(figure: str) -> str:
    """The largest value that a figure had while a run was felt, for each run."""
    return _of_runs(f"max_over_time((({IS_FELT}) * on () group_left () max({figure}))[$__range:{STEP}])")


def _of_runs(figure: str) -> str:
    return f"{figure} and on ({RUN}) {SHOWN}"
