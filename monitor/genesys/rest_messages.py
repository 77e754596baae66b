"""One REST call as values: the request before it is sent, and the reply that came of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from monitor.facts.failures import Failure


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The `inin-ratelimit-*` headers of one answer: requests counted, allowed, and seconds until the window resets."""

    count: int
    allowed: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class RestReply:
    """One REST call's outcome. seconds: request sent to whole answer read; None when no whole answer came. Looking a
    name up and connecting, which some requests need and others do not, are not in it.

    status is None when there was no answer; body is the JSON value, or the text where it is not JSON; failure is None
    for a 2xx answer only.
    """

    operation: str
    status: int | None
    body: Any = field(default=None, repr=False)
    seconds: float | None = None
    retry_after_s: float | None = None
    correlation_id: str = ""
    rate_limit: RateLimit | None = None
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        """True for a 2xx answer."""
        return self.failure is None


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A call that is to be sent. id: unique within its sender, so that the reply finds its way back.

    path: under the REST host, such as `/api/v2/users/{id}/presences/purecloud`; or a whole URL, which is then sent
    without the token, with exactly `headers` and `content` (a signed upload). body: JSON, None for none. agents: the
    user ids that the call acts upon.
    """

    id: int
    operation: str
    method: str
    path: str
    body: Any = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    agents: tuple[str, ...] = ()


class RestScript(Protocol):
    """Something that calls REST without touching a socket or a clock: its runner does, in real or in virtual time.

    All times are monotonic seconds of the runner's clock.
    """

    @property
    def done(self) -> bool:
        """Nothing will be sent any more and no reply is waited for."""
        ...

    def due_s(self) -> float | None:
        """When `act` is next worth calling; None while only a reply can move it on."""
        ...

    def act(self, now_s: float) -> list[RestRequest]:
        """What to send now."""
        ...

    def hear(self, request: RestRequest, reply: RestReply, now_s: float) -> None:
        """The outcome of one request."""
        ...
