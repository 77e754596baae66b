"""Looks a name up without keeping the program from ending while DNS is dead."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any


async def look_up(host: str, port: int) -> list[Any]:
    """What getaddrinfo says about a TCP port of `host`, asked in a daemon thread. Raises OSError.

    The loop's own executor would keep us from exiting while DNS is dead.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[list[Any]] = loop.create_future()

    def settle(addresses: list[Any], error: OSError | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(addresses)
        else:
            done.set_exception(error)

    def ask() -> None:
        addresses: list[Any] = []
        error: OSError | None = None
        try:
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:
            error = socket.gaierror(socket.EAI_NONAME, "not a host name")
        except OSError as failed:
            error = failed
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, addresses, error)

    threading.Thread(target=ask, name="dns", daemon=True).start()
    return await done
