"""The table of causes, readable: what each scenario's history shows while its cause is at work, and what not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from itertools import pairwise, takewhile
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor.facts.observations import Observation
from monitor.simulator.history.history import BackgroundDrops, Cadence, HistoryPlan, facts
from monitor.simulator.world.occurrences import local_moment
from monitor.simulator.world.scenario import load_scenario, shipped_scenarios

MONDAY, TUESDAY = date(2026, 9, 14), date(2026, 9, 15)
CADENCE = Cadence(call_s=150.0, hold_s=100.0, signalling_s=15.0, own_lag_s=15.0)
NO_CHANCE = BackgroundDrops(per_agent_hour=0.0)  # what is told below is the cause's own doing
SITES = ("chicago", "dallas")
SIGNALLING, ICE, DTLS, MEDIA, PLATFORM = "signalling", "ice", "dtls", "media", "platform"


@dataclass(frozen=True)
class Seen:
    """The facts of a stretch of time, asked by the letters of the table."""

    told: tuple[Any, ...]

    def at(self, site: str) -> Seen:
        """N: of one site."""
        return Seen(tuple(fact for fact in self.told if fact.site == site))

    def of(self, kind: str, **what: Any) -> list[Any]:
        """Facts of a kind with these values."""
        return [f for f in self.told if f.kind == kind and all(getattr(f, k) == v for k, v in what.items())]

    def drops(self, *layers: str) -> Counter[str]:
        """C, M: disconnects by reason, of these layers or of all."""
        return Counter(f.reason for f in self.of("disconnect") if f.layer in layers or not layers)

    def pings(self, channel: str = "xmpp") -> set[str]:
        """W: outcomes of heartbeats."""
        return {f.outcome for f in self.of("heartbeat", channel=channel)}

    def rtts_s(self, channel: str = "xmpp") -> list[float]:
        """W: round trips."""
        return [f.rtt_s for f in self.of("heartbeat", channel=channel, outcome="ok")]

    def fetches_s(self) -> list[float | None]:
        """F: times of ICE-server fetches, None for one that failed."""
        return [f.seconds for f in self.of("phase", phase="ice_servers", probe="signalling-1")]

    def gatherings(self, probe: str = "gathering-1") -> set[str]:
        """G: signatures."""
        return {f.signature.value for f in self.of("gathering", probe=probe)}

    def outcomes(self, scheme: str, probe: str = "gathering-1") -> set[str]:
        """G, S, T: what `stun` or `turn` servers did in a probe's gatherings."""
        return {r.outcome.value for r in self.results(scheme, probe)}

    def results(self, scheme: str, probe: str = "own-servers") -> list[Any]:
        """S, T: single results."""
        return [r for f in self.of("gathering", probe=probe) for r in f.results if r.scheme == scheme]

    def statuses(self) -> set[str]:
        """R: of every REST call of the monitor and its softphones."""
        return {f.status for f in self.of("api")}

    def rest_s(self) -> list[float]:
        """R: times of the control request."""
        return [f.seconds for f in self.of("api", probe="api-1")]

    def phases(self, name: str) -> list[float | None]:
        """M: times of a call's phase, None where it failed."""
        return [f.seconds for f in self.of("call_phase", phase=name)]

    def lag_s(self) -> float:
        """L: the worst."""
        return max(max(f.lag_samples_s) for f in self.of("own_lag"))

    def away_s(self) -> list[float]:
        """How long each softphone that came back was away."""
        return [f.seconds for f in self.of("connection", connected=True)]

    def well(self, *but: str) -> bool:
        """Signalling, gathering, REST, STUN and calls, each as it should be; `but` names what is not asked."""
        fine = {
            "drops": not self.drops(),
            "signalling": self.pings() == self.pings("notification") == {"ok"} and max(self.rtts_s()) < 0.25,
            "fetch": None not in self.fetches_s() and max(s or 0.0 for s in self.fetches_s()) < 0.25,
            "gathering": self.gatherings() == self.gatherings("gathering-2") == {"ok"},
            "stun": {r.outcome.value for r in self.results("stun")} == {"ok"},
            "rest": self.statuses() == {"200"} and max(self.rest_s()) < 0.3,
            "calls": all(None not in self.phases(phase) for phase in ("ice_checks", "dtls", "first_media")),
            "lag": self.lag_s() < 0.02,
        }
        return all(fine[name] for name in fine if name not in but)


