"""A canary's ears and mouth: every packet really encoded and decoded, as a browser does. SIMULATED speech."""

from __future__ import annotations

from array import array

import av

from monitor.media.opus_sample import PACKETS, decoder, encoder, frame

AUDIBLE = 33  # largest sample of 16 bits: -60 dBov and above is heard, below is silence or comfort noise


class CanaryCodec:
    """One call's Opus encoder and decoder: some 50 ms of processor a second, on the event loop; for a call or two."""

    def __init__(self) -> None:
        self._encoder = encoder()
        self._decoder = decoder()
        self._encoded = 0
        self.audible_frames = 0
        self.silent_frames = 0
        self.decode_errors = 0

    def encode(self) -> bytes:
        """The next 20 ms as an Opus packet."""
        sound = frame(self._encoded % PACKETS)
        sound.pts = None
        self._encoded += 1
        return b"".join(bytes(packet) for packet in self._encoder.encode(sound))

    def decode(self, payload: bytes) -> None:
        """Decode one payload; what cannot be decoded is counted."""
        try:
            frames = self._decoder.decode(av.Packet(payload))
        except (av.FFmpegError, ValueError):
            self.decode_errors += 1
            return
        audible = sum(is_audible(one) for one in frames)
        self.audible_frames += audible
        self.silent_frames += len(frames) - audible


def is_audible(decoded: av.AudioFrame) -> bool:
    """Whether anything is to be heard in it. libopus decodes to interleaved 16 bit samples."""
    samples = array("h", bytes(decoded.planes[0])[: 2 * decoded.samples * len(decoded.layout.channels)])
    return max(samples) >= AUDIBLE or min(samples) <= -AUDIBLE
