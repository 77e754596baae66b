"""The table of rules: every cause that has a pattern, each once; pure."""

from __future__ import annotations

from typing import Final

from monitor.analysis.diagnosis.rules import calls, connections, own, rest, servers, signalling
from monitor.analysis.diagnosis.rules.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    *signalling.RULES,
    *rest.RULES,
    *servers.RULES,
    *calls.RULES,
    *connections.RULES,
    *own.RULES,
)
