"""The on-call checks: one function each, from the facts of one site to the figures that say how it is; pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.facts import signals
from monitor.facts.evidence import Drops, Flags, Series
from monitor.facts.failures import NORMAL_ENDS, PLANNED_ENDS
from monitor.facts.words import counted
from monitor.oncall.figures import STEADY, View, doubts, incidents, percent, quantile
from monitor.oncall.nagios import number
from monitor.oncall.told import (
    Figure,
    Told,
    commonest,
    count_text,
    each_target,
    largest,
    outcomes,
    reasons,
    share,
    time_text,
    weight_of,
)

FEW_DROPS = 3  # fewer drops than this in one period are a WARNING at most, whatever rate they make
PHASES = ("token", "channel_create", "tcp", "tls", "upgrade", "sasl", "bind")
NOT_CONNECTED = "not_connected"
LATE = "late"  # comes on top of the timeout of the same ping


def heartbeat(view: View) -> Told:
    """Application pings: the round trip of those answered in time, and the share of those that were not."""
    figures, words, notes, attempts = [], [], [], 0.0
    for channel, signal, prefix in (
        ("xmpp", signals.WS_RTT, ""),
        ("notification", signals.NOTIFICATION_RTT, "notification_"),
    ):
        every = view.series(signal)
        rows = every.where(~view.is_one_of(every.outcome, (LATE,)))
        if not len(rows):
            continue
        tried, missed = float(rows.weight.sum()), weight_of(rows, ~view.is_one_of(rows.outcome, (signals.OK,)))
        p95 = quantile(rows, 0.95)
        figures += [Figure(f"{prefix}rtt_p95", p95, "s"), share(f"{prefix}missed", missed, tried)]
        words.append(f"{channel} p95 {time_text(p95)}, {count_text(missed)} of {count_text(tried)} missed")
        notes.append(f"{channel} pings: {outcomes(view, every)}")
        attempts += tried
    edge = view.series(signals.EDGE_RTT)
    if len(edge):
        figures.append(Figure("edge_rtt_p95", quantile(edge, 0.95), "s"))
        notes.append(f"edge answers its own pings with p95 {time_text(quantile(edge, 0.95))}: {outcomes(view, edge)}")
    return Told(summary="; ".join(words), figures=tuple(figures), notes=tuple(notes), attempts=attempts)


def signalling(view: View) -> Told:
    """Softphones connected of those expected, their ICE-server fetch, the phases of connecting, reconnects."""
    standing, again = standing_of(view), view.series(signals.RECONNECT)
    fetches = _tried(view, view.series(signals.ICE_SERVERS))
    fetched, failed = float(fetches.weight.sum()), weight_of(fetches, ~view.is_one_of(fetches.outcome, (signals.OK,)))
    p95, reconnects = quantile(fetches, 0.95), float(again.weight.sum())
    known = max(standing.expected, view.head_count() or 0.0, float(len(view.distinct(again.target))))
    unplanned = max(0.0, reconnects - float(_are(view, view.drops, PLANNED_ENDS).sum()))
    phases, phase_notes = _phases(view)
    notes = [f"not connected: {', '.join(standing.down[:5])}"] if standing.down else []
    notes += [f"ICE-server fetches: {outcomes(view, fetches)}"] if fetched else []
    notes += [f"reconnects: {outcomes(view, again)}"] if reconnects else []
    fetch = f"p95 {time_text(p95)}, {count_text(failed)} of {count_text(fetched)} failed" if fetched else "not tried"
    return Told(
        summary=f"{count_text(standing.up)} of {count_text(standing.expected)} connected, "
        f"ICE-server fetch {fetch}, {counted(reconnects, 'reconnect')}",
        figures=(
            Figure("connected", percent(standing.up, standing.expected), "%", 100.0),
            _offline(view),
            Figure("ice_fetch_p95", p95, "s"),
            share("ice_fetch_failed", failed, fetched),
            phases,
            Figure("reconnects_each", unplanned / known if known else None),
            Figure("reconnect_p95", quantile(again, 0.95), "s"),
        ),
        notes=(*notes, *phase_notes),
        attempts=fetched + float(view.series(signals.WS_RTT).weight.sum()),
    )


def ice_gathering(view: View) -> Told:
    """Gatherings that left a softphone without a candidate type it wanted, those with a slow server, their time.

    Judged by the worst of several sets of servers. A probe that itself failed (`error`) says nothing about ICE.
    """
    rows = view.series(signals.ICE_GATHERING)
    probed = rows.where(~view.is_one_of(rows.outcome, ("error",)))
    bad = view.is_one_of(probed.outcome, signals.FAILED_GATHERINGS)
    groups = [view.is_one_of(probed.target, (servers,)) for servers in view.distinct(probed.target)]
    shares = [(percent(weight_of(probed, bad & group), weight_of(probed, group)) or 0.0, group) for group in groups]
    worst_share, worst_group = max(shares, key=lambda pair: pair[0], default=(None, bad))
    worst = probed.where(bad & worst_group)
    named = f" (worst: {view.words(worst.target)[0]} {commonest(view, worst)})" if len(worst) else ""
    tried, slow = float(probed.weight.sum()), weight_of(probed, view.is_one_of(probed.outcome, ("slow",)))
    p95 = quantile(probed, 0.95)
    return Told(
        summary=f"{count_text(weight_of(probed, bad))} of {count_text(tried)} gatherings failed{named}, "
        f"{count_text(slow)} slow, p95 {time_text(p95)}",
        figures=(
            Figure("failed", worst_share, "%", 100.0),
            share("slow", slow, tried),
            Figure("gathering_p95", p95, "s"),
            share("probe_failed", float(rows.weight.sum()) - tried, float(rows.weight.sum())),
        ),
        notes=each_target(view, rows),
        attempts=tried,
    )


def turn(view: View) -> Told:
    """TURN allocations by outcome, and how long those took that succeeded."""
    rows = view.series(signals.TURN_ALLOCATE)
    tried = float(rows.weight.sum())
    bad = ~view.is_one_of(rows.outcome, (signals.OK,))
    why = f" ({outcomes(view, rows.where(bad))})" if bad.any() else ""
    failed, p95 = weight_of(rows, bad), quantile(rows, 0.95)
    return Told(
        summary=f"{count_text(failed)} of {count_text(tried)} allocations failed{why}, p95 {time_text(p95)}",
        figures=(share("failed", failed, tried), Figure("allocate_p95", p95, "s")),
        notes=each_target(view, rows),
        attempts=tried,
    )


def disconnects(view: View) -> Told:
    """Drops for each agent-hour; normal ends, planned moves and imported drops are counted apart."""
    drops = view.drops
    normal, planned = _are(view, drops, NORMAL_ENDS), _are(view, drops, PLANNED_ENDS)
    real = drops.where(~normal & ~planned)
    heads, known = view.head_count() or 0.0, view.agents()
    hours = max(heads, float(len(known)), 1.0) * view.observed_s / 3600.0
    rate = len(real) / hours if hours > 0 else None
    shown = "no rate" if rate is None else f"{number(float(f'{rate:.2g}'))} per agent-hour"
    notes = [f"drops: {reasons(view, real)}"] if len(real) else []
    notes += [f"planned moves, not counted: {int(planned.sum())}"] if planned.any() else []
    notes += [f"normal ends, not counted: {reasons(view, drops.where(normal))}"] if normal.any() else []
    if view.imported:
        notes.append("imported drops are in no rate: how many agents they come from is not known")
    if 0 < len(real) < FEW_DROPS:
        notes.append(f"fewer than {FEW_DROPS} drops are a WARNING at most: one softphone alone makes any rate high")
    return Told(
        summary=f"{counted(len(real), 'drop')} in {counted(incidents(real.noticed_s), 'incident')}, "
        f"{shown} over {_agent_hours(hours)}"
        + (f", beside {counted(view.imported, 'imported drop')}" if view.imported else ""),
        figures=(
            Figure("drop_rate", rate, grave=len(real) >= FEW_DROPS),
            Figure("drops", float(len(real))),
            Figure("incidents", float(incidents(real.noticed_s))),
            Figure("moved", float(planned.sum())),
            Figure("imported", float(view.imported)),
        ),
        notes=tuple(notes),
    )


def api_limits(view: View) -> Told:
    """REST calls of our own: told to wait (429), refused, failed at the platform's side, and their time."""
    rows, waits = view.series(signals.API), view.series(signals.RETRY_AFTER)
    tried, p95 = float(rows.weight.sum()), quantile(rows, 0.95)
    limited = weight_of(rows, view.is_one_of(rows.outcome, ("429",)))
    told = view.distinct(rows.outcome)
    broken = weight_of(rows, view.is_one_of(rows.outcome, (one for one in told if one[:1] == "5" or not one.isdigit())))
    refused = weight_of(rows, view.is_one_of(rows.outcome, ("401", "403")))
    longest_s = float(waits.value.max()) if len(waits) else 0.0
    waited = f"{count_text(limited)} of {count_text(tried)} calls told to wait (429)" + (
        f", up to {longest_s:g} s" if len(waits) else ""
    )
    return Told(
        summary=f"{waited}, {count_text(broken)} failed (5xx or no answer), p95 {time_text(p95)}",
        figures=(
            share("limited", limited, tried),
            Figure("retry_after", longest_s, "s"),
            share("server_errors", broken, tried),
            share("refused", refused, tried),
            Figure("api_p95", p95, "s"),
        ),
        notes=each_target(view, rows),
        attempts=tried,
    )


