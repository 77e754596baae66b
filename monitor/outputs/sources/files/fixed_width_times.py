"""A column of RFC 3339 times that are all written alike, read digit by digit in a few fast array operations; pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MICROS = 1_000_000
HOUR_S = 3600
_SHORTEST = len("2026-03-03T10:00:00")
_DIGITS_OF_MICROS = 6
_DASHES, _COLONS = [4, 7], [13, 16]

Whole = NDArray[np.int64]


def fixed_width_times(texts: Sequence[str]) -> tuple[Whole, bool] | None:
    """Microseconds after 1970, and whether that is UTC (else it is a local reading, as no time has an offset).

    None for a column that is not written so, has times of different length, or a time that no calendar has: its times
    must be read one by one. Fractions beyond microseconds are cut off.
    """
    length = len(texts[0]) if texts else 0
    joined = "".join(texts)
    if length < _SHORTEST or len(joined) != length * len(texts) or set(map(len, texts)) != {length}:
        return None
    if not joined.isascii():
        return None
    by_time = np.frombuffer(joined.encode("ascii"), dtype=np.uint8).reshape(-1, length)
    letters = np.ascontiguousarray(by_time.T)  # a row for each place in the text
    tail = _tail(texts[0])
    fraction = length - _SHORTEST - tail
    seconds = _seconds(letters)
    micros = _fraction(letters[_SHORTEST : _SHORTEST + fraction])
    offset_s = _offset_s(letters[length - tail :])
    if seconds is None or micros is None or offset_s is None:
        return None
    return (seconds - offset_s) * MICROS + micros, tail > 0


def _tail(text: str) -> int:
    """How many letters the offset takes at the end of a time."""
    if text[-1] in "Zz":
        return 1
    return 6 if len(text) >= _SHORTEST + 6 and text[-6] in "+-" else 0


def _seconds(letters: NDArray[np.uint8]) -> Whole | None:
    """Date and time of day as seconds after 1970 on the clock that shows them."""
    if (letters[_DASHES] != ord("-")).any() or (letters[_COLONS] != ord(":")).any():
        return None
    if not _all_of(letters[10], b"T t"):
        return None
    parts = [_number(letters[begin:end]) for begin, end in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))]
    if any(part is None for part in parts):
        return None
    year, month, day, hour, minute, second = (part for part in parts if part is not None)
    if (month < 1).any() or (month > 12).any() or (hour > 23).any() or (minute > 59).any() or (second > 59).any():
        return None
    months = (year - 1970) * 12 + month - 1
    first_days, next_days = _day_of(months), _day_of(months + 1)
    days = first_days + day - 1
    if (day < 1).any() or (days >= next_days).any():
        return None
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def _day_of(months: Whole) -> Whole:
    """Days after 1970 of the first of a month, given as months after 1970."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _number(letters: NDArray[np.uint8]) -> Whole | None:
    """The numbers that rows of digits write, one below the other; None where one is no digit."""
    digits = letters - np.uint8(ord("0"))  # what comes before `0` wraps round to a large number
    if (digits > 9).any():
        return None
    number = np.zeros(letters.shape[1], dtype=np.int64)
    for row in digits:
        number *= 10
        number += row
    return number


def _fraction(letters: NDArray[np.uint8]) -> Whole | None:
    """Microseconds of `.123`, which may be nothing at all."""
    count = len(letters) - 1
    if count < 0:
        return np.zeros(letters.shape[1], dtype=np.int64)
    if count == 0 or (letters[0] != ord(".")).any() or (count > _DIGITS_OF_MICROS and _number(letters[1:]) is None):
        return None
    number = _number(letters[1 : 1 + _DIGITS_OF_MICROS])
    return None if number is None else number * 10 ** max(0, _DIGITS_OF_MICROS - count)


def _offset_s(letters: NDArray[np.uint8]) -> Whole | None:
    """Seconds east of UTC of `Z` and `-06:00`; nothing at all is 0."""
    if len(letters) < 6:
        return np.zeros(letters.shape[1], dtype=np.int64) if len(letters) == 0 or _all_of(letters[0], b"Zz") else None
    sign, hour, minute = letters[0], _number(letters[1:3]), _number(letters[4:6])
    if hour is None or minute is None or not _all_of(sign, b"+-"):
        return None
    if (letters[3] != ord(":")).any() or (hour > 23).any() or (minute > 59).any():
        return None
    return (hour * HOUR_S + minute * 60) * np.where(sign == ord("-"), -1, 1)


def _all_of(letters: NDArray[np.uint8], allowed: bytes) -> bool:
    """Whether every letter is one of a few, the commonest first."""
    good = letters == allowed[0]
    for letter in allowed[1:]:
        if good.all():
            break
        good |= letters == letter
    return bool(good.all())
