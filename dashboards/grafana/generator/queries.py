"""PromQL that several panels share: shares, quantiles, the state of a layer.

A rate over the range of a graph takes $__rate_interval. What is said of "now" takes a fixed stretch, and `increase`,
because a step of a graph is too short for probes that run once a minute.
"""

from __future__ import annotations

from monitor.facts.failures import NORMAL_ENDS, PLANNED_ENDS

SITE = 'site=~"$site"'
RATE = "$__rate_interval"
NOW = "5m"  # long enough for a few samples of every probe, short enough to show at 10:05 what began at 10:00
PINGS = f'{SITE},channel=~"xmpp|notification"'  # WebSocket pings are answered by the platform's edge
# Normal ends of a call and planned moves are no drops, as in the on-call check.
_NO_DROPS = "|".join(reason for _, reason in (*PLANNED_ENDS, *NORMAL_ENDS))
REAL_DROPS = f'{SITE},reason!~"{_NO_DROPS}"'
NOT_OK = 'outcome!~"ok|late"'  # `late` comes on top of the timeout of the same ping
ON_TIME_OR_NOT = 'outcome!="late"'


def change(series: str, over: str) -> str:
    """How a counter grew: as a rate where the stretch is the graph's own, as an increase where it is a fixed one."""
    return f"{'rate' if over == RATE else 'increase'}({series}[{over}])"


def grown(by: str, series: str, over: str = RATE) -> str:
    """The growth of a counter, summed by these labels."""
    return f"sum by ({by}) ({change(series, over)})"


def counted(by: str, series: str) -> str:
    """How much a counter grew in each step of a graph, summed by these labels.

    Not `increase`: its range is a scrape longer than the step, as $__rate_interval is, and neighbours would share that.
    """
    return f"{grown(by, series)} * $__interval_ms / 1000"


def quantile(q: float, by: str, histogram: str, where: str = SITE, over: str = RATE) -> str:
    """A quantile of a classic histogram, by these labels; absent where nothing was measured."""
    return f"histogram_quantile({q:g}, {grown(f'le, {by}', f'{histogram}_bucket{{{where}}}', over)}) >= 0"


def share(by: str, part: str, whole: str, over: str = RATE) -> str:
    """The growth of one counter as a share of another's, by these labels; absent where nothing was tried."""
    return f"{grown(by, part, over)} / ({grown(by, whole, over)} > 0)"


def worst(*states: str) -> str:
    """The worst of several states, over everything that is chosen; -1 where nothing is known of any."""
    first, *others = states
    told_apart = [f'label_replace({state}, "figure", "{n}", "", "")' for n, state in enumerate(others, 1)]
    return f"max({' or '.join([first, *told_apart])}) or vector(-1)"


def connected(by: str = "site") -> str:
    """The share of the expected softphones that have a signalling session."""
    sessions = f"sum by ({by}) (softphone_signalling_connected{{{SITE}}})"
    return f"{sessions} / (sum by ({by}) (softphone_signalling_expected{{{SITE}}}) > 0)"


def last_seen_s() -> str:
    """Seconds since each site's monitor last delivered, of those that did within a day: a dead one is there too.

    Without the recording rules only those that are not gone.
    """
    recorded = f"last_over_time(site:softphone_monitor:last_seen_timestamp_seconds{{{SITE}}}[1d])"
    return f"time() - max by (site) ({recorded} or timestamp(softphone_monitor_suspect{{{SITE}}}))"


def missed(by: str = "site", over: str = RATE, where: str = PINGS) -> str:
    """The share of pings that were not answered in time or found no connection."""
    series = "softphone_heartbeats_total"
    return share(by, f"{series}{{{where},{NOT_OK}}}", f"{series}{{{where},{ON_TIME_OR_NOT}}}", over)


def gatherings_failed(by: str = "site", over: str = RATE) -> str:
    """The share of ICE gatherings without a wanted candidate type; those that the probe itself spoilt left out."""
    series = "softphone_ice_gatherings_total"
    bad = 'signature=~"empty|host_only|no_relay|no_srflx"'
    return share(by, f"{series}{{{SITE},{bad}}}", f'{series}{{{SITE},signature!="error"}}', over)


def servers_failed(by: str = "site", over: str = RATE) -> str:
    """The share of STUN and TURN transactions that failed; `unsupported` is a setting, not a failure."""
    series = "softphone_ice_server_results_total"
    return share(by, f'{series}{{{SITE},outcome!~"ok|unsupported"}}', f"{series}{{{SITE}}}", over)


def calls_failed(by: str = "site", over: str = RATE) -> str:
    """The share of call set-ups that failed, in whichever phase, of those that ended one way or the other."""
    failed = grown(by, f"softphone_call_phase_failures_total{{{SITE}}}", over)
    up = grown(by, f'softphone_call_phase_seconds_count{{{SITE},phase="first_media"}}', over)
    return f"{failed} / ({failed} + {up} > 0)"


def api_share(status: str, by: str = "site", over: str = RATE) -> str:
    """The share of our own REST requests with such a status; a status has no series before it has come once."""
    series = f"softphone_api_requests_total{{{SITE}"
    whole = grown(by, f"{series}}}", over)
    return f"({grown(by, f'{series},{status}}}', over)} or {whole} * 0) / ({whole} > 0)"


LIMITED = 'status="429"'
SERVER_ERRORS = 'status!~"[1-4][0-9][0-9]|other"'  # 5xx, and the reasons of requests that nobody answered
