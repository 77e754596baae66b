"""JSON from the other side: bounded in size and nesting, every field checked for its type. Pure."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from monitor.genesys.stanzas import StanzaError

LIMIT_CHARS = 262_144
MAX_NESTING = 32

# possessive and with an optional end, so that an unterminated string costs one pass and no backtracking
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def load_json(text: str | None, *, limit_chars: int = LIMIT_CHARS, max_nesting: int = MAX_NESTING) -> Any:
    """The JSON value of a text. Raises StanzaError (malformed, too_large, too_deep), and nothing else."""
    if text is None:
        raise StanzaError("malformed", "no JSON")
    if len(text) > limit_chars:
        raise StanzaError("too_large", f"JSON over {limit_chars} characters")
    if _nesting(text) > max_nesting:
        raise StanzaError("too_deep", f"JSON over {max_nesting} levels")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise StanzaError("malformed", "not JSON") from error


def _nesting(text: str) -> int:
    """The deepest nesting, counted before parsing, so that no text can exhaust the parser's stack."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _refuse_constant(name: str) -> NoReturn:
    raise StanzaError("malformed", "NaN and Infinity are not JSON")


def as_object(value: Any) -> dict[str, Any]:
    """The value as an object, or StanzaError."""
    if not isinstance(value, dict):
        raise StanzaError("malformed", "not a JSON object")
    return value


def string_field(fields: dict[str, Any], name: str, default: str | None = None) -> str:
    """A field that is a string, or StanzaError. A missing or null one is `default`, if there is one."""
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise StanzaError("malformed", f"field {name} is not a string")
    return value


def flag_field(fields: dict[str, Any], name: str) -> bool:
    """A field that is true or false; a missing or null one is False."""
    value = fields.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise StanzaError("malformed", f"field {name} is not true or false")
    return value
