"""Label sets: complete from the start, bounded for ever."""

from __future__ import annotations

from monitor.outputs.catalogue import CATALOGUE, OPEN_VALUES_LIMIT, OTHER
from monitor.outputs.labels import LabelSpace


def space(name: str, *, per_agent: bool = False) -> LabelSpace:
    """The label space of a metric of the catalogue."""
    return LabelSpace(next(metric for metric in CATALOGUE if metric.name == name), per_agent=per_agent)


def test_known_is_the_product_of_closed_and_given_values() -> None:
    sets = set(space("softphone_heartbeats_total").known({("site",): (("a",), ("b",))}))
    assert len(sets) == 2 * 3 * 5
    assert ("a", "xmpp", "late") in sets


def test_nothing_is_known_while_an_open_label_has_no_value() -> None:
    assert list(space("softphone_heartbeats_total").known({})) == []
    assert list(space("softphone_api_requests_total").known({("site",): (("a",),), ("operation",): (("x",),)})) == []


def test_combined_labels_come_in_the_pairs_that_make_sense() -> None:
    sets = set(space("softphone_disconnects_total").known({("site",): (("a",),)}))
    assert ("a", "signalling", "ping_timeout") in sets
    assert ("a", "media", "ping_timeout") not in sets


def test_pairs_of_open_labels_can_be_known_together() -> None:
    known = {("site",): (("a",),), ("server", "transport"): (("s:1", "udp"), ("s:2", "tcp"))}
    assert set(space("softphone_stun_rtt_seconds").known(known)) == {("a", "s:1", "udp"), ("a", "s:2", "tcp")}


def test_a_new_open_value_brings_its_closed_companions() -> None:
    results = space("softphone_ice_server_results_total")
    values = results.fold({"site": "a", "server": "s:1", "transport": "udp", "outcome": "dns"})
    companions = set(results.companions(values))
    assert values in companions
    assert len(companions) == 8


def test_open_values_beyond_the_limit_are_folded() -> None:
    requests = space("softphone_api_requests_total")
    for i in range(OPEN_VALUES_LIMIT + 20):
        status = requests.fold({"site": "a", "operation": "x", "status": str(i)})[2]
        assert status == (str(i) if i < OPEN_VALUES_LIMIT else OTHER)
    assert requests.fold({"site": "a", "operation": "x", "status": "7"})[2] == "7"


def test_values_that_the_settings_name_are_never_folded() -> None:
    expected = space("softphone_heartbeats_total", per_agent=True)
    agents = tuple((f"agent-{i}",) for i in range(150))
    list(expected.known({("site",): (("a",),), ("agent",): agents}))
    folded = expected.fold({"site": "a", "channel": "xmpp", "outcome": "ok", "agent": "agent-149"})
    assert folded == ("a", "xmpp", "ok", "agent-149")


def test_what_is_not_in_its_closed_set_becomes_other() -> None:
    disconnects = space("softphone_disconnects_total")
    assert disconnects.fold({"site": "a", "layer": "ice", "reason": "new one"}) == ("a", "ice", OTHER)
    assert disconnects.fold({"site": "a", "layer": "sctp", "reason": "closed"}) == ("a", OTHER, OTHER)
    assert space("softphone_reconnect_seconds").fold({"site": "a", "kind": "odd"}) == ("a", OTHER)
