"""The IQ requests a session has in flight: matched by id and sender, timed out, and recognised when late. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from monitor.facts.failures import Failure, Fault, Reason, failure
from monitor.genesys.stanzas import Iq

IQ_TIMEOUT_S = 15.0
LATE_KEPT = 64  # timed-out requests whose answer is still recognised

_REASON_OF_CONDITION = {
    "not-authorized": Reason.AUTH,
    "forbidden": Reason.FORBIDDEN,
    "item-not-found": Reason.NOT_FOUND,
    "policy-violation": Reason.RATE_LIMITED,
    "resource-constraint": Reason.RATE_LIMITED,
    "internal-server-error": Reason.SERVER_ERROR,
    "service-unavailable": Reason.UNSUPPORTED,
    "feature-not-implemented": Reason.UNSUPPORTED,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """How a request ended: `seconds` and `iq` when it was answered (an error is an answer), `failure` unless well."""

    seconds: float | None
    iq: Iq | None
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Request:
    """What to remember of a request. measuring: ours alone, so that the softphone would not have had its answer."""

    operation: str
    to: str
    timeout_s: float
    on_reply: Callable[[Reply, float], None]
    on_late: Callable[[float], None] | None = None  # seconds between request and its late answer
    measuring: bool = False


@dataclass(frozen=True, slots=True)
class _Sent:
    request: Request
    at_s: float


class Requests:
    """Requests by id. `prefix` makes ids differ between connections; times are monotonic seconds."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._count = 0
        self._sent: dict[str, _Sent] = {}
        self._late: OrderedDict[str, _Sent] = OrderedDict()

    def new_id(self) -> str:
        """An id never used before on this connection."""
        self._count += 1
        return f"{self._prefix}-{self._count}"

    def open(self, iq_id: str, request: Request, now: float) -> None:
        """Expect an answer to `iq_id`."""
        self._sent[iq_id] = _Sent(request, now)

    def answer(self, iq: Iq, own_jid: str, now: float) -> bool:
        """Take a result or error. True when the request was a `measuring` one. A stranger's answer is ignored."""
        sent = self._sent.get(iq.id) or self._late.get(iq.id)
        if sent is None or not accepted_sender(iq.sender, own_jid, sent.request.to):
            return False
        seconds = now - sent.at_s
        if sent.request.measuring and seconds >= sent.request.timeout_s:
            self._expire(iq.id, now)  # our timer is late as well, and too late is no measured value
        if self._sent.pop(iq.id, None) is None:
            self._late.pop(iq.id, None)
            if sent.request.on_late is not None:
                sent.request.on_late(seconds)
        else:
            sent.request.on_reply(Reply(seconds, iq, _failure_of(iq, sent.request.operation)), now)
        return sent.request.measuring

    def expire(self, now: float) -> None:
        """Time out what is due; such a request's answer is still recognised as late."""
        for iq_id in [i for i, sent in self._sent.items() if now >= _deadline_s(sent)]:
            self._expire(iq_id, now)

    def _expire(self, iq_id: str, now: float) -> None:
        sent = self._sent.pop(iq_id, None)
        if sent is None:  # late already, or an earlier one's callback abandoned it
            return
        self._late[iq_id] = sent
        if len(self._late) > LATE_KEPT:
            self._late.popitem(last=False)
        words = f"no answer within {sent.request.timeout_s:g} s"
        sent.request.on_reply(Reply(None, None, failure(sent.request.operation, Reason.TIMEOUT, words)), now)

    def next_deadline(self) -> float | None:
        """When the first request in flight times out."""
        return min(map(_deadline_s, self._sent.values()), default=None)

    def abandon(self, now: float) -> None:
        """The connection has ended: every request in flight fails as not connected."""
        sent, self._sent = self._sent, {}
        self._late.clear()
        for one in sent.values():
            words = failure(one.request.operation, Reason.NOT_CONNECTED, "the connection ended before the answer")
            one.request.on_reply(Reply(None, None, words), now)


def accepted_sender(sender: str, own_jid: str, to: str) -> bool:
    """RFC 6120 section 8.1.2.1: an answer comes from whom was asked, or from our own account or its server."""
    return sender in ("", own_jid, bare(own_jid), domain(own_jid), to, bare(to))


def bare(jid: str) -> str:
    """The JID without its resource."""
    return jid.partition("/")[0]


def domain(jid: str) -> str:
    """The JID's domain."""
    return bare(jid).rpartition("@")[2]


def _deadline_s(sent: _Sent) -> float:
    return sent.at_s + sent.request.timeout_s


def _failure_of(iq: Iq, operation: str) -> Failure | None:
    if iq.kind != "error":
        return None
    return failure(operation, _REASON_OF_CONDITION.get(iq.condition, Reason.REJECTED), iq.condition, Fault.REMOTE)
