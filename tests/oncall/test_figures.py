"""Figures of one site and period: quantiles by weight, what own lag falsified, averages of head counts, incidents."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.facts import signals
from monitor.facts.evidence import Stretch
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.oncall.figures import View, doubts, incidents, interval_s, percent, quantile
from tests.oncall_evidence import NOW_S, SINCE_S, adding, dropping, evidence


def view_of(*changes: object, site: str = "chicago") -> View:
    """One site's view of a quarter of an hour that holds only these changes."""
    return View(evidence(*changes, base=None), site, SINCE_S, NOW_S)  # type: ignore[arg-type]


def test_a_view_holds_its_own_site_and_period_alone() -> None:
    view = view_of(
        adding(signals.WS_RTT, 1.0, count=3),
        adding(signals.WS_RTT, 9.0, count=3, until_s=SINCE_S - 1.0),
        adding(signals.WS_RTT, 5.0, count=2, site="dallas"),
    )
    assert view.series(signals.WS_RTT).value.tolist() == [1.0, 1.0, 1.0]
    assert len(view.series(signals.API)) == 0
    assert view.latest_s((signals.WS_RTT,)) == NOW_S - 5.0


def test_a_quantile_counts_each_row_by_its_weight() -> None:
    def change(builder: EvidenceBuilder) -> None:
        builder.sample(signals.WS_RTT, NOW_S - 2, 0.1, site="chicago", weight=94.0)
        builder.sample(signals.WS_RTT, NOW_S - 1, 3.0, site="chicago", weight=6.0)
        builder.sample(signals.WS_RTT, NOW_S, None, "timeout", site="chicago", weight=50.0)

    rows = view_of(change).series(signals.WS_RTT)
    assert (quantile(rows, 0.94), quantile(rows, 0.95)) == (0.1, 3.0)


def test_nothing_measured_has_no_quantile() -> None:
    assert quantile(view_of(adding(signals.WS_RTT, None, "timeout")).series(signals.WS_RTT), 0.95) is None


def test_slow_samples_that_own_lag_may_have_made_up_are_left_out_and_fast_ones_are_not() -> None:
    view = view_of(
        adding(signals.WS_RTT, 2.0, count=5, suspect=True), adding(signals.WS_RTT, 0.002, count=10, suspect=True)
    )
    assert quantile(view.series(signals.WS_RTT), 0.95) == 0.002
    assert doubts(view) == (5.0, 15.0)


def test_the_head_count_is_an_average_over_time() -> None:
    def change(builder: EvidenceBuilder) -> None:
        builder.heads(SINCE_S - 100.0, 10, site="chicago")
        builder.heads(NOW_S - 300.0, 40, site="chicago")
        builder.heads(NOW_S + 5.0, 99, site="chicago")

    assert view_of(change).head_count() == pytest.approx(20.0)
    assert view_of(adding(signals.WS_RTT, 1.0)).head_count() is None


def test_stretches_are_cut_to_the_period_and_counted_once() -> None:
    stretches = [
        Stretch(SINCE_S - 50, SINCE_S + 50),
        Stretch(SINCE_S + 20, SINCE_S + 60),
        Stretch(NOW_S - 10, NOW_S + 9),
    ]
    other = [Stretch(SINCE_S, NOW_S, "dallas")]
    assert view_of().seconds_of([*stretches, *other]) == pytest.approx(70.0)


def test_softphones_that_were_heard_of() -> None:
    view = view_of(adding(signals.WS_RTT, 1.0, target="synthetic-1"), dropping(2))
    assert view.agents() == {"synthetic-1", "agent-0", "agent-1"}


def test_counts_shares_and_paces() -> None:
    assert percent(1, 0) is None
    assert percent(1, 4) == 25.0
    assert interval_s(view_of(adding(signals.WS_RTT, 1.0, every_s=15.0)).series(signals.WS_RTT)) == 15.0
    assert interval_s(view_of(adding(signals.WS_RTT, 1.0, count=1)).series(signals.WS_RTT)) is None


def test_drops_within_a_minute_are_one_incident() -> None:
    assert incidents(np.array([0.0, 50.0, 100.0, 161.0])) == 2
    assert incidents(np.array([])) == 0
