"""A canary's codec: what it encodes it can decode, and nonsense is counted."""

from __future__ import annotations

from monitor.media.canary import CanaryCodec
from monitor.media.opus_sample import opus_packets


def test_every_packet_is_decoded_and_nonsense_is_counted() -> None:
    speaking, listening = CanaryCodec(), CanaryCodec()
    packets = [speaking.encode() for _ in range(20)]
    assert all(packets)
    for payload in (*packets, *opus_packets()):
        listening.decode(payload)
    assert listening.decoded_frames == 20 + len(opus_packets())
    assert listening.decode_errors == 0
    listening.decode(b"\xff" * 7)
    assert listening.decode_errors == 1
