"""Names looked up in threads of their own."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from monitor.genesys.name_look_up import look_up


async def test_an_address_is_told_with_its_port() -> None:
    assert (await look_up("127.0.0.1", 443))[0][4] == ("127.0.0.1", 443)


async def test_what_is_no_name_is_an_error_of_the_system() -> None:
    with pytest.raises(socket.gaierror):
        await look_up("a" * 70 + ".example", 443)


async def test_a_dead_server_holds_up_nobody_who_has_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = threading.Event(), threading.Event()

    def dead(*_: Any, **__: Any) -> list[Any]:
        asked.set()
        answer.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", dead)
    waiting = asyncio.create_task(look_up("example.com", 443))
    while not asked.is_set():  # noqa: ASYNC110 - set by a thread
        await asyncio.sleep(0.005)
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "dns"]
    assert thread.daemon
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    answer.set()
    thread.join(10)
    await asyncio.sleep(0)  # what it still says is heard by nobody
