"""The settings' own shape, read from the models: which keys a part has, what each allows, where parts nest."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from monitor.config.document import KeyPath
from monitor.config.model import Settings
from monitor.config.probes import ProbeSettings


def key_of(name: str, field: FieldInfo) -> str:
    """The key as files write it."""
    return field.validation_alias if isinstance(field.validation_alias, str) else name


def keys(part: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a part as files write them, `kind` and `name` first."""
    found = {key_of(name, field): field for name, field in part.model_fields.items()}
    return {key: found[key] for key in sorted(found, key=lambda k: {"kind": 0, "name": 1}.get(k, 2))}


def probe_kinds() -> dict[str, type[BaseModel]]:
    """Each kind of probe and its model."""
    union = get_args(ProbeSettings)[0]
    return {model.model_fields["kind"].default: model for model in get_args(union)}


def _leaves(annotation: Any) -> Iterator[Any]:
    """Every type inside unions, tuples and Annotated."""
    if get_origin(annotation) in (Union, types.UnionType, tuple) or hasattr(annotation, "__metadata__"):
        for inner in get_args(annotation):
            yield from _leaves(inner)
    else:
        yield annotation


def parts_in(field: FieldInfo) -> list[type[BaseModel]]:
    """The parts that a key holds: none for a plain value, several for the kinds of probe."""
    return [leaf for leaf in _leaves(field.annotation) if isinstance(leaf, type) and issubclass(leaf, BaseModel)]


def is_list(field: FieldInfo) -> bool:
    """True when the key holds a list."""
    return get_origin(field.annotation) is tuple


def words_of(field: FieldInfo) -> list[str]:
    """The words that a key allows, [] when it is not a closed choice."""
    return [str(w) for leaf in _leaves(field.annotation) if get_origin(leaf) is Literal for w in get_args(leaf)]


def allowed_of(field: FieldInfo) -> str:
    """What a key allows, in words."""
    if parts_in(field):
        return "a list of mappings" if is_list(field) else "a mapping"
    rules = [m.func for m in (*_leaves(field.annotation), *field.metadata) if isinstance(m, BeforeValidator)]
    allowed = next((text for text in (getattr(rule, "allowed", "") for rule in rules) if text), "")
    text = str(allowed) or "one of " + ", ".join(words_of(field))
    return f"a list, each {text}" if is_list(field) else text


def part_at(loc: KeyPath) -> type[BaseModel] | None:
    """The part that pydantic's error location lies in, None when it is no part. Kinds of probe count as steps."""
    current: type[BaseModel] | None = Settings
    for step in loc:
        if isinstance(step, int):
            continue
        if current is None and step in probe_kinds():
            current = probe_kinds()[step]
            continue
        field = keys(current).get(step) if current else None
        inside = parts_in(field) if field else []
        current = inside[0] if len(inside) == 1 else None
    return current


def is_not_yet(field: FieldInfo) -> bool:
    """True for a key that is read and checked, but that nothing acts on yet."""
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("not_yet"))


def not_yet(part: BaseModel, where: str = "") -> list[str]:
    """The paths of what was asked for and will not be done, such as `probes[2].dial`."""
    found: list[str] = []
    for name, field in type(part).model_fields.items():
        path = f"{where}.{key_of(name, field)}".lstrip(".")
        value = getattr(part, name)
        if name in part.model_fields_set and is_not_yet(field):
            found.append(path)
        elif isinstance(value, BaseModel):
            found += not_yet(value, path)
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                found += not_yet(item, f"{path}[{index}]") if isinstance(item, BaseModel) else []
    return found
