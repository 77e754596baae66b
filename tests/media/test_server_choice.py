from __future__ import annotations

import socket

import pytest

from monitor.facts.ice import IceServer
from monitor.media import server_choice
from monitor.media.resolver import Address, ResolveError
from monitor.media.server_choice import plain_servers


class Names:
    """Stands for the resolver."""

    async def resolve(self, host: str, port: int, *, timeout_s: float) -> Address:
        known = {"stun.test": "192.0.2.1", "turn.test": "192.0.2.2", "v6.test": "2001:db8::1"}
        if host not in known:
            raise ResolveError(host)
        family = socket.AF_INET6 if ":" in known[host] else socket.AF_INET
        return Address(family, known[host], port)


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_choice, "RESOLVER", Names())


async def chosen(*urls: str) -> list[str]:
    return [server.url for server in await plain_servers([IceServer(url, "user", "secret") for url in urls])]


async def test_the_first_of_each_that_resolves() -> None:
    urls = await chosen("stun:dead.test", "stun:stun.test:19302", "stun:192.0.2.9", "turn:turn.test")
    assert urls == ["stun:192.0.2.1:19302", "turn:192.0.2.2:3478?transport=udp"]


async def test_udp_before_tcp_before_tls() -> None:
    assert await chosen("turns:turn.test", "turn:turn.test?transport=tcp") == ["turn:192.0.2.2:3478?transport=tcp"]
    assert await chosen("turns:turn.test", "turn:dead.test") == ["turns:turn.test"]  # TLS needs the name


async def test_what_aiortc_cannot_use_is_left_out() -> None:
    assert await chosen("stuns:stun.test", "stun:v6.test", "nonsense", "stun:stun.test?transport=tcp") == []


async def test_credentials_go_along() -> None:
    (server,) = await plain_servers([IceServer("turn:turn.test", "user", "secret")])
    assert (server.username, server.credential) == ("user", "secret")
