"""Rules for single values: each says in one phrase what it allows, for its errors and for the reference alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

FROM_FILE = "file"  # validation context of a value that a person wrote: durations must then carry their unit
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")


def not_allowed(allowed: str, *, hide: bool = False) -> PydanticCustomError:
    """The error of a value that breaks a rule; `hide` keeps a value that may be a secret out of every message."""
    return PydanticCustomError("not_allowed", "{allowed}", {"allowed": allowed, "hide": hide})


def duration_s(text: str) -> float:
    """Seconds of `500ms`, `15s`, `10m`, `24h` or `400d`. Raises ValueError for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration")
    return round(float(match[1]) * _UNIT_S[match[2]], 9)


def duration_text(seconds: float) -> str:
    """Seconds in the largest unit that keeps them whole, as a configuration file writes them: 90.0 -> `90s`."""
    for unit in ("d", "h", "m", "s", "ms"):
        count = seconds / _UNIT_S[unit]
        if count >= 1 and abs(count - round(count)) < 1e-9:
            return f"{round(count)}{unit}"
    return f"{seconds:.6f}s"


@dataclass(frozen=True)
class Duration:
    """A length of time as text with its unit; becomes seconds."""

    shortest: str
    longest: str

    @property
    def allowed(self) -> str:
        """The rule in words."""
        return f"a duration from {self.shortest} to {self.longest}"

    def __call__(self, value: object, info: ValidationInfo) -> float:
        """Seconds; plain numbers of seconds are taken from programs, never from a file."""
        if isinstance(value, str):
            try:
                seconds = duration_s(value)
            except ValueError:
                raise not_allowed("a duration such as 15s or 500ms is needed") from None
        elif info.context == FROM_FILE or isinstance(value, bool) or not isinstance(value, int | float):
            raise not_allowed("a duration such as 15s or 500ms is needed")
        else:
            seconds = float(value)
        if not duration_s(self.shortest) <= seconds <= duration_s(self.longest):
            raise not_allowed(f"{self.allowed} is needed")
        return seconds


@dataclass(frozen=True)
class Text:
    """Text that fits a pattern."""

    allowed: str
    pattern: str
    hide: bool = False

    def __call__(self, value: object) -> str:
        """The text itself."""
        if not isinstance(value, str) or re.fullmatch(self.pattern, value) is None:
            raise not_allowed(f"{self.allowed} is needed", hide=self.hide)
        return value


@dataclass(frozen=True)
class OfProgram:
    """Text that fits a rule; from programs, never from a file, also text of a pattern that is theirs alone."""

    rule: Text
    pattern: str

    @property
    def allowed(self) -> str:
        """The rule in words."""
        return self.rule.allowed

    def __call__(self, value: object, info: ValidationInfo) -> str:
        """The text itself."""
        if info.context != FROM_FILE and isinstance(value, str) and re.fullmatch(self.pattern, value):
            return value
        return self.rule(value)


@dataclass(frozen=True)
class Checked:
    """Text that a function accepts (returning it, cleaned) or refuses with a ValueError."""

    allowed: str
    check: Callable[[str], str]

    def __call__(self, value: object) -> str:
        """The cleaned text."""
        try:
            if isinstance(value, str):
                return self.check(value)
        except ValueError:
            pass
        raise not_allowed(f"{self.allowed} is needed", hide="@" in str(value))


@dataclass(frozen=True)
class Whole:
    """A whole number within limits."""

    least: int
    most: int

    @property
    def allowed(self) -> str:
        """The rule in words."""
        return f"a whole number from {self.least} to {self.most}"

    def __call__(self, value: object) -> int:
        """The number itself; text such as '5' and true are not numbers."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            raise not_allowed(f"{self.allowed} is needed")
        return value


@dataclass(frozen=True)
class Switch:
    """true or false, and nothing that merely looks like it."""

    allowed: str = "true or false"

    def __call__(self, value: object) -> bool:
        """The truth value itself."""
        if not isinstance(value, bool):
            raise not_allowed("true or false is needed")
        return value


@dataclass(frozen=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """The rule in words."""
        return "one of " + ", ".join(self.words)

    def __call__(self, value: object) -> object:
        """The word itself."""
        if value not in self.words:
            raise not_allowed(f"{self.allowed} is needed")
        return value


@dataclass(frozen=True)
class AutoOrWhole:
    """`auto`, or a whole number within limits."""

    number: Whole

    @property
    def allowed(self) -> str:
        """The rule in words."""
        return f"auto or {self.number.allowed}"

    def __call__(self, value: object) -> object:
        """The word or the number."""
        if value == "auto":
            return value
        try:
            return self.number(value)
        except ValueError:
            raise not_allowed(f"{self.allowed} is needed") from None
