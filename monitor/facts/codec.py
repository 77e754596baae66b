"""Facts to JSON-ready dicts and back: one codec for the journal and for the channel between our processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter

from monitor.facts import observations
from monitor.facts.observations import Observation

FACT_TYPES: dict[str, type[Observation]] = {
    cls.kind: cls
    for cls in vars(observations).values()
    if isinstance(cls, type) and issubclass(cls, Observation) and cls is not Observation
}
_ADAPTERS: dict[str, TypeAdapter[Any]] = {}
_READERS: dict[str, Callable[[str], Observation]] = {}


def _adapter(kind: str) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(FACT_TYPES[kind])
    return _ADAPTERS[kind]


def fact_to_dict(fact: Observation) -> dict[str, Any]:
    """A JSON-ready dict with the fact's `kind` added."""
    return {"kind": fact.kind, **_adapter(fact.kind).dump_python(fact, mode="json")}


def fact_from_dict(data: dict[str, Any]) -> Observation:
    """The fact that `fact_to_dict` wrote. Raises ValueError for an unknown kind or a field that does not fit."""
    kind = data.get("kind")
    if kind not in FACT_TYPES:
        raise ValueError(f"unknown kind of fact: {kind!r}")
    fact: Observation = _adapter(kind).validate_python({k: v for k, v in data.items() if k != "kind"})
    return fact


def fact_from_json(kind: str, text: str) -> Observation:
    """The fact of a kind whose `fact_to_dict` was written as JSON; several times faster. Raises ValueError as well."""
    read = _READERS.get(kind) or _reader(kind)
    return read(text)


def _reader(kind: str) -> Callable[[str], Observation]:
    if kind not in FACT_TYPES:
        raise ValueError(f"unknown kind of fact: {kind!r}")
    read: Callable[[str], Observation] = _adapter(kind).validator.validate_json
    _READERS[kind] = read
    return read
