"""A canary's codec: what it encodes it can decode, and nonsense is counted."""

from __future__ import annotations

from monitor.media.canary import CanaryCodec
from monitor.media.lean_media import SILENCE
from monitor.media.opus_sample import opus_packets


def test_every_packet_is_decoded_and_nonsense_is_counted() -> None:
    speaking, listening = CanaryCodec(), CanaryCodec()
    packets = [speaking.encode() for _ in range(20)]
    assert all(packets)
    for payload in (*packets, *opus_packets()):
        listening.decode(payload)
    assert listening.audible_frames + listening.silent_frames == 20 + len(opus_packets())
    assert listening.decode_errors == 0
    listening.decode(b"\xff" * 7)
    assert listening.decode_errors == 1


def test_speech_is_heard_and_silence_is_not() -> None:
    """One-way sound: packets come as ever, and there is nothing in them."""
    speech, silence = CanaryCodec(), CanaryCodec()
    for payload in opus_packets():
        speech.decode(payload)
        silence.decode(SILENCE)
    assert speech.audible_frames > 0.8 * len(opus_packets())  # the gaps between syllables are silent
    assert (silence.audible_frames, silence.silent_frames) == (0, len(opus_packets()))
