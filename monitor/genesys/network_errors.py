"""What an operating system error or a TLS error means in the closed vocabulary of failures."""

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
