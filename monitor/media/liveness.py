"""Decides when a call is lost: own timers over ICE checks, the DTLS handshake and the silence of RTP. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.facts.failures import Layer
from monitor.media.peer_events import PeerOptions

STALL_S = 1.0  # an evaluation this late says that we did not run, not that the other side was silent


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss, dated at the last good evidence."""

    layer: Layer
    reason: str
    last_good_mono_s: float
    detail: str = ""


class Liveness:
    """Told what happens to a peer and when; asked from time to time whether that is a loss."""

    def __init__(self, options: PeerOptions) -> None:
        self._options = options
        self._started_mono_s: float | None = None
        self._ice_mono_s: float | None = None
        self._dtls_mono_s: float | None = None
        self._rtp_mono_s: float | None = None
        self._evaluated_mono_s: float | None = None
        self.silent = False

    @property
    def last_good_mono_s(self) -> float | None:
        """The latest evidence that the other side was there."""
        known = (self._started_mono_s, self._ice_mono_s, self._dtls_mono_s, self._rtp_mono_s)
        return max((moment for moment in known if moment is not None), default=None)

    def started(self, at_mono_s: float) -> None:
        """Both descriptions are there: checks begin."""
        self._started_mono_s = at_mono_s

    def ice_completed(self, at_mono_s: float) -> None:
        """A pair was nominated."""
        self._ice_mono_s = at_mono_s

    def dtls_connected(self, at_mono_s: float) -> None:
        """Media may flow."""
        self._dtls_mono_s = at_mono_s

    def rtp(self, at_mono_s: float) -> bool:
        """A packet came. True when that ends a silence which was reported as a loss."""
        self._rtp_mono_s = at_mono_s
        resumed, self.silent = self.silent, False
        return resumed

    def overdue(self, now_mono_s: float) -> Loss | None:
        """The loss to report now, at most once each; None while all is well.

        After a stall of our own nothing is concluded: what came meanwhile is still waiting to be read.
        """
        before, self._evaluated_mono_s = self._evaluated_mono_s, now_mono_s
        if before is None or now_mono_s - before > STALL_S:
            return None
        if self._dtls_mono_s is not None:
            return self._silence(now_mono_s)
        return self._not_set_up(now_mono_s)

    def _silence(self, now_mono_s: float) -> Loss | None:
        assert self._dtls_mono_s is not None
        last_good_mono_s = max(self._dtls_mono_s, self._rtp_mono_s or 0.0)
        limit_s = self._options.silence_timeout_s
        if self.silent or not limit_s or now_mono_s - last_good_mono_s < limit_s:
            return None
        self.silent = True
        detail = "" if self._rtp_mono_s is not None else "no RTP packet ever came"
        return Loss(Layer.MEDIA, "silence", last_good_mono_s, detail)

    def _not_set_up(self, now_mono_s: float) -> Loss | None:
        limit_s = self._options.checks_timeout_s
        since_mono_s = self._ice_mono_s if self._ice_mono_s is not None else self._started_mono_s
        if since_mono_s is None or now_mono_s - since_mono_s < limit_s:
            return None
        detail = f"not done within {limit_s:g} s"
        if self._ice_mono_s is None:
            return Loss(Layer.ICE, "checks_failed", since_mono_s, detail)
        return Loss(Layer.DTLS, "handshake_failed", since_mono_s, detail)
