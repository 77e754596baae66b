"""Whom we trust on TLS: the system's certificate authorities, or those that SSL_CERT_FILE and SSL_CERT_DIR name."""

from __future__ import annotations

import ssl
from functools import cache


@cache
def trusting_the_system() -> ssl.SSLContext:
    """The context of REST and WebSockets alike; made once, before any clock runs: it takes tens of milliseconds."""
    return ssl.create_default_context()
