"""ICE and media: from candidates to sound, one row for each step of a call."""

from __future__ import annotations

from dashboards.grafana.generator import overview as o
from dashboards.grafana.generator import queries as q
from dashboards.grafana.generator.frame import filled, framed, platform, publish_now
from dashboards.grafana.generator.limits import CALLS_FAILED, MEDIA_JITTER_S, MEDIA_LOSS, MEDIA_RTT_S, MOS, limit
from dashboards.grafana.generator.panels import FULL, Query, Text, graph, heat_map, tiles
from dashboards.grafana.generator.sdk import models

GATHERING = "softphone_ice_gathering_seconds"
GATHERING_S = limit("ice-gathering", "gathering_p95")
ALLOCATE_S = limit("turn", "allocate_p95")
LAYERS = 'layer=~"ice|dtls|media"'


def build() -> models.Dashboard:
    """The whole dashboard."""
    built = framed(
        "softphone-ice-media",
        "From candidates to sound: ICE gathering, each STUN and TURN server, the phases of calls, the media itself.",
        since="now-3h",
    )
    return filled(
        built,
        ("", [_now(), publish_now(3), platform(3)]),
        ("Gathering", [_signatures(), _gathering_p95(), _gathering_map()]),
        ("STUN and TURN servers", [_outcomes(), _failed(), _stun(), _turn()]),
        ("Calls", [_call_phases(), _call_failures(), _drops(), _restarts()]),
        ("Media", [_rtt(), _jitter(), _arrival_clock(), _loss(), _silences(), _mos(), _heard()]),
    )


def _now() -> object:
    states = {
        "ICE gathering": q.worst(o.GATHERINGS.state(q.gatherings_failed("site, servers", q.NOW))),
        "STUN and TURN": q.worst(o.SERVERS.state(q.servers_failed("site, server", q.NOW))),
        "Call set-up": q.worst(CALLS_FAILED.state(q.calls_failed(over=q.NOW))),
        "Media": q.worst(MOS.state(q.quantile(0.05, "site", o.MOS_SERIES, over=q.NOW))),
    }
    text = Text(
        title="Now: the worst of all sites",
        answers="Which step fails first? Read from the left: what fails there makes everything to its right fail.",
        runbook="ice-gathering",
    )
    return tiles(text, *(Query(expr, name) for name, expr in states.items()), words=o.STATES, span=18)


def _signatures() -> object:
    expr = f"{q.counted('site, servers, signature', f'softphone_ice_gatherings_total{{{q.SITE}}}')} > 0"
    text = Text(
        title="Gatherings by what they looked like",
        answers="What is missing? host_only: no STUN; no_relay: no TURN; empty: no list of servers; slow: packets "
        "lost.",
        runbook="ice-gathering",
    )
    return graph(text, Query(expr, "{{site}} {{servers}} {{signature}}"), unit="none", bars=True)


def _gathering_p95() -> object:
    text = Text(
        title="Gathering time, p95",
        answers="Do callers wait for candidates, and with which set of servers?",
        runbook="ice-gathering",
    )
    expr = q.quantile(0.95, "site, servers", GATHERING)
    return graph(text, Query(expr, "{{site}} {{servers}}", exemplar=True), unit="s", limit=GATHERING_S)


def _gathering_map() -> object:
    text = Text(
        title="Gathering time, all of it",
        answers="Is everybody slow, or are there two groups? Two bands: one server or one network of several.",
        runbook="ice-gathering",
    )
    return heat_map(text, q.counted("le", f"{GATHERING}_bucket{{{q.SITE}}}"), unit="s", span=FULL)


def _outcomes() -> object:
    series = f"softphone_ice_server_results_total{{{q.SITE}}}"
    text = Text(
        title="Transactions by outcome",
        answers="Why does a server fail? timeout: firewall or dead server; auth: credentials expired; dns: name; "
        "refused: port.",
        runbook="turn",
    )
    expr = q.counted("outcome", series)
    return graph(text, Query(expr, "{{outcome}}"), unit="none", bars=True)


def _failed() -> object:
    text = Text(
        title="Share of transactions that failed, by server",
        answers="Which server fails, over which transport? One of several: that server. All at one site: its firewall.",
        runbook="turn",
    )
    expr = q.servers_failed("site, server, transport")
    return graph(text, Query(expr, "{{site}} {{server}}/{{transport}}"), unit="percentunit", limit=o.SERVERS, top=0.1)


def _stun() -> object:
    text = Text(title="STUN round trip, p95", answers="How far away is each STUN server?", runbook="ice-gathering")
    expr = q.quantile(0.95, "site, server, transport", "softphone_stun_rtt_seconds")
    return graph(text, Query(expr, "{{site}} {{server}}/{{transport}}", exemplar=True), unit="s")


