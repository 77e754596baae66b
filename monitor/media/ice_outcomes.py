"""What became of asking one STUN or TURN server, told from the error that ended it: probes and calls agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aioice import stun

from monitor.facts.ice import ServerOutcome, ServerResult
from monitor.media.resolver import ResolveError
from monitor.media.wires import TlsError

DETAIL_CHARS = 200
AUTH_CODES = frozenset({401, 403, 431, 438, 441})  # RFC 8489 section 14.8, RFC 8656 section 19
REFUSING_CODES = frozenset({300, 486, 500, 508})  # it would serve, but not us or not now

# In this order: TimeoutError and the connection errors are OSErrors themselves.
OUTCOMES: tuple[tuple[type[Exception], ServerOutcome], ...] = (
    (TimeoutError, ServerOutcome.TIMEOUT),
    (stun.TransactionTimeout, ServerOutcome.TIMEOUT),
    (ResolveError, ServerOutcome.DNS),
    (TlsError, ServerOutcome.TLS),
    (ConnectionError, ServerOutcome.REFUSED),
    (OSError, ServerOutcome.UNREACHABLE),
)


class ResponseError(Exception):
    """The server answered with a STUN error."""

    def __init__(self, response: stun.Message) -> None:
        code, words = response.attributes.get("ERROR-CODE", (0, "an error without a code"))
        super().__init__(f"{code} {words}")
        self.code: int = code
        self.response = response


def outcome_of(error: Exception) -> ServerOutcome:
    """The class of `error`; what is none of the known kinds comes from a server that does not speak our protocol."""
    if isinstance(error, stun.TransactionFailed):
        error = ResponseError(error.response)
    if isinstance(error, ResponseError):
        return _outcome_of_code(error.code)
    return next((outcome for kind, outcome in OUTCOMES if isinstance(error, kind)), ServerOutcome.UNSUPPORTED)


def detail_of(error: Exception, doing: str, timeout_s: float) -> str:
    """One line for a person about `error`, which ended `doing`."""
    if isinstance(error, TimeoutError | stun.TransactionTimeout):
        return f"{doing}: no answer within {timeout_s:g} s"
    if isinstance(error, stun.TransactionFailed):
        error = ResponseError(error.response)
    words: Any = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(words).split())[:DETAIL_CHARS]


def failures_of(results: Sequence[ServerResult]) -> str:
    """One line for a person that names each server that failed, and why; empty when none did."""
    failed = [one for one in results if one.outcome is not ServerOutcome.OK]
    told = "; ".join(f"{one.scheme} {one.server} {one.transport}: {one.outcome} ({one.detail})" for one in failed)
    return f"{len(failed)} of {len(results)} ICE servers failed: {told}" if failed else ""


def _outcome_of_code(code: int) -> ServerOutcome:
    if code in AUTH_CODES:
        return ServerOutcome.AUTH
    return ServerOutcome.REFUSED if code in REFUSING_CODES else ServerOutcome.UNSUPPORTED