def seen(name: str, day: date, begin: time, end: time) -> Seen:
    """The facts of a stretch of one scenario's day. The job publishes on Tuesdays at 10:00."""
    hours = (time(begin.hour), time(18))
    scenario = load_scenario(name)
    plan = HistoryPlan(start=day, weeks=1, hours=hours, cadence=CADENCE, background=NO_CHANCE)
    zone = ZoneInfo(scenario.timezone)
    begin_s, end_s = local_moment(day, begin, zone), local_moment(day, end, zone)
    told = takewhile(lambda fact: fact.at_wall_s < end_s, facts(scenario, plan, 7))
    return Seen(tuple(fact for fact in told if isinstance(fact, Observation) and fact.at_wall_s >= begin_s))


def split(whole: Seen, name: str, day: date, at: time) -> tuple[Seen, Seen]:
    """What came before a moment and what from it on."""
    at_s = local_moment(day, at, ZoneInfo(load_scenario(name).timezone))
    before = tuple(fact for fact in whole.told if fact.at_wall_s < at_s)
    return Seen(before), Seen(whole.told[len(before) :])


# One function a scenario: `before` is quiet time, `now` is ten minutes with the cause at work.


def publish_saturates_signalling(before: Seen, now: Seen) -> None:
    assert now.well("drops", "signalling", "fetch", "rest", "gathering", "calls")
    assert max(now.rtts_s("notification")) > 1.0 or "timeout" in now.pings("notification")  # W up ...
    assert None in now.fetches_s() or max(s or 0.0 for s in now.fetches_s()) > 5.0  # ... together with F
    assert now.drops(SIGNALLING)["ping_timeout"] > 30
    silent_s = [f.noticed_wall_s - f.last_good_wall_s for f in now.of("disconnect", reason="ping_timeout")]
    assert all(29.0 < s < 58.2 for s in silent_s)  # two missed pings, not one and not three
    assert not now.drops(MEDIA, DTLS)  # M of calls in progress intact


def publish_innocent(before: Seen, now: Seen) -> None:
    assert now.well("rest")
    assert max(now.rest_s()) > 0.5 > max(before.rest_s())  # only REST moves, and nobody drops for it


def publish_innocent_daily_peak(before: Seen, now: Seen) -> None:
    assert now.well("drops", "signalling", "fetch", "rest", "gathering", "calls")
    assert max(now.rtts_s("notification")) > 0.5  # on a Monday, when nothing is published


def api_overloaded_only(before: Seen, now: Seen) -> None:
    assert now.well("rest")
    assert max(now.rest_s()) > 2.0
    assert "503" in now.statuses()


def shared_token_rate_limit(before: Seen, now: Seen) -> None:
    assert now.well("drops", "signalling", "fetch", "gathering", "rest", "calls")
    limited = now.of("api", status="429")
    assert limited
    assert all(f.probe.startswith("synthetic-") and f.retry_after_s > 30 for f in limited)
    assert "429" not in {f.status for f in now.of("api", probe="api-1")}  # another token's calls are not concerned
    told_s = max(f.retry_after_s for f in limited)
    late = [s for s in now.away_s() if s > 30]
    assert len(late) > 40
    assert all(told_s < s < told_s + 15 for s in late)  # Retry-After, and the backoff on top


def edge_restart(before: Seen, now: Seen) -> None:
    assert now.drops(SIGNALLING) == {"closed": 152}  # all sites, everybody
    at = [f.noticed_wall_s for f in now.of("disconnect", layer=SIGNALLING)]
    assert max(at) - min(at) < 1.0
    assert "timeout" not in now.pings()  # within a second, no missed pong
    assert {f.code for f in now.of("disconnect", layer=SIGNALLING)} == {1012}  # as live
    assert len(now.away_s()) == 152
    assert max(now.away_s()) < 20.0


def planned_move(before: Seen, now: Seen) -> None:
    assert now.drops(SIGNALLING) == {"moved": 152}
    assert now.pings() == {"ok"}
    assert {f.reconnect for f in now.of("connection", connected=True)} == {"hard"}


def reconnect_herd(before: Seen, now: Seen) -> None:
    assert now.drops(SIGNALLING) == {"closed": 152}  # one trigger
    away = Counter(round(s) for s in now.away_s())
    waves = 1 + sum(b - a > 5 for a, b in pairwise(sorted(away)))
    assert waves >= 2  # they come back in step, and the last much later than 10 s of outage explain
    assert min(away) > 25
    assert max(away) > 60
    failed = [f.failure.operation for f in now.of("phase") if f.failure and f.probe == "synthetic-chicago"]
    assert failed[:3] == [
        "upgrade",
        "upgrade",
        "sasl",
    ]  # refused at +2 and +6 s; at +14 s the queue is full of the herd
    assert "timeout" in now.pings("notification")  # W is bad again, with no new trigger


