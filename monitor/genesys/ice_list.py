"""The ICE servers a session holds: fetched to connect, refreshed after it and every six hours. Pure."""

from __future__ import annotations

from collections.abc import Callable

from monitor.facts.ice import IceServer
from monitor.genesys.events import Event, IceServersChanged, IceServersFetched, RequestFailed
from monitor.genesys.ice_fetch import IceFetch

REFRESH_S = 6 * 3600.0
REFRESH_TRIES = 3

OnDone = Callable[[IceServersFetched, float], None]


class IceList:
    """Keeps the old list when a refresh fails. `fetch` starts one fetch; times are monotonic seconds."""

    def __init__(self, fetch: Callable[[OnDone, float], IceFetch], emit: Callable[[Event], None]) -> None:
        self._fetch = fetch
        self._emit = emit
        self._tries_left = 0
        self._due_s: float | None = None
        self.servers: tuple[IceServer, ...] = ()
        self.relay_only = False

    def keep(self, fetched: IceServersFetched) -> None:
        """Take a successful fetch."""
        if (fetched.servers, fetched.relay_only) != (self.servers, self.relay_only):
            self.servers, self.relay_only = fetched.servers, fetched.relay_only
            self._emit(IceServersChanged(self.servers, self.relay_only))

    def refresh(self, now: float) -> None:
        """Fetch again, at most three times in a row, and once more in six hours."""
        self._tries_left = REFRESH_TRIES
        self._due_s = now + REFRESH_S
        self._try(now)

    def deadline(self) -> float | None:
        """When the next refresh is due."""
        return self._due_s

    def tick(self, now: float) -> None:
        """Refresh when due."""
        if self._due_s is not None and now >= self._due_s:
            self.refresh(now)

    def stop(self) -> None:
        """The session has ended: no more tries."""
        self._due_s = None
        self._tries_left = -1

    def _try(self, now: float) -> None:
        self._tries_left -= 1
        self._fetch(self._refreshed, now)

    def _refreshed(self, fetched: IceServersFetched, now: float) -> None:
        if fetched.failure is None:
            self.keep(fetched)
        elif self._tries_left > 0:
            self._try(now)
        elif self._tries_left == 0:
            self._emit(RequestFailed(fetched.failure))
