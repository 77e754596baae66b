"""Sound without a codec: ready-made packets sent by the shared ticker, packets counted as they come in, and RTCP."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from monitor.facts.clock import Clock
from monitor.media import rtcp
from monitor.media.canary import CanaryCodec
from monitor.media.far_reception import FarReception
from monitor.media.lean_ticker import Ticker, ticker
from monitor.media.opus_sample import PACKET_S, SAMPLE_RATE, SAMPLES_PER_PACKET, opus_packets
from monitor.media.private_names import Outlet, Srtp, divert, own_media, ssrc_of
from monitor.media.reception import Reception
from monitor.media.round_trip import RoundTrip
from monitor.media.rtp import HEADER, MARKER, PADDING, VERSION_2, is_media, is_rtcp, payload_bytes

DTX_SLOTS = 20  # a comfort noise packet every 400 ms, as Opus sends in silence
SILENCE = b"\xf8\xff\xfe"  # one 20 ms Opus frame of silence
REPORT_S = 1.0  # varied by 0.5 to 1.5 (RFC 3550 section 6.3.1)
FIRST_SEQUENCE_LIMIT = 1 << 15  # so that SRTP's rollover counter is not in doubt at the start


@dataclass(slots=True)
class Received:
    """What one side knows of the other's streams."""

    reception: Reception
    payload_types: frozenset[int] = frozenset()
    report_lsr: int = 0
    report_mono_s: float = 0.0

    def lsr(self, now_mono_s: float) -> tuple[int, int]:
        """LSR and DLSR of the last sender report; zeroes before the first."""
        if not self.report_lsr:
            return 0, 0
        since_s = max(0.0, now_mono_s - self.report_mono_s)  # a stamp may be a little ahead of our own reading
        return self.report_lsr, min(int(since_s * 65536), 0xFFFFFFFF)


