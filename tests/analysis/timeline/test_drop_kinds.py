"""Drops by kind: the most frequent first, noticed times only where a last sign of life is told."""

from __future__ import annotations

from monitor.analysis.timeline.drop_kinds import DropKind, drop_kinds
from monitor.facts.evidence_builder import EvidenceBuilder

T0 = 1_790_000_000.0


def test_each_kind_has_its_count_and_its_median() -> None:
    builder = EvidenceBuilder()
    for place, after_s in enumerate((8.0, 9.0, 0.0, 5.0)):  # one that tells no last sign of life
        at_s = T0 + 100 * place
        builder.drop(at_s - after_s, at_s, site="north", layer="signalling", reason="ping_timeout")
    builder.drop(T0, T0, site="north", layer="media", reason="silence")
    builder.drop(T0, T0, site="north", layer="platform", reason="terminated")  # no harm
    assert drop_kinds(builder.build()) == (
        DropKind("signalling", "ping_timeout", 4, 8.0),
        DropKind("media", "silence", 1, None),
    )


def test_nothing_of_nothing() -> None:
    assert drop_kinds(EvidenceBuilder().build()) == ()
