"""Samples packed as they come, handed over in columns: a third of the time that one column after another takes."""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from typing import Final

import numpy as np

from monitor.facts.evidence_builder import EvidenceBuilder

HAND_OVER_BYTES: Final = 1 << 22  # of one signal
_ROW: Final = struct.Struct("=ddiiiii?")
_COLUMNS: Final = np.dtype(
    [("at", "=f8"), ("value", "=f8"), *((f"name{n}", "=i4") for n in range(5)), ("suspect", "?")]
)


class _Codes(dict[str, int]):
    """The builder's place of every name, asked for once."""

    def __init__(self, builder: EvidenceBuilder) -> None:
        super().__init__()
        self._builder = builder

    def __missing__(self, name: str) -> int:
        code = self[name] = self._builder.code(name)
        return code


class PackedSamples:
    """Collects attempts at signals for a builder, which has them all after `hand_over`."""

    def __init__(self, builder: EvidenceBuilder) -> None:
        self._builder = builder
        self._codes = _Codes(builder)
        self._rows: defaultdict[str, bytearray] = defaultdict(bytearray)

    def add(
        self,
        signal: str,
        at_s: float,
        value: float | None,
        outcome: str,
        site: str,
        probe: str,
        target: str,
        detail: str = "",
        suspect: bool = False,
    ) -> None:
        """One attempt, as EvidenceBuilder.sample takes it."""
        rows, codes = self._rows[signal], self._codes
        rows += _ROW.pack(
            at_s,
            math.nan if value is None else value,
            codes[outcome],
            codes[site],
            codes[probe],
            codes[target],
            codes[detail],
            suspect,
        )
        if len(rows) >= HAND_OVER_BYTES:
            self._hand_over(signal)

    def hand_over(self) -> None:
        """Give the builder what it does not have yet."""
        for signal in list(self._rows):
            self._hand_over(signal)

    def _hand_over(self, signal: str) -> None:
        rows = np.frombuffer(bytes(self._rows.pop(signal)), dtype=_COLUMNS)
        names = [np.ascontiguousarray(rows[f"name{n}"]) for n in range(5)]
        self._builder.samples(signal, [rows["at"], rows["value"], np.ones(len(rows))], names, rows["suspect"])
