"""What an operating system error, a TLS error or an HTTP status means in the closed vocabulary of failures."""

from __future__ import annotations

import errno
import socket
import ssl

from monitor.facts.failures import Reason

_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL})
_RESET = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED})


def reason_of_os_error(error: OSError) -> Reason:
    """The reason that fits an OSError best."""
    if isinstance(error, socket.gaierror):
        return Reason.DNS
    if isinstance(error, ssl.SSLError):
        return Reason.TLS
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return Reason.TIMEOUT
    if isinstance(error, ConnectionRefusedError):
        return Reason.REFUSED
    if isinstance(error, ConnectionError) or error.errno in _RESET:
        return Reason.RESET
    if error.errno in _UNREACHABLE:
        return Reason.UNREACHABLE
    return Reason.ERROR


_REASON_OF_STATUS = {401: Reason.AUTH, 403: Reason.FORBIDDEN, 404: Reason.NOT_FOUND, 429: Reason.RATE_LIMITED}


def reason_of_status(status: int) -> Reason:
    """The reason for an HTTP status that is not a success."""
    default = Reason.SERVER_ERROR if 500 <= status < 600 else Reason.UNEXPECTED_STATUS
    return _REASON_OF_STATUS.get(status, default)
