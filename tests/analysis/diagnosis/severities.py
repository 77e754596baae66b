"""Scenarios with their severity, sites and times drawn by a seed, within the ranges in which each cause is at work."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from monitor.simulator.world.occurrences import MOMENTARY, Occurrence
from monitor.simulator.world.scenario import Queue, Scenario, load_scenario

SITES: Final = ("chicago", "dallas")
Change = dict[str, Any]  # fields of a scenario, or of one of its occurrences


def drawn(name: str, seed: int, *, days: Sequence[str] = ("mon", "tue"), hours: tuple[int, int] = (8, 18)) -> Scenario:
    """A shipped scenario, made better or worse, oftener or rarer by chance; its occurrences fall into these days."""
    rng = random.Random(f"{name}:{seed}")
    scenario = load_scenario(name)
    whole, each = DRAWS[name](rng)
    weekly = [what for what in scenario.occurrences if not what.at or isinstance(what.at[-1], str)]
    standing = [what for what in weekly if not what.at or name == "publish_innocent_daily_peak"]
    timed = [what for what in weekly if what not in standing]
    starts = _moments(rng, days, hours, len(timed))
    occurrences = [_with(what, each) for what in standing]
    occurrences += [_with(what, {**each, "at": tuple(starts[n :: len(timed)])}) for n, what in enumerate(timed)]
    return scenario.model_copy(update={**whole, "occurrences": tuple(occurrences)})


def _moments(rng: random.Random, days: Sequence[str], hours: tuple[int, int], kinds: int) -> list[str]:
    """Times at least half an hour apart, so that each occurrence is over before the next one begins."""
    slots = [(day, minute) for day in days for minute in range(60 * hours[0] + 10, 60 * hours[1] - 25, 35)]
    count = max(kinds, min(len(slots), rng.randint(2, 2 + len(days))))
    chosen = sorted(rng.sample(range(len(slots)), count))
    times = [(slots[n][0], slots[n][1] + rng.randint(0, 5)) for n in chosen]
    return [f"{day} {minute // 60:02d}:{minute % 60:02d}" for day, minute in times]


def _with(what: Occurrence, change: Change) -> Occurrence:
    """The occurrence with those of the changes that its kind knows; validated anew."""
    fields = what.model_dump(include=what.model_fields_set)
    known = {name: value for name, value in change.items() if name in fields or name in ("site", "at")}
    if what.kind in MOMENTARY or not what.at:
        known.pop("for_s", None)
    if "by_s" in known:
        known["by_s"] *= 1 if fields["by_s"] > 0 else -1
    return Occurrence.model_validate({**fields, **known})


def _somewhere(rng: random.Random) -> str | None:
    return rng.choice((*SITES, None))


def _publish_saturates(rng: random.Random) -> tuple[Change, Change]:
    return {"coupling": rng.uniform(5.0, 9.0), "rest": Queue(capacity=rng.uniform(50.0, 90.0))}, {}


def _publish_innocent(rng: random.Random) -> tuple[Change, Change]:
    return {"rest": Queue(capacity=rng.uniform(5.0, 12.0)), "schedule_reads": rng.uniform(0.05, 0.2)}, {}


def _daily_peak(rng: random.Random) -> tuple[Change, Change]:
    return {}, {"signalling_per_s": rng.uniform(41.2, 46.0), "for_s": float(rng.randint(240, 420))}


def _api_overloaded(rng: random.Random) -> tuple[Change, Change]:
    return {}, {"rest_per_s": rng.uniform(23.0, 60.0), "for_s": float(rng.randint(180, 1200))}


def _clock_step(rng: random.Random) -> tuple[Change, Change]:
    return {}, {"by_s": rng.uniform(3.0, 50.0)}


def _for_a_while(rng: random.Random) -> tuple[Change, Change]:
    return {}, {"for_s": float(rng.randint(300, 1200))}


def _for_a_while_somewhere(rng: random.Random) -> tuple[Change, Change]:
    return {}, {"for_s": float(rng.randint(300, 1200)), "site": _somewhere(rng)}


def _dtls(rng: random.Random) -> tuple[Change, Change]:
    return {"call_every_s": rng.uniform(240.0, 600.0)}, {
        "for_s": float(rng.randint(600, 1200)),
        "site": _somewhere(rng),
    }


def _restart(rng: random.Random) -> tuple[Change, Change]:
    return {}, {"down_s": rng.uniform(1.0, 9.0)}


def _as_it_is(rng: random.Random) -> tuple[Change, Change]:
    return {"call_every_s": rng.uniform(300.0, 900.0)}, {}


def _herd(rng: random.Random) -> tuple[Change, Change]:
    capacity = rng.uniform(17.0, 23.0)
    return {"signalling": Queue(capacity=capacity, backlog_limit_s=60.0)}, {"down_s": rng.uniform(7.0, 13.0)}


def _monitor_overloaded(rng: random.Random) -> tuple[Change, Change]:
    return {}, {"lag_s": rng.uniform(0.15, 0.8), "for_s": float(rng.randint(300, 1200))}


def _nat_binding(rng: random.Random) -> tuple[Change, Change]:
    return {"call_every_s": rng.uniform(180.0, 300.0)}, {"binding_s": rng.uniform(25.0, 60.0), "site": _somewhere(rng)}


def _persistent_idle(rng: random.Random) -> tuple[Change, Change]:
    return {"call_every_s": rng.uniform(600.0, 1200.0)}, {"after_s": rng.uniform(300.0, 900.0)}


def _proxy(rng: random.Random) -> tuple[Change, Change]:
    return {"hidden_tabs": rng.uniform(0.05, 0.12)}, {"after_s": rng.uniform(40.0, 60.0), "site": _somewhere(rng)}


def _shared_token(rng: random.Random) -> tuple[Change, Change]:
    chicago, dallas = rng.randint(110, 160), rng.randint(60, 100)
    return {"agents": chicago + dallas, "sites": {"chicago": chicago, "dallas": dallas}}, {}


def _path_loss(rng: random.Random) -> tuple[Change, Change]:
    calls = {"call_every_s": rng.uniform(180.0, 360.0)}
    return calls, {"for_s": float(rng.randint(180, 600)), "site": rng.choice(SITES)}


def _stun_outage(rng: random.Random) -> tuple[Change, Change]:
    loss = rng.choice((1.0, rng.uniform(0.985, 1.0)))
    return {}, {"loss": loss, "for_s": float(rng.randint(300, 1200)), "site": _somewhere(rng)}


def _stun_overload(rng: random.Random) -> tuple[Change, Change]:
    return {}, {"requests_per_s": rng.uniform(240.0, 600.0), "for_s": float(rng.randint(300, 1200))}


def _symmetric_nat(rng: random.Random) -> tuple[Change, Change]:
    return {}, {"site": _somewhere(rng)}


def _token_expired(rng: random.Random) -> tuple[Change, Change]:
    return {}, {"life_s": rng.uniform(5.0, 120.0), "for_s": float(rng.randint(420, 1200))}


def _turn_expired(rng: random.Random) -> tuple[Change, Change]:
    life_s = rng.uniform(10_800.0, 18_000.0)
    return {"turn_credential_life_s": life_s}, {
        "life_s": rng.uniform(5.0, 120.0),
        "for_s": float(rng.randint(600, 1200)),
    }


def _turn_rate_limited(rng: random.Random) -> tuple[Change, Change]:
    asked = rng.uniform(50.0, 200.0)
    return {}, {"requests_per_s": asked, "site": rng.choice(SITES), "for_s": float(rng.randint(600, 1200))}


def _vpn(rng: random.Random) -> tuple[Change, Change]:
    interface = rng.choice(("vpn", "tun0", "utun3"))
    return {}, {"interface": interface, "site": _somewhere(rng), "for_s": float(rng.randint(300, 1200))}


DRAWS: Final[dict[str, Callable[[random.Random], tuple[Change, Change]]]] = {
    "api_overloaded_only": _api_overloaded,
    "clock_step": _clock_step,
    "dns_failure": _for_a_while_somewhere,
    "dtls_failure": _dtls,
    "edge_restart": _restart,
    "ice_servers_empty": _for_a_while,
    "monitor_overloaded": _monitor_overloaded,
    "nat_binding": _nat_binding,
    "persistent_connection_idle": _persistent_idle,
    "planned_move": _as_it_is,
    "proxy_idle_60s": _proxy,
    "publish_innocent": _publish_innocent,
    "publish_innocent_daily_peak": _daily_peak,
    "publish_saturates_signalling": _publish_saturates,
    "quiet": _as_it_is,
    "reconnect_herd": _herd,
    "session_takeover": _as_it_is,
    "shared_token_rate_limit": _shared_token,
    "site_path_loss": _path_loss,
    "stun_outage": _stun_outage,
    "stun_overload": _stun_overload,
    "symmetric_nat": _symmetric_nat,
    "token_expired": _token_expired,
    "turn_expired": _turn_expired,
    "turn_rate_limited": _turn_rate_limited,
    "turn_unreachable": _for_a_while_somewhere,
    "vpn_split_tunnel": _vpn,
}


def both(one: str, other: str, seed: int, **when: Any) -> Scenario:
    """Two causes at the same times: the first scenario's platform, with what happens in the other one as well."""
    first, second = drawn(one, seed, **when), drawn(other, seed, **when)
    at = next((what.at for what in first.occurrences if what.at), ())
    added = []
    for what in second.occurrences:
        site = what.site if what.site in first.site_sizes else None
        added.append(what.model_copy(update={"at": at if what.at and at else what.at, "site": site}))
    own = ("turn_credential_life_s", "hidden_tabs", "rest")  # what an added occurrence needs to be at work
    changed = {name: getattr(second, name) for name in own if name in second.model_fields_set}
    return first.model_copy(update={**changed, "occurrences": (*first.occurrences, *added)})
