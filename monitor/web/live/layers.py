"""How each layer stands by the last five minutes, in a word and a short sentence; pure.

Quick and coarse: the on-call checks, which the page shows beside it, are the judge. The limits are theirs
(oncall/limits.py; a test compares the two).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from monitor.facts.runs import Run
from monitor.facts.words import counted
from monitor.web.live.rings import Total

PERIOD_S = 300.0
FEW_ATTEMPTS = 3  # fewer make no share and no percentile

NOT_CONNECTED = "not_connected"
NOT_TRIED = (NOT_CONNECTED, "late")  # judged by who is connected; told on top of the timeout of the same ping

OK, WARNING, CRITICAL, UNKNOWN = "ok", "warning", "critical", "unknown"
_SEVERITY = (OK, UNKNOWN, WARNING, CRITICAL)

PING_S = (0.15, 0.3)  # 95th percentile: over the first a warning, over the second critical
MISSED = (0.02, 0.1)
FETCH_S = (1.0, 5.0)
FETCH_FAILED = (0.02, 0.1)
GATHERING_S = (1.0, 5.0)
GATHERING_FAILED = (0.05, 0.2)
API_S = (1.0, 5.0)
API_LIMITED = (0.0, 0.05)
API_FAILED = (0.01, 0.1)
OFFLINE = (0.05, 0.2)  # share of the expected softphones that are not connected
JITTER_S = (0.03, 0.1)
LOSS = (0.02, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known of the last five minutes. drops: unplanned, by layer of the page. silent: of those connected."""

    ready: bool
    totals: Mapping[str, Total]
    drops: Mapping[str, int] = field(default_factory=dict)
    connected: int = 0
    silent: int = 0
    expected: int = 0
    running: tuple[Run, ...] = ()
    last: Run | None = None
    now_s: float = 0.0
    suspect: bool = False
    lag_s: float = 0.0
    dropped: int = 0

    def of(self, track: str) -> Total:
        """What a track has counted."""
        return self.totals.get(track) or Total()


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer's state."""

    layer: str
    state: str
    words: str


def layers(view: View) -> list[Layer]:
    """Every layer of the page, in its order."""
    return [Layer(name, *judge(view)) for name, judge in _JUDGES.items()]


def _signalling(view: View) -> tuple[str, str]:
    ping, fetch = view.of("ws_rtt"), view.of("ice_servers")
    if not ping.n:
        ping = view.of("notification_rtt")
    states, words = [], []
    if view.expected:
        words.append(f"{view.connected} of {view.expected} connected")
        states.append(_by(1.0 - view.connected / view.expected, OFFLINE) if view.ready else UNKNOWN)
    if view.silent:  # no drop yet, and none at all for a softphone if it is heard again in time
        words.append(f"{view.silent} silent now")
        states.append(WARNING)
    for total, name, failed, limits_s, limits in (
        (ping, "ping", "missed", PING_S, MISSED),
        (fetch, "ICE-server fetch", "failed", FETCH_S, FETCH_FAILED),
    ):
        tried = total.without(*NOT_TRIED)
        if tried.n:
            words.append(_figure(tried, name, failed))
            states.append(_judged(tried, limits_s, limits))
        offline = total.words[NOT_CONNECTED] if total.words else 0
        words += [f"{offline} not tried: not connected"] if offline else []
    return _together(states, words, view.drops.get("signalling", 0), "no ping and no session yet")


def _ice(view: View) -> tuple[str, str]:
    total = view.of("ice_gathering")
    states, words = [], []
    if total.n:
        words.append(_figure(total, "gathering", "failed"))
        states.append(_judged(total, GATHERING_S, GATHERING_FAILED))
    return _together(states, words, view.drops.get("ice", 0), "no gathering in the last 5 minutes")


