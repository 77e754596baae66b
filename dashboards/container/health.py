"""Is it well? The containers' health check, by nothing but Python: exit status 0 when every target is, else why not.

Targets: http://... answers; tcp://HOST:PORT accepts; touched:FILE:SECONDS was written to no longer ago. With none, all
that is shown is that the container can run a program.
"""

from __future__ import annotations

import socket
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy would be asked for 127.0.0.1
TIMEOUT_S = 4.0  # below the 5 s that docker-compose.yml gives the whole check


def trouble(target: str) -> str:
    """What is wrong with a target; empty when it is well."""
    kind = target.partition(":")[0]
    try:
        if kind == "http":
            DIRECTLY.open(target, timeout=TIMEOUT_S).close()
        elif kind == "tcp":
            place = urlsplit(target)
            socket.create_connection((place.hostname or "", place.port or 0), TIMEOUT_S).close()
        elif kind == "touched":
            _, file, seconds = target.split(":")
            age_s = time.time() - Path(file).stat().st_mtime
            return "" if age_s <= float(seconds) else f"{target}: {age_s:.0f} s ago"
        else:
            return f"{target}: neither http:, tcp: nor touched:"
    except (OSError, ValueError) as error:
        return f"{target}: {error}"
    return ""


if __name__ == "__main__":
    found = [words for target in sys.argv[1:] if (words := trouble(target))]
    sys.exit("\n".join(found) or 0)
