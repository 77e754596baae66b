"""The persistent connection's end after idle minutes, for real softphones: normal, and told as an event."""

from __future__ import annotations

from typing import Any, Final, Protocol

from monitor.simulator.platform import Platform
from monitor.simulator.streaming.calls import Calls

TOPIC: Final = "v2.users.{}.persistentconnection"


class Softphones(Protocol):
    """Who is connected, and the calls."""

    @property
    def calls(self) -> Calls:
        """All calls."""
        ...

    def users(self) -> set[str]:
        """Who has a bound session."""
        ...


class PersistentConnections:
    """Since when each connected user's persistent connection has carried no call, and whether it has ended by now."""

    def __init__(self, platform: Platform, softphones: Softphones) -> None:
        self._platform = platform
        self._softphones = softphones
        self._idle_since_s: dict[str, float] = {}
        self._ended: set[str] = set()

    async def tick(self, now_s: float) -> None:
        """End what has been idle for as long as the scenario says; times are the platform's."""
        present = self._softphones.users()
        self._idle_since_s = {user: since_s for user, since_s in self._idle_since_s.items() if user in present}
        self._ended &= present
        for user_id in present:
            occurrence = self._platform.active("persistent_idle", self._platform.site_of(user_id))
            if occurrence is None or self._is_in_use(user_id):
                self._idle_since_s[user_id] = now_s
                self._ended.discard(user_id)
            idle_s = now_s - self._idle_since_s.setdefault(user_id, now_s)
            if occurrence is not None and idle_s >= occurrence.after_s and user_id not in self._ended:
                self._ended.add(user_id)
                await self._end(user_id)

    def _is_in_use(self, user_id: str) -> bool:
        return any(not call.terms.priv for call in self._softphones.calls.going_on(user_id))

    async def _end(self, user_id: str) -> None:
        user = self._platform.users[user_id]
        event: dict[str, Any] = {"userId": user_id, "stationId": user.station_id, "persistentState": "DISCONNECTED"}
        await self._softphones.calls.end_of(user_id, "success")
        await self._platform.deliver(TOPIC.format(user_id), event)
