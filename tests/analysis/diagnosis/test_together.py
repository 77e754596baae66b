"""Common drops: most agents at once, among how many, at which sites, and how they came back."""

from __future__ import annotations

from monitor.analysis.diagnosis.together import common_drops
from monitor.facts import signals
from monitor.facts.evidence_builder import EvidenceBuilder
from tests.analysis.diagnosis.made import START_S, agents, drop_all


def two_sites(dallas: int = 40) -> EvidenceBuilder:
    builder = EvidenceBuilder()
    builder.heads(START_S - 60, 60, site="chicago")
    builder.heads(START_S - 60, 40, site="dallas")
    drop_all(builder, agents(60), 100.0)
    drop_all(builder, agents(dallas, "dallas"), 100.2, site="dallas")
    return builder


def test_everybody_at_once_everywhere() -> None:
    (found,) = common_drops(two_sites().build())
    assert (found.count, found.of, found.everywhere) == (100, 100.0, True)
    assert found.reasons == ("closed",)


def test_one_site_alone_is_not_everywhere() -> None:
    (found,) = common_drops(two_sites(dallas=0).build())
    assert (found.count, found.everywhere) == (60, False)


def test_a_few_of_many_are_no_common_drop() -> None:
    builder = EvidenceBuilder()
    builder.heads(START_S - 60, 100, site="chicago")
    drop_all(builder, agents(12), 100.0)
    assert common_drops(builder.build()) == []


def test_who_noticed_by_its_own_pings_lost_nothing_at_that_moment() -> None:
    builder = EvidenceBuilder()
    drop_all(builder, agents(60), 100.0, reason="ping_timeout")
    assert common_drops(builder.build()) == []


def test_the_monitors_own_head_count_says_nothing_about_real_agents() -> None:
    builder = EvidenceBuilder()
    builder.heads(START_S - 60, 1, site="chicago")
    drop_all(builder, agents(6), 100.0)
    for n in range(100):
        drop_all(builder, [f"other-{n}"], 1000.0 + 90 * n)
    assert common_drops(builder.build()) == []  # six of a hundred and six
    assert common_drops(builder.build(), agents=10) != []


def test_counted_drops_are_as_exact_as_their_scrapes() -> None:
    builder = EvidenceBuilder()
    for n in range(40):
        drop_all(builder, [""], 15.0 * (n % 2), silent_s=15.0)
    (found,) = common_drops(builder.build(), agents=50)
    assert found.count == 40


def test_those_who_came_back_late_and_by_which_way() -> None:
    builder = two_sites()
    for n in range(90):
        builder.sample(signals.RECONNECT, START_S + 100 + 2.2, 2.2, "hard", site="chicago", target=f"chicago-{n}")
    for n in range(10):
        builder.sample(signals.RECONNECT, START_S + 100 + 62.0, 62.0, "soft", site="dallas", target=f"dallas-{n}")
    (found,) = common_drops(builder.build())
    assert (found.late, found.hard) == (0.1, 0.9)
    assert (found.away_s[0], found.away_s[-1]) == (2.2, 62.0)