def _media(view: View) -> tuple[str, str]:
    rtt, jitter, loss = (view.of(f"media_{name}") for name in ("rtt", "jitter", "loss"))
    states, words = [], []
    if jitter.n or rtt.n or loss.n:
        mids = [total.sketch.quantile(0.5) for total in (rtt, jitter, loss)]
        words += [f"{name} {_ms(mid)}" for name, mid in zip(("RTT", "jitter"), mids, strict=False) if mid is not None]
        words += [] if mids[2] is None else [f"loss {mids[2] * 100:.1f} %"]
        states += [_by(jitter.sketch.quantile(0.5), JITTER_S), _by(loss.sketch.quantile(0.5), LOSS)]
    return _together(states, words, view.drops.get("media", 0), "no call in the last 5 minutes")


def _api(view: View) -> tuple[str, str]:
    total = view.of("api")
    states, words = [], []
    if total.n:
        limited = total.words["429"] if total.words else 0
        words.append(
            f"{counted(total.n, 'call')}, {limited} told to wait (429), {total.bad - limited} failed otherwise, "
            f"p95 {_ms(total.sketch.quantile(0.95))}"
        )
        states.append(_by(limited / total.n, API_LIMITED))
        states.append(_by((total.bad - limited) / total.n, API_FAILED) if total.n >= FEW_ATTEMPTS else OK)
        states.append(_by(total.sketch.quantile(0.95), API_S) if total.n >= FEW_ATTEMPTS else OK)
    return _together(states, words, 0, "no REST call in the last 5 minutes")


def _publish(view: View) -> tuple[str, str]:
    if view.running:
        return OK, "; ".join(_with(f"{run.job} is running: ", _progress(run)) for run in view.running)
    if view.last is None or view.last.end_wall_s is None:
        return OK, "no publish in the last 24 hours"
    ago = _ago(view.now_s - view.last.end_wall_s)
    state = OK if view.last.outcome == "ok" else WARNING
    return state, _with(f"{view.last.job} ended {ago} ago: {view.last.outcome}, ", _progress(view.last))


def _monitor(view: View) -> tuple[str, str]:
    lag = f"worst loop lag {_ms(view.lag_s)} in the last minute"
    if not view.ready:
        return UNKNOWN, "probes are starting"
    if view.suspect:
        return WARNING, f"own lag may have falsified measurements: {lag}"
    if view.dropped:
        return WARNING, f"{counted(view.dropped, 'fact')} lost since the start; {lag}"
    return OK, lag


def _together(states: list[str], words: list[str], drops: int, nothing: str) -> tuple[str, str]:
    if drops:
        states, words = [*states, WARNING], [f"{counted(drops, 'drop')} in the last 5 minutes", *words]
    if not states:
        return UNKNOWN, nothing
    return max(states, key=_SEVERITY.index), ", ".join(words)


def _judged(total: Total, limits_s: tuple[float, float], limits: tuple[float, float]) -> str:
    if total.n < FEW_ATTEMPTS:
        return UNKNOWN if total.bad else OK
    states = (_by(total.sketch.quantile(0.95), limits_s), _by(total.bad / total.n, limits))
    return max(states, key=_SEVERITY.index)


def _by(value: float | None, limits: tuple[float, float]) -> str:
    if value is None:
        return OK
    return CRITICAL if value > limits[1] else WARNING if value > limits[0] else OK


def _figure(total: Total, name: str, failed: str) -> str:
    answered = "p95 of those answered" if total.bad else "p95"
    return f"{name} {answered} {_ms(total.sketch.quantile(0.95))}, {total.bad} of {total.n} {failed}"


def _progress(run: Run) -> str:
    parts = [run.strategy] if run.strategy else []
    parts += [counted(len(run.batches), "batch", "batches")] if run.batches else []
    return ", ".join(parts)


def _with(words: str, more: str) -> str:
    """The words and more; without more they end before their last punctuation."""
    return words + more if more else words.rstrip(" :,")


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return "not measured"
    return f"{seconds:.2f} s" if seconds >= 1.0 else f"{seconds * 1000:.1f} ms"


def _ago(seconds: float) -> str:
    minutes = max(0, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


_JUDGES: dict[str, Callable[[View], tuple[str, str]]] = {
    "signalling": _signalling,
    "ice": _ice,
    "media": _media,
    "api": _api,
    "publish": _publish,
    "monitor": _monitor,
}
