"""What happens to a virtual softphone, as values; pure."""

from __future__ import annotations

from typing import NamedTuple


class AgentEvent(NamedTuple):
    """One event of one virtual agent's softphone; times are seconds of the population's clock.

    kind and what it carries:
    ping_ok (seconds; None for a server's ping), ping_missed: keepalive. dropped: a connection or a call ended without
    the agent's wish, at a moment in [last_good_s, at_s]; reason is one of DISCONNECT_REASONS[layer], code the close
    frame's. connecting: an attempt begins; detail soft or hard, reason why the one before failed. rest: a call of the
    softphone was answered (status, seconds, detail: the operation, retry_after_s of a 429). extdisco_ok (seconds) and
    extdisco_failed (reason): the ICE-server list was fetched or not; detail says whether as part of an `attempt`, which
    a failure ends, or as a `refresh`. connected: detail soft or hard, seconds since the drop. gathered: ICE gathering
    for a call; reason is its Signature, seconds None when a server ran into its timeout. gave_up: the softphone will
    not try again by itself.
    """

    at_s: float
    agent: int
    site: str
    kind: str
    reason: str = ""
    last_good_s: float | None = None
    seconds: float | None = None
    status: int | None = None
    code: int | None = None
    detail: str = ""
    layer: str = "signalling"
    retry_after_s: float | None = None
