"""One second of speech-like sound as ready-made Opus packets: encoded once a process, never during a call."""

from __future__ import annotations

import math
from array import array
from fractions import Fraction
from functools import cache

import av

SAMPLE_RATE = 48_000  # the RTP clock of Opus, whatever is inside (RFC 7587 section 4.1)
PACKET_S = 0.020
SAMPLES_PER_PACKET = 960
PACKETS = 50
BIT_RATE = 32_000
TIME_BASE = Fraction(1, SAMPLE_RATE)


@cache
def opus_packets() -> tuple[bytes, ...]:
    """PACKETS Opus packets of 20 ms, mono at about 32 kbit/s; playing them round and round makes no gap."""
    opus = encoder()
    encoded = [bytes(packet) for index in range(PACKETS + 1) for packet in opus.encode(frame(index))]
    return tuple(encoded[:PACKETS])


def encoder() -> av.AudioCodecContext:
    """An Opus encoder as a softphone's, at a constant rate."""
    opus = av.CodecContext.create("libopus", "w")
    opus.sample_rate = SAMPLE_RATE
    opus.layout = "mono"
    opus.format = "s16"
    opus.bit_rate = BIT_RATE
    opus.time_base = TIME_BASE
    opus.options = {"application": "voip", "vbr": "off"}
    return opus


def decoder() -> av.AudioCodecContext:
    """An Opus decoder."""
    opus = av.CodecContext.create("libopus", "r")
    opus.sample_rate = SAMPLE_RATE
    opus.layout = "mono"
    return opus


def frame(index: int) -> av.AudioFrame:
    """The 20 ms of sound that packet `index` carries."""
    sound = av.AudioFrame(format="s16", layout="mono", samples=SAMPLES_PER_PACKET)
    sound.sample_rate = SAMPLE_RATE
    sound.time_base = TIME_BASE
    sound.pts = index * SAMPLES_PER_PACKET
    sound.planes[0].update(_samples(index % PACKETS))
    return sound


@cache
def _samples(packet: int) -> bytes:
    """Worked out once for each of the PACKETS: it costs as much as encoding them."""
    first = packet * SAMPLES_PER_PACKET
    return array("h", (_sample(first + offset) for offset in range(SAMPLES_PER_PACKET))).tobytes()


def _sample(position: int) -> int:
    """A 125 Hz voice with a few harmonics, four syllables a second; both repeat exactly every second."""
    at_s = (position % SAMPLE_RATE) / SAMPLE_RATE
    voice = sum(math.sin(2 * math.pi * 125 * harmonic * at_s) / harmonic for harmonic in range(1, 6))
    syllable = 0.5 - 0.5 * math.cos(2 * math.pi * 4 * at_s)
    return int(6000 * voice * syllable)