def stun_outage(before: Seen, now: Seen) -> None:
    assert now.well("gathering", "stun")
    for site in SITES:  # the service, not a firewall
        here = now.at(site)
        assert here.gatherings() == {"no_srflx"}
        assert here.outcomes("stun") == {"timeout"}
        assert here.outcomes("turn") == {"ok"}
        assert here.gatherings("own-servers") == {"host_only"}


def stun_overload(before: Seen, now: Seen) -> None:
    assert now.well("gathering", "stun")
    for site in SITES:
        seconds = [r.seconds for r in now.at(site).results("stun") if r.seconds is not None]
        assert "slow" in now.at(site).gatherings("own-servers")
        assert min(seconds) > 0.2  # RTT up
        assert any(0.7 < s < 1.0 for s in seconds)  # and a step of 0.5 s with each loss


def turn_expired(before: Seen, now: Seen) -> None:
    assert now.well("gathering")
    late = now.told[len(now.told) // 4 :]  # credentials are worth a minute from now on
    assert Seen(late).gatherings() == {"no_relay"}
    assert Seen(late).outcomes("turn") == {"auth"}
    assert now.gatherings("gathering-2") == {"ok"}  # age since F: what is handed out now works


def turn_rate_limited(before: Seen, now: Seen) -> None:
    assert now.well("gathering")
    assert now.at("dallas").well()  # another source address is fine
    assert now.at("chicago").outcomes("turn") >= {"timeout"}
    assert now.at("chicago").outcomes("stun") == {"ok"}
    assert "no_relay" in now.at("chicago").gatherings()


def turn_unreachable(before: Seen, now: Seen) -> None:
    assert now.well("gathering")
    for site in SITES:
        assert now.at(site).gatherings() == {"no_relay"}
        assert now.at(site).outcomes("turn") == {"timeout"}


def dns_failure(before: Seen, now: Seen) -> None:
    assert now.well("gathering", "stun")
    assert now.gatherings() == {"host_only"}
    assert now.outcomes("stun") == now.outcomes("turn") == {"dns"}
    assert max(f.seconds for f in now.of("gathering")) < 0.02  # in milliseconds, not at a timeout


def ice_servers_empty(before: Seen, now: Seen) -> None:
    assert now.well("gathering", "drops", "calls")
    fresh = now.of("gathering", probe="gathering-2")
    assert {f.signature.value for f in fresh} == {"empty"}
    assert max(f.seconds for f in fresh) < 0.02
    assert set(now.drops()) <= {"no_candidates"}  # whoever fetched just then cannot call; F itself is fast


def vpn_split_tunnel(before: Seen, now: Seen) -> None:
    assert now.well("gathering")
    both = now.of("gathering", probe="gathering-1")
    assert all(f.seconds is None and "srflx" in f.obtained for f in both)  # at a timeout although srflx is there
    assert now.gatherings("gathering-lan") == {"ok"}
    assert now.gatherings("gathering-vpn") == {"no_srflx"}


def symmetric_nat(before: Seen, now: Seen) -> None:
    assert now.well()  # relay works
    mapped = {site: {(r.server, r.address) for r in now.at(site).results("stun")} for site in SITES}
    assert len({address for _, address in mapped["chicago"]}) == 2 == len({s for s, _ in mapped["chicago"]})
    assert len({address for _, address in mapped["dallas"]}) == 1


def nat_binding(before: Seen, now: Seen) -> None:
    assert now.well("drops")
    assert now.at("dallas").well()
    assert set(now.drops()) == {"silence"} == set(now.drops(MEDIA))
    silent_s = [f.noticed_wall_s - f.last_good_wall_s for f in now.of("disconnect")]
    assert len(silent_s) > 5
    assert all(30.0 <= s <= 32.0 for s in silent_s)  # a constant time after silence


def site_path_loss(before: Seen, now: Seen) -> None:
    assert now.at("dallas").well()  # N = 1
    chicago = now.at("chicago")
    assert chicago.well("drops", "gathering", "stun", "calls")
    assert not chicago.drops(SIGNALLING)
    assert chicago.drops(ICE)["consent_expired"] > 10
    assert chicago.drops(MEDIA) == {"silence": 1}
    first_lost = min(f.noticed_wall_s for f in chicago.of("disconnect"))
    first_dead = min(f.at_wall_s for f in chicago.of("gathering", signature="host_only"))
    assert first_dead < first_lost + 60
    assert "timeout" in chicago.outcomes("stun", "own-servers")


def dtls_failure(before: Seen, now: Seen) -> None:
    assert now.well("drops", "calls")
    assert set(now.phases("dtls")) == {None}
    assert None not in now.phases("ice_checks")  # only DTLS moves
    assert set(now.drops()) == {"handshake_failed"}


def proxy_idle_60s(before: Seen, now: Seen) -> None:
    assert now.at("dallas").well()
    assert now.well("drops")
    idle_s = [f.noticed_wall_s - f.last_good_wall_s for f in now.of("disconnect", layer=SIGNALLING)]
    assert len(idle_s) > 5
    assert set(now.drops(SIGNALLING)) == {"reset"}
    assert all(59.5 < s < 60.5 for s in idle_s)  # a constant idle age


def token_expired(before: Seen, now: Seen) -> None:
    assert now.drops(SIGNALLING) == {"auth": 152}
    refused = [f for f in now.of("phase", phase="sasl", agent="synthetic-chicago") if f.failure]
    assert [f.failure.reason for f in refused] == ["auth"]
    assert not now.away_s()  # terminal: nobody comes back
    assert now.pings() == {"ok", "not_connected"}
    assert now.pings("notification") == {"ok"}


def session_takeover(before: Seen, now: Seen) -> None:
    assert now.well("drops")
    assert now.drops() == {"duplicate_id": 1}
    assert len(now.away_s()) == 1  # one user only


def persistent_connection_idle(before: Seen, now: Seen) -> None:
    assert now.well("drops")
    assert set(now.drops()) == {"persistent_connection"} == set(now.drops(PLATFORM))  # never a drop of signalling


def monitor_overloaded(before: Seen, now: Seen) -> None:
    assert not now.drops()
    assert now.lag_s() > 0.2
    assert now.pings() == {"ok"}
    for figure in (Seen.rtts_s, Seen.rest_s, lambda s: s.rtts_s("websocket"), lambda s: s.rtts_s("notification")):
        assert median(figure(now)) > 3 * median(figure(before))  # everything bad at once
    measured = [f for f in now.told if f.measured_s() is not None and f.kind != "media"]
    assert sum(f.suspect for f in measured) > 0.9 * len(measured)


def clock_step(before: Seen, now: Seen) -> None:
    assert now.well()  # durations fine
    for site in SITES:
        slots = [f.at_wall_s for f in now.at(site).of("heartbeat", channel="notification")]
        last = before.at(site).of("heartbeat", channel="notification")[-1].at_wall_s
        steps = [b - a for a, b in pairwise([last, *slots])]
        assert sum(44 < step < 46 for step in steps) == 1  # wall times jump, by half a minute
        assert sum(14 < step < 16 for step in steps) == len(steps) - 1


def quiet(before: Seen, now: Seen) -> None:
    assert now.well()


CHECKS: dict[str, Callable[[Seen, Seen], None]] = {
    check.__name__: check
    for check in (
        *(publish_saturates_signalling, publish_innocent, publish_innocent_daily_peak, api_overloaded_only),
        *(shared_token_rate_limit, edge_restart, planned_move, reconnect_herd, stun_outage, stun_overload),
        *(turn_expired, turn_rate_limited, turn_unreachable, dns_failure, ice_servers_empty, vpn_split_tunnel),
        *(symmetric_nat, nat_binding, site_path_loss, dtls_failure, proxy_idle_60s, token_expired),
        *(session_takeover, persistent_connection_idle, monitor_overloaded, clock_step, quiet),
    )
}

ALWAYS = {  # these causes are at work before as well: what of it is not asked there
    "nat_binding": "drops",
    "persistent_connection_idle": "drops",
    "proxy_idle_60s": "drops",
    "turn_expired": "gathering",
}


def test_every_scenario_is_in_the_table() -> None:
    assert set(CHECKS) == set(shipped_scenarios())


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_cause_shows_its_own_pattern(name: str) -> None:
    publishing = name.startswith("publish")
    day = TUESDAY if name in ("publish_saturates_signalling", "publish_innocent") else MONDAY
    begin, at, end = (time(9, 45), time(10), time(10, 10)) if publishing else (time(9, 5), time(9, 20), time(9, 29, 30))
    before, now = split(seen(name, day, begin, end), name, day, at)
    assert before.well(ALWAYS.get(name, ""))
    CHECKS[name](before, now)
