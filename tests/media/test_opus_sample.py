from __future__ import annotations

import av

from monitor.media.opus_sample import PACKETS, SAMPLES_PER_PACKET, TIME_BASE, opus_packets


def test_a_second_of_packets_made_once() -> None:
    packets = opus_packets()
    assert len(packets) == PACKETS
    assert opus_packets() is packets
    assert all(20 <= len(packet) <= 400 for packet in packets)


def test_they_decode_to_sound_and_not_to_silence() -> None:
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.format, decoder.layout = 48_000, "s16", "mono"
    heard = 0
    loudest = 0
    for index, data in enumerate(opus_packets()):
        packet = av.Packet(data)
        packet.pts, packet.time_base = index * SAMPLES_PER_PACKET, TIME_BASE
        for frame in decoder.decode(packet):
            heard += frame.samples
            samples = memoryview(bytes(frame.planes[0])).cast("h")
            loudest = max(loudest, *samples)
    assert heard > 45 * SAMPLES_PER_PACKET
    assert loudest > 3000
