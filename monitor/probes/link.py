"""A channel that can be replaced while others hold on to it: how the prober outlives a shard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from monitor.probes.channel import Asker, Channel, ChannelError, Handler, Params


class Replaceable(Asker, Protocol):
    """An `Asker` that tells when the other side is gone; what that one held is gone with it."""

    def when_lost(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at the end of every channel; returns what ends that."""
        ...


class Link:
    """An `Asker` whose channel may be replaced while others hold it: how the prober outlives a shard.

    Handlers registered once serve every channel to come. While there is none, asks raise ChannelError and tells are
    dropped. The end of a channel is told at once to who asked for it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._handlers: dict[str, Handler] = {}
        self._channel: Channel | None = None
        self._losses: list[Callable[[], None]] = []

    @property
    def connected(self) -> bool:
        """True while there is an open channel."""
        return self._channel is not None and not self._channel.closed

    def on(self, method: str, handler: Handler) -> None:
        """Answer `method` with `handler`, on this channel and every later one."""
        self._handlers[method] = handler
        if self._channel is not None:
            self._channel.on(method, handler)

    def off(self, method: str, handler: Handler) -> None:
        """As Channel.off, for every later channel as well."""
        if self._handlers.get(method) == handler:
            del self._handlers[method]
        if self._channel is not None:
            self._channel.off(method, handler)

    def when_lost(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at the end of every channel; returns what ends that."""
        self._losses.append(listener)
        return lambda: self._losses.remove(listener) if listener in self._losses else None

    def tell(self, method: str, params: Params) -> bool:
        """Send one way; False when it was dropped."""
        if self._channel is None:
            return False
        return self._channel.tell(method, params)

    async def ask(self, method: str, params: Params, timeout_s: float = 30.0) -> Params:
        """The other side's result. Raises ChannelError."""
        if self._channel is None:
            raise ChannelError(f"{self.name}: {method}: not connected")
        return await self._channel.ask(method, params, timeout_s)

    async def serve(self, channel: Channel) -> None:
        """Use `channel` until it ends; a previous one is closed first."""
        await self.close()
        for method, handler in self._handlers.items():
            channel.on(method, handler)
        self._channel = channel
        try:
            await channel.run()
        finally:
            for listener in tuple(self._losses):
                listener()

    async def close(self) -> None:
        """Close the present channel. Idempotent."""
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.close()