class LeanMedia:
    """The sound of one call, both ways, from `attach` on.

    on_rtp: told when each RTP packet arrived that was meant for us. on_far_end: told of reports: for how many seconds
    the other side had received nothing of ours (0: it has), and until when it knows of that. dtx: send comfort noise
    only. canary: encode and decode every packet.
    """

    def __init__(
        self,
        clock: Clock,
        on_rtp: Callable[[float], None],
        on_far_end: Callable[[float, float], None] = lambda unreceived_s, until_mono_s: None,
        *,
        dtx: bool = False,
        canary: bool = False,
    ) -> None:
        self._clock = clock
        self._on_rtp = on_rtp
        self._on_far_end = on_far_end
        self._every = DTX_SLOTS if dtx else 1
        self._payloads = (SILENCE,) if dtx else opus_packets()
        self.codec = CanaryCodec() if canary else None
        self._received = Received(Reception(SAMPLE_RATE))
        self._round_trip = RoundTrip()
        self._far = FarReception(self._every * PACKET_S)
        self._sequence = random.randrange(FIRST_SEQUENCE_LIMIT)  # noqa: S311 - SRTP keeps the secret
        self._timestamp = random.getrandbits(32)
        self._payload_type: int | None = None  # set while we may send
        self._cname = ""
        self._ticker: Ticker | None = None
        self._stopped = False
        self._report_slot = 0
        self._last_slot: int | None = None
        self.packets_sent = self.bytes_sent = self.slots_skipped = 0

    def attach(self, transceiver: Any, connection: Any) -> None:
        """Take the place of aiortc's sender and receiver in `transceiver`, whose ICE agent is `connection`."""
        self._connection = connection
        self._dtls = transceiver.sender.transport
        self._ssrc = ssrc_of(transceiver.sender)
        own_media(transceiver, send=self._may_send, receive=self._may_receive, stop=self.stop)

    @property
    def reception(self) -> Reception:
        """What arrived."""
        return self._received.reception

    @property
    def rtt_s(self) -> float | None:
        """The last round trip by RTCP."""
        return self._round_trip.seconds

    @property
    def rtt_mono_s(self) -> float | None:
        """When its answer arrived."""
        return self._round_trip.measured_mono_s

    def stop(self) -> None:
        """Say RTCP BYE and have no more turns. Idempotent."""
        if self._stopped:
            return
        self._stopped = True
        if self._ticker is not None:
            self._ticker.remove(self)
            self._send_rtcp(self._report() + rtcp.write_bye(self._ssrc))

    def _may_send(self, payload_type: int, cname: str) -> None:
        self._payload_type, self._cname = payload_type, cname
        self._start()

    def _may_receive(self, payload_types: frozenset[int]) -> None:
        self._received.payload_types = payload_types
        self._start()

    def _start(self) -> None:
        if self._stopped or self._ticker is not None:
            return
        self._srtp = Srtp(self._dtls)
        self._outlet = Outlet(self._connection)
        divert(self._connection, is_media, self._datagram)
        self._ticker = ticker()
        self._ticker.add(self)

    # Out

    def slot(self, slot: int) -> None:
        """Send what is due in this 20 ms slot."""
        if self._payload_type is not None and slot % self._every == 0:
            self._send_packet(slot, self._payload_type)
        if slot >= self._report_slot:
            if self._report_slot:
                self._send_rtcp(self._report())
            self._report_slot = slot + int((0.5 + random.random()) * REPORT_S / PACKET_S)  # noqa: S311

    def missed(self, slots: range) -> None:
        """Count the slots in which a packet was due."""
        if self._payload_type is not None:
            self.slots_skipped += sum(slot % self._every == 0 for slot in slots) if self._every > 1 else len(slots)

    def _send_packet(self, slot: int, payload_type: int) -> None:
        last, self._last_slot = self._last_slot, slot
        if last is None:  # the first of a talkspurt is marked (RFC 3551 section 4.1)
            payload_type |= MARKER
        else:
            self._timestamp = (self._timestamp + (slot - last) * SAMPLES_PER_PACKET) & 0xFFFFFFFF
        payload = self._payloads[slot % len(self._payloads)] if self.codec is None else self.codec.encode()
        header = HEADER.pack(VERSION_2, payload_type, self._sequence, self._timestamp, self._ssrc)
        packet = self._srtp.protect(header + payload)
        if packet is not None and self._outlet.send(packet):
            self._sequence = (self._sequence + 1) & 0xFFFF
            self.packets_sent += 1
            self.bytes_sent += len(payload)
            self._sent_mono_s = self._clock.mono_s()

    def _report(self) -> bytes:
        """A compound packet of now: SR when we send, else RR, then our CNAME."""
        now_mono_s = self._clock.mono_s()
        block = self.reception.report(*self._received.lsr(now_mono_s))
        sender = self._sender_info(now_mono_s) if self.packets_sent else None
        report = rtcp.Report(self._ssrc, sender, () if block is None else (block,))
        return rtcp.write_report(report) + rtcp.write_description(self._ssrc, self._cname)

    def _sender_info(self, now_mono_s: float) -> rtcp.SenderInfo:
        ntp = rtcp.ntp_time(self._clock.wall_s())
        self._round_trip.sent(rtcp.middle(ntp), now_mono_s)
        now_timestamp = self._timestamp + int((now_mono_s - self._sent_mono_s) * SAMPLE_RATE)
        return rtcp.SenderInfo(
            ntp, now_timestamp & 0xFFFFFFFF, self.packets_sent & 0xFFFFFFFF, self.bytes_sent & 0xFFFFFFFF
        )

    def _send_rtcp(self, packet: bytes) -> None:
        protected = self._srtp.protect_rtcp(packet)
        if protected is not None:
            self._outlet.send(protected)

    # In

    def _datagram(self, data: bytes, datagrams: Any) -> None:
        """An RTP or RTCP packet, whoever sent it."""
        arrived_mono_s = getattr(datagrams, "arrived_mono_s", None)
        at_mono_s = self._clock.mono_s() if arrived_mono_s is None else arrived_mono_s
        report = is_rtcp(data)
        packet = self._srtp.unprotect_rtcp(data) if report else self._srtp.unprotect(data)
        if packet is None:  # not of this call by its SRTP tag, or sent again
            return
        if report:
            self._rtcp_packet(packet, at_mono_s)
        else:
            self._rtp_packet(packet, at_mono_s)

    def _rtp_packet(self, packet: bytes, at_mono_s: float) -> None:
        _, second, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
        size = payload_bytes(packet)
        sound = second & 0x7F in self._received.payload_types
        reception = self._received.reception
        if size is None or not (sound or ssrc == reception.ssrc) or not self._received.payload_types:
            return
        reception.packet(ssrc, sequence, timestamp, at_mono_s, size=size, spaced=sound)
        self._on_rtp(at_mono_s)
        if self.codec is not None and sound and size:
            self._decode(self.codec, packet, size)

    def _decode(self, codec: CanaryCodec, packet: bytes, size: int) -> None:
        padding = packet[-1] if packet[0] & PADDING else 0
        end = len(packet) - padding
        codec.decode(packet[end - size : end])

    def _rtcp_packet(self, packet: bytes, at_mono_s: float) -> None:
        for one in rtcp.read_compound(packet):
            if isinstance(one, rtcp.Bye):
                for ssrc in one.ssrcs:
                    self.reception.ended(ssrc)
                continue
            if one.sender is not None and one.ssrc == self.reception.ssrc:
                self._received.report_lsr = rtcp.middle(one.sender.ntp)
                self._received.report_mono_s = at_mono_s
            for block in one.blocks:
                if block.ssrc == self._ssrc:
                    self._reported(block, at_mono_s)

    def _reported(self, block: rtcp.ReportBlock, at_mono_s: float) -> None:
        """The other side's report about our stream."""
        until_mono_s = self._round_trip.answered(block.lsr, block.dlsr, at_mono_s)
        now_mono_s, last_sent = self._clock.mono_s(), self._sequence - 1
        unreceived_s = self._far.reported(block.highest_sequence, last_sent, until_mono_s, now_mono_s)
        if unreceived_s is not None:
            self._on_far_end(unreceived_s, now_mono_s if until_mono_s is None else until_mono_s)
