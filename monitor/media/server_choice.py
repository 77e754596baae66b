"""Which ICE servers a call uses: aiortc takes one STUN and one TURN server, so choose them, names resolved by us."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.facts.ice import IceServer
from monitor.media.resolver import RESOLVER, ResolveError
from monitor.media.server_url import ServerUrl, read_server_url

RESOLVE_LIMIT_S = 1.0
SERVERS_LIMIT = 32
PREFERENCE = {"udp": 0, "tcp": 1, "tls": 2}


async def plain_servers(servers: Iterable[IceServer]) -> list[IceServer]:
    """At most one STUN and one TURN server out of `servers`, with addresses for names where TLS does not need them.

    aiortc would resolve names on the executor that everybody shares, and would stop at the first server whatever its
    state. A TURN server over UDP is preferred, as browsers do. Servers that aiortc cannot use are left out.
    """
    readable = [(server, url) for server in list(servers)[:SERVERS_LIMIT] if (url := _read(server)) is not None]
    stun = [pair for pair in readable if pair[1].scheme == "stun" and pair[1].transport == "udp"]
    turn = sorted((p for p in readable if p[1].scheme.startswith("turn")), key=lambda p: PREFERENCE[p[1].transport])
    chosen = [await _first(stun), await _first(turn)]
    return [server for server in chosen if server is not None]


async def _first(servers: list[tuple[IceServer, ServerUrl]]) -> IceServer | None:
    for server, url in servers:
        if url.transport == "tls":
            return server
        try:
            address = await RESOLVER.resolve(url.host, url.port, timeout_s=RESOLVE_LIMIT_S)
        except ResolveError:
            continue
        if ":" in address.host:
            continue  # aiortc reads no IPv6 addresses in server URIs
        suffix = f"?transport={url.transport}" if url.scheme == "turn" else ""
        return IceServer(f"{url.scheme}:{address.host}:{url.port}{suffix}", server.username, server.credential)
    return None


def _read(server: IceServer) -> ServerUrl | None:
    try:
        return read_server_url(server.url)
    except ValueError:
        return None