def _turn() -> object:
    text = Text(
        title="TURN allocation, p95",
        answers="How long does a relay take, its authentication included? Empty where no TURN server is handed out.",
        runbook="turn",
    )
    expr = q.quantile(0.95, "site, server, transport", "softphone_turn_allocate_seconds")
    return graph(text, Query(expr, "{{site}} {{server}}/{{transport}}", exemplar=True), unit="s", limit=ALLOCATE_S)


def _call_phases() -> object:
    text = Text(
        title="Setting a call up, p95 by phase",
        answers="Where do callers wait: for the offer, for ICE checks, for DTLS, for the first sound?",
        runbook="ice-gathering",
    )
    expr = q.quantile(0.95, "phase", "softphone_call_phase_seconds")
    return graph(text, Query(expr, "{{phase}}", exemplar=True), unit="s")


def _call_failures() -> object:
    expr = q.counted("site, phase", f"softphone_call_phase_failures_total{{{q.SITE}}}")
    text = Text(
        title="Setting a call up, failures by phase",
        answers="Which step of a call fails, where? ice_checks: no path; dtls: a middlebox or certificates.",
        runbook="disconnects",
    )
    return graph(text, Query(expr, "{{site}} {{phase}}"), unit="none", bars=True, top=1)


def _drops() -> object:
    expr = f"round({q.counted('site, layer, reason', f'softphone_disconnects_total{{{q.SITE},{LAYERS}}}')})"
    text = Text(
        title="Calls that broke, by reason",
        answers="Why did calls break off that were up? consent_expired and silence: the path; closed_by_peer: the "
        "other side.",
        runbook="disconnects",
    )
    return graph(text, Query(expr, "{{site}} {{layer}}/{{reason}}"), unit="none", bars=True, top=1, span=FULL)


def _restarts() -> object:
    text = Text(
        title="ICE restarts",
        answers="Did the platform look for a new path within calls? It does so when the old one is gone.",
        runbook="disconnects",
    )
    expr = q.counted("site", f"softphone_ice_restarts_total{{{q.SITE}}}")
    return graph(text, Query(expr, "{{site}}"), unit="none", bars=True, top=1)


def _rtt() -> object:
    text = Text(title="Media round trip", answers="Is there a delay in the talk?", runbook="disconnects")
    return _media(text, "softphone_media_rtt_seconds", "s", MEDIA_RTT_S)


def _jitter() -> object:
    text = Text(title="Jitter", answers="Do packets come unevenly, so that the sound stutters?", runbook="disconnects")
    return _media(text, "softphone_media_jitter_seconds", "s", MEDIA_JITTER_S)


def _arrival_clock() -> object:
    text = Text(
        title="Who noted the arrivals of media",
        answers="Can jitter be our own? Times of the kernel stand apart from own lag; those of a callback do not.",
        runbook="monitor-health",
    )
    expr = q.counted("site, arrival_clock", f"softphone_media_samples_total{{{q.SITE}}}")
    return graph(text, Query(expr, "{{site}} {{arrival_clock}}"), unit="none", bars=True, top=1)


def _loss() -> object:
    text = Text(title="Packets lost", answers="Are there holes in the sound?", runbook="disconnects")
    return _media(text, "softphone_media_loss_ratio", "percentunit", MEDIA_LOSS)


def _silences() -> object:
    text = Text(
        title="Calls that fell silent",
        answers="Do callers hear gaps of 2 s and more? Most heal; those of 7.6 s are drops, and counted as such.",
        runbook="silence",
    )
    expr = q.counted("site", f"softphone_media_silences_total{{{q.SITE}}}")
    return graph(text, Query(expr, "{{site}}"), unit="none", bars=True, top=1)


def _media(text: Text, histogram: str, unit: str, of: object) -> object:
    asked = [
        Query(q.quantile(number, "site", histogram), f"{{{{site}}}} p{number * 100:.0f}", exemplar=True)
        for number in (0.5, 0.95)
    ]
    return graph(text, *asked, unit=unit, limit=of)  # type: ignore[arg-type]


def _mos() -> object:
    text = Text(
        title="Estimated MOS",
        answers="How good does it sound? 4.4 is the best that the codec can do, under 3.5 callers complain. Half of "
        "all seconds are above the upper line, 95 % above the lower.",
        runbook="disconnects",
    )
    asked = [
        Query(q.quantile(number, "site", o.MOS_SERIES), f"{{{{site}}}} {words}", exemplar=True)
        for number, words in ((0.5, "median"), (0.05, "95 % above"))
    ]
    return graph(text, *asked, unit="none", limit=MOS, top=5)


def _heard() -> object:
    text = Text(
        title="What canaries hear",
        answers="Is anything to be heard, where packets come? Frames of 20 ms; nothing at all: no canaries are set up "
        "(fleet: canaries). Gaps between words are silent.",
        runbook="disconnects",
    )
    expr = q.counted("site, heard", f"softphone_canary_frames_total{{{q.SITE}}}")
    return graph(text, Query(expr, "{{site}} {{heard}}"), unit="none", bars=True, top=1)