def monitor_health(view: View) -> Told:
    """Whether this monitor can be trusted: its own lag, gaps, suspect stretches, and the age of its last fact."""
    period_s = view.now_s - view.began_s
    lag_s, late_s = (largest(view.series(name)) for name in (signals.LOOP_LAG, signals.LATENESS))
    gap_s, suspect_s = view.seconds_of(view.evidence.gaps), view.seconds_of(view.evidence.suspects)
    doubted, tried = doubts(view)
    latest_s = view.latest_s((*STEADY, signals.LOOP_LAG))
    age_s = None if latest_s is None else view.now_s - latest_s
    age = "no fact at all" if age_s is None else f"last fact {age_s:.0f} s ago"
    loopback = view.series(signals.LOOPBACK_RTT)
    note = f"loopback control: p95 {time_text(quantile(loopback, 0.95))}, {outcomes(view, loopback)}"
    lag = "no loop lag worth recording" if lag_s is None else f"worst loop lag {time_text(lag_s)}"
    late = "no slot late" if late_s is None else f"worst lateness {time_text(late_s)}"
    return Told(
        summary=f"{lag}, {late}, {gap_s:.0f} s without measurements, {suspect_s:.0f} s suspect, {age}",
        figures=(
            Figure("loop_lag", lag_s, "s"),
            Figure("lateness", late_s, "s"),
            Figure("gaps", percent(gap_s, period_s), "%", 100.0),
            Figure("suspect", percent(suspect_s, period_s), "%", 100.0),
            share("suspect_samples", doubted, tried),
            Figure("last_fact_age", age_s, "s"),
        ),
        notes=(note,) if len(loopback) else (),
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """How many softphones there should be, how many are connected, the names of others where they are known."""

    expected: float
    up: float
    down: tuple[str, ...] = ()


def standing_of(view: View) -> Standing:
    """By each softphone's own latest attempt; by head counts where the source names no softphone."""
    latest: dict[str, tuple[float, str]] = {}
    for signal in (signals.WS_RTT, signals.ICE_SERVERS):
        rows = view.series(signal)
        for agent in view.distinct(rows.target):
            last = int(np.flatnonzero(view.is_one_of(rows.target, (agent,)))[-1])
            moment = (float(rows.at_s[last]), view.evidence.names[rows.outcome[last]])
            latest[agent] = max(latest.get(agent, moment), moment)
    latest.pop("", None)
    if latest:
        down = tuple(sorted(name for name, (_, outcome) in latest.items() if outcome == NOT_CONNECTED))
        return Standing(float(len(latest)), float(len(latest) - len(down)), down)
    heads = view.evidence.heads
    counts = heads.count[(heads.site == view.evidence.code(view.site)) & (heads.at_s <= view.now_s)]
    return Standing(max(1.0, float(counts.max())), float(counts[-1])) if len(counts) else Standing(0.0, 0.0)


def _agent_hours(hours: float) -> str:
    shown = number(round(hours, 2))
    return f"{shown} agent-hour{'' if shown == '1' else 's'}"


def _offline(view: View) -> Figure:
    """The share of attempts that found no connection, which is the share of time without one."""
    both = [view.series(name) for name in (signals.WS_RTT, signals.ICE_SERVERS)]
    lost = sum(weight_of(rows, view.is_one_of(rows.outcome, (NOT_CONNECTED,))) for rows in both)
    return share("offline", lost, sum(float(rows.weight.sum()) for rows in both))


def _phases(view: View) -> tuple[Figure, tuple[str, ...]]:
    tried, failed, notes = 0.0, 0.0, []
    for phase in PHASES:
        rows = view.series(signals.phase_signal(phase))
        bad = weight_of(rows, ~view.is_one_of(rows.outcome, (signals.OK,)))
        tried, failed = tried + float(rows.weight.sum()), failed + bad
        if bad:
            notes.append(f"{phase}: {outcomes(view, rows)}")
    return share("phase_failed", failed, tried), tuple(notes)


def _tried(view: View, rows: Series) -> Series:
    """Without the attempts for which there was no connection: nothing was asked, so nothing failed."""
    return rows.where(~view.is_one_of(rows.outcome, (NOT_CONNECTED,)))


def _are(view: View, drops: Drops, kinds: tuple[tuple[str, str], ...]) -> Flags:
    found = np.zeros(len(drops), dtype=np.bool_)
    for layer, reason in kinds:
        found |= view.is_one_of(drops.layer, (layer,)) & view.is_one_of(drops.reason, (reason,))
    return found
