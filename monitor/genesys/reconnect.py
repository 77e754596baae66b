"""Whether the next connection reuses its channel (soft) or needs a new one (hard). Pure."""

from __future__ import annotations

REUSES = 10  # every 10th reuse of a channel is hard instead


class ReconnectPlan:
    """A channel id and how often it may still be used, as the real client counts it: by attempt, not by success."""

    def __init__(self) -> None:
        self._channel_id: str | None = None
        self._reuses = 0

    @property
    def channel_id(self) -> str | None:
        """The channel to use, or None when a new one must be made first."""
        return self._channel_id

    def require_hard(self) -> None:
        """The channel is of no more use."""
        self._channel_id = None

    def begin_attempt(self) -> str:
        """`soft` or `hard` for the attempt that begins now; after `hard` call `created`."""
        if self._channel_id is None:
            return "hard"
        self._reuses += 1
        if self._reuses >= REUSES:
            self._channel_id = None
            return "hard"
        return "soft"

    def created(self, channel_id: str) -> None:
        """A new channel was made."""
        self._channel_id = channel_id
        self._reuses = 0
