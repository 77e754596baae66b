"""What a watcher asks over REST: the published schedules and the audit log, each failure told once as it changes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from monitor.facts.clock import Clock
from monitor.facts.failures import Failure, Reason, failure
from monitor.facts.observations import ApiObserved, Observation
from monitor.genesys.rest import Rest
from monitor.genesys.rest_messages import RestReply

PROBE = "publish-watch"  # the name under which our REST calls are told as facts
TIMEOUT_S = 30.0
PAGE_SIZE, PAGES = 100, 10  # of an audit query: 14 days of publishes are far fewer
REFUSED_PAUSE_S = 300.0  # what was refused is asked again so seldom: until somebody has given the permission
LONGEST_PAUSE_S = 3600.0  # whatever a header asks for
NEARLY_ALL = 0.9  # of the token's requests in a window; then we wait for the next window
# What is needed, for whoever reads the line in the log.
NEEDS = {
    "notification": "the credentials' role needs wfm:schedule:view or wfm:publishedSchedule:view",
    "poll": "the credentials' role needs wfm:publishedSchedule:view or wfm:schedule:view",
    "audit": "the credentials' role needs audits:audit:view",
}

log = logging.getLogger(__name__)


class WayState:
    """Whether one thing works, such as one way of one job. A change is logged, once.

    what: what is not done then, such as `cannot see publishes`. needs: a hint on a refusal.
    """

    def __init__(self, name: str, what: str, needs: str = "") -> None:
        self._name = name
        self._what = what
        self._needs = needs
        self._trouble: tuple[str, Reason] | None = None

    def works(self) -> None:
        """It worked just now."""
        if self._trouble is not None:
            log.warning("%s: works again", self._name)
        self._trouble = None

    def fails(self, failed: Failure) -> None:
        """It failed just now."""
        trouble = (failed.operation, failed.reason)
        if trouble != self._trouble:
            hint = f"; {self._needs}" if self._needs and failed.reason is Reason.FORBIDDEN else ""
            words = f"{failed.operation}: {failed.reason} {failed.detail}".rstrip()
            log.warning("%s: %s: %s%s", self._name, self._what, words, hint)
        self._trouble = trouble


def state_of(job: str, way: str) -> WayState:
    """The state of one way of one job."""
    return WayState(f"publish {job}: {way}", "cannot see publishes", NEEDS[way])


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question. bodies: JSON values, one a page. Times are Unix seconds: asked, and answered.

    pause_s: wait at least so long before the next question.
    """

    bodies: tuple[Any, ...]
    asked_s: float
    answered_s: float
    pause_s: float = 0.0
    failure: Failure | None = None


class Questions:
    """Asks, one attempt each. Every reply becomes an ApiObserved fact; lag_s(seconds): own worst lag of late."""

    def __init__(
        self, site: str, rest: Rest, clock: Clock, emit: Callable[[Observation], None], lag_s: Callable[[float], float]
    ) -> None:
        self._site = site
        self._rest = rest
        self._clock = clock
        self._emit = emit
        self._lag_s = lag_s

    async def schedules(self, business_unit: str) -> Answer:
        """The business unit's published schedules of recent weeks: one request."""
        path = f"workforcemanagement/businessunits/{business_unit}/weeks/recent/schedules"
        asked_s = self._clock.wall_s()
        params = {"includeOnlyPublished": "true"}
        return self._answer(
            await self._rest.call("schedules", "GET", path, params=params, timeout_s=TIMEOUT_S), asked_s
        )

    async def audits(self, query: Callable[[float, int, int], dict[str, Any]]) -> Answer:
        """The audit entries that query(now, page, page size) asks for: one request, more where there are more pages."""
        asked_s = self._clock.wall_s()
        bodies: tuple[Any, ...] = ()
        for page in range(1, PAGES + 1):
            body = query(asked_s, page, PAGE_SIZE)
            reply = await self._rest.call("audits", "POST", "audits/query/realtime", json=body, timeout_s=TIMEOUT_S)
            answer = self._answer(reply, asked_s)
            if answer.failure is not None:
                return answer
            bodies += answer.bodies
            if not _has_more(answer.bodies[0], page):
                break
        return Answer(bodies, asked_s, answer.answered_s, answer.pause_s)

    def reply(self, reply: RestReply) -> None:
        """Tell a reply as a fact."""
        reason = reply.failure.reason.value if reply.failure else ""
        self._emit(
            ApiObserved(
                site=self._site,
                probe=PROBE,
                at_wall_s=self._clock.wall_s(),
                lag_s=self._lag_s(reply.seconds or 0.0),
                operation=reply.operation,
                status=reason if reply.status is None else str(reply.status),
                seconds=reply.seconds,
                retry_after_s=reply.retry_after_s,
                correlation_id=reply.correlation_id,
                failure=reply.failure,
            )
        )

    def _answer(self, reply: RestReply, asked_s: float) -> Answer:
        return Answer((reply.body,), asked_s, self._clock.wall_s(), pause_s(reply), reply.failure)


def pause_s(reply: RestReply) -> float:
    """How long a reply asks us to stay quiet: its Retry-After, the rest of a window that is nearly used up, or long
    where we were refused."""
    if reply.failure is not None and reply.failure.reason in (Reason.AUTH, Reason.FORBIDDEN):
        return REFUSED_PAUSE_S
    limit = reply.rate_limit
    used_up = limit is not None and limit.count >= NEARLY_ALL * limit.allowed
    asked_s = max(reply.retry_after_s or 0.0, limit.reset_s if limit is not None and used_up else 0.0)
    return min(asked_s, LONGEST_PAUSE_S)


def no_answer(operation: str) -> Failure:
    """An answer came that is not of the expected form."""
    return failure(operation, Reason.MALFORMED, "the answer holds no entities")


def _has_more(body: Any, page: int) -> bool:
    total = body.get("total") if isinstance(body, dict) else None
    return isinstance(total, int) and total > page * PAGE_SIZE
