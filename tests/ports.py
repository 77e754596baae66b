"""A port for a test that needs to know it before, or needs nobody to be there."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens just now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
