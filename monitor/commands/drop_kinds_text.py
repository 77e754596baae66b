"""The drops by kind in words: how soon we noticed them, and when a real softphone would have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from monitor.analysis.timeline.drop_kinds import DropKind
from monitor.commands.verdict_text import UNNAMED, table_lines
from monitor.facts.softphone_limits import softphone_notices
from monitor.facts.words import seconds_text

COLUMNS: Final = ("layer", "reason", "drops", "noticed", "a real softphone notices")
NOT_TOLD, NOT_KNOWN = "-", "not known"


def drop_kind_row(one: DropKind) -> tuple[str, ...]:
    """The cells of one kind, as COLUMNS names them."""
    after = NOT_TOLD if one.noticed_after_s is None else f"after {seconds_text(one.noticed_after_s)}"
    softphone = softphone_notices(one.layer, one.reason) or NOT_KNOWN
    return (one.layer or UNNAMED, one.reason or UNNAMED, str(one.drops), after, softphone)


def drop_kind_lines(kinds: Sequence[DropKind]) -> Iterator[str]:
    """A table for a terminal; nothing without a drop."""
    if kinds:
        yield from table_lines(
            "drops by kind (noticed: the median since the last sign of life):", [COLUMNS, *map(drop_kind_row, kinds)]
        )
