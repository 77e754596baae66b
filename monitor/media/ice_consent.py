"""Whether the other side still agrees to be sent to (RFC 7675), and when to ask it again. Pure."""

from __future__ import annotations

INTERVAL_S = 5.0  # RFC 7675 section 5.1, each varied by 0.8 to 1.2
DOUBT_S = 1.0  # so soon a check that is not answered is followed by the next; Chromium then asks twice a second
DOUBT_LIMIT_S = 3.0  # for the slowest of paths
CHECKS_UNTIL_EXPIRED = 4  # unanswered ones in a row; after a stall of our own the clock alone proves nothing


class Consent:
    """Told of checks and answers with their times; each check is a transaction of its own, so late answers count.

    timeout_s: consent ends so long after the last answer, and no sooner than CHECKS_UNTIL_EXPIRED checks in vain.
    """

    def __init__(self, timeout_s: float, now_mono_s: float, interval_s: float = INTERVAL_S) -> None:
        self._timeout_s = timeout_s
        self.interval_s = interval_s
        self.answered_mono_s = now_mono_s  # the check that nominated the pair
        self.rtt_s: float | None = None
        self._unanswered = 0
        self._asked_mono_s = now_mono_s

    def asked(self, now_mono_s: float) -> None:
        """A check was sent."""
        self._unanswered += 1
        self._asked_mono_s = now_mono_s

    def answered(self, asked_mono_s: float, at_mono_s: float) -> None:
        """A check sent at `asked_mono_s` was answered, however late."""
        self._unanswered = 0
        self.answered_mono_s = max(self.answered_mono_s, at_mono_s)
        self.rtt_s = max(0.0, at_mono_s - asked_mono_s)

    def expired(self, now_mono_s: float) -> bool:
        """Whether to stop sending; to be asked when the next check is due."""
        return self._unanswered >= CHECKS_UNTIL_EXPIRED and now_mono_s - self.answered_mono_s >= self._timeout_s

    def wait_s(self, now_mono_s: float, varied: float) -> float:
        """How long until there is something to do; 0: a check is due. varied: a number from 0.8 to 1.2."""
        doubt_s = min(DOUBT_LIMIT_S, max(DOUBT_S, 2 * (self.rtt_s or 0.0)))
        pause_s = doubt_s if self._unanswered else self.interval_s * varied
        return max(0.0, self._asked_mono_s + pause_s - now_mono_s)
