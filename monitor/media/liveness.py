"""Decides when a call is lost: own timers over checks, handshake, RTP's silence and the path's end. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.facts.failures import Layer
from monitor.media.peer_events import PeerOptions

STALL_S = 1.0  # an evaluation this late says that we did not run, not that the other side was silent
LATE_S = 0.5  # of a longer time between two evaluations, no more than this counts as the other side's silence


class Reach(StrEnum):
    """Whether the other side can be reached, in Chromium's words and by its timings."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss, dated at the last good evidence."""

    layer: Layer
    reason: str
    last_good_mono_s: float
    detail: str = ""


class _Sign:
    """A kind of sign of life: when the last was read, and how long since then we were not there to notice the next.

    Not when it arrived: after a stall of our own what waits is read oldest first, and what is still to be read is no
    silence.
    """

    def __init__(self) -> None:
        self.at_mono_s = 0.0
        self.absent_s = 0.0

    def came(self, at_mono_s: float) -> None:
        self.at_mono_s, self.absent_s = at_mono_s, 0.0

    def ago_s(self, now_mono_s: float) -> float:
        return now_mono_s - self.at_mono_s - self.absent_s


class Liveness:
    """Told what happens to a peer and when; asked from time to time whether that is a loss."""

    def __init__(self, options: PeerOptions) -> None:
        self._options = options
        self._silence_limit_s = options.silence_timeout_s
        self._started_mono_s: float | None = None
        self._ice_mono_s: float | None = None
        self._dtls_mono_s: float | None = None
        self._rtp_mono_s: float | None = None
        self._evaluated_mono_s: float | None = None
        self._set_up = _Sign()
        self._media = _Sign()
        self._answer = _Sign()
        self._answered_mono_s: float | None = None
        self.reach = Reach.CONNECTED
        self._resumed_mono_s = 0.0
        self._unreceived = False
        self.silent = False  # a loss of media that was told lasts, either way

    @property
    def last_good_mono_s(self) -> float | None:
        """The latest evidence that the other side was there."""
        known = (self._started_mono_s, self._ice_mono_s, self._dtls_mono_s, self._rtp_mono_s)
        return max((moment for moment in known if moment is not None), default=None)

    def ignore_silence(self) -> None:
        """Nobody is expected to send: as if the options had no `silence_timeout_s`."""
        self._silence_limit_s = 0.0

    def started(self, at_mono_s: float) -> None:
        """Both descriptions are there: checks begin."""
        self._started_mono_s = at_mono_s
        self._set_up.came(at_mono_s)

    def ice_completed(self, at_mono_s: float) -> None:
        """A pair was nominated."""
        self._ice_mono_s = at_mono_s
        self._set_up.came(at_mono_s)

    def dtls_connected(self, at_mono_s: float) -> None:
        """Media may flow."""
        self._dtls_mono_s = at_mono_s
        self._media.came(at_mono_s)

    def rtp(self, at_mono_s: float, read_mono_s: float) -> bool:
        """A packet that came then is read now. True when that ends a silence which was reported as a loss."""
        self._rtp_mono_s = at_mono_s
        self._media.came(read_mono_s)
        if self._unreceived:
            return False
        resumed, self.silent = self.silent, False
        if resumed:
            self._resumed_mono_s = at_mono_s
        return resumed

    def unreceived(self, seconds: float, until_mono_s: float) -> Loss | None:
        """By its report the other side had received nothing of ours for so long until then. The loss, once each."""
        limit_s = self._silence_limit_s
        seconds = min(seconds, until_mono_s - self._resumed_mono_s)  # what was before is told already
        if self.silent or not limit_s or seconds < limit_s:
            return None
        self.silent = self._unreceived = True
        words = "by its reports the other side receives nothing of ours"
        return Loss(Layer.MEDIA, "silence", until_mono_s - seconds, words)

    def received(self) -> bool:
        """The other side has received something of ours. True when that ends a loss by `unreceived`."""
        resumed, self._unreceived = self._unreceived, False
        self.silent = self.silent and not resumed
        return resumed

    def awake(self, now_mono_s: float) -> bool:
        """To be called at every evaluation, first. False: conclude nothing from this one.

        After a stall of our own what came meanwhile may still be waiting to be read, and the stall itself is nobody's
        silence: it is taken out of all that is measured here.
        """
        before, self._evaluated_mono_s = self._evaluated_mono_s, now_mono_s
        if before is None:
            return False
        if now_mono_s - before <= LATE_S:
            return True
        for sign in (self._set_up, self._media, self._answer):
            sign.absent_s += max(0.0, now_mono_s - max(before, sign.at_mono_s) - LATE_S)
        return now_mono_s - before <= STALL_S

    def overdue(self, now_mono_s: float) -> Loss | None:
        """The loss to report now, at most once each; None while all is well."""
        if self._dtls_mono_s is not None:
            return self._silence(now_mono_s)
        return self._not_set_up(now_mono_s)

    def reached(self, now_mono_s: float, answered_mono_s: float | None) -> Reach | None:
        """What `reach` has changed to; answered_mono_s: the last STUN answer. FAILED is told once and stays."""
        if self._dtls_mono_s is None or self.reach is Reach.FAILED:
            return None
        if answered_mono_s is not None and answered_mono_s != self._answered_mono_s:
            self._answered_mono_s = answered_mono_s
            late = now_mono_s - answered_mono_s > STALL_S  # it was read after a stall of ours, and so not long ago
            self._answer.came(now_mono_s if late else answered_mono_s)
        unheard_s = min(self._media.ago_s(now_mono_s), self._answer.ago_s(now_mono_s))
        before, self.reach = self.reach, self._reach_after(unheard_s)
        return None if self.reach is before else self.reach

    def _reach_after(self, unheard_s: float) -> Reach:
        if unheard_s >= self._options.failed_after_s:
            return Reach.FAILED
        return Reach.DISCONNECTED if unheard_s >= self._options.disconnected_after_s else Reach.CONNECTED

    def _silence(self, now_mono_s: float) -> Loss | None:
        assert self._dtls_mono_s is not None
        limit_s = self._silence_limit_s
        if self.silent or not limit_s or self._media.ago_s(now_mono_s) < limit_s:
            return None
        self.silent = True
        detail = "" if self._rtp_mono_s is not None else "no RTP packet ever came"
        return Loss(Layer.MEDIA, "silence", max(self._dtls_mono_s, self._rtp_mono_s or 0.0), detail)

    def _not_set_up(self, now_mono_s: float) -> Loss | None:
        limit_s = self._options.checks_timeout_s
        since_mono_s = self._ice_mono_s if self._ice_mono_s is not None else self._started_mono_s
        if since_mono_s is None or self._set_up.ago_s(now_mono_s) < limit_s:
            return None
        detail = f"not done within {limit_s:g} s"
        if self._ice_mono_s is None:
            return Loss(Layer.ICE, "checks_failed", since_mono_s, detail)
        return Loss(Layer.DTLS, "handshake_failed", since_mono_s, detail)
