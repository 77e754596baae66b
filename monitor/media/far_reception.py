"""Whether the other side still receives what we send, by its reception reports (RFC 3550 section 6.4.1). Pure.

Consent checks cannot tell it so soon: RFC 7675 section 5.1 forbids one more often than every 4 s. A report is free.
What is concluded rests on sequence numbers, on the sender report that it names, and on the time since that one as it
tells it: so neither a long path nor a report that we read late looks like a loss.
"""

from __future__ import annotations

from typing import Final

PACKETS: Final = 40  # so many lost in a row are no bad path but none
HALF: Final = 1 << 15  # of the sequence numbers: further apart, which one is later is not known


class FarReception:
    """Told of every report about our stream. packet_s: the shortest time between two of our packets."""

    def __init__(self, packet_s: float) -> None:
        self._packet_s = packet_s
        self._highest: int | None = None
        self._rose = False

    def reported(
        self, highest_sequence: int, last_sent: int, written_mono_s: float | None, now_mono_s: float
    ) -> float | None:
        """For how many seconds the other side had received nothing when it wrote this; 0: it has; None: not known.

        highest_sequence: as reported, with the cycles. last_sent: our last packet's number. written_mono_s: until when
        what we sent should have been in the report; None when that is not known.
        """
        if highest_sequence != self._highest:
            self._rose = self._highest is not None
            self._highest = highest_sequence
            return 0.0
        missing = (last_sent - highest_sequence) & 0xFFFF
        if not self._rose or written_mono_s is None or missing >= HALF:
            return None
        # each took a slot of its own, so that those sent since cannot be more than there were slots
        overdue = missing - int((now_mono_s - written_mono_s) / self._packet_s) - 2
        return overdue * self._packet_s if overdue >= PACKETS else None
