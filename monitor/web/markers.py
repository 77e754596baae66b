"""The body of POST /markers: what it may say, every field at fault named, and markers back as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError

from monitor.facts.clock import parse_rfc3339, rfc3339
from monitor.facts.markers import Marker, MarkerPhase, told_seconds
from monitor.facts.runs import OUTCOMES

NAME_LENGTH = 100
ATTRIBUTES_LIMIT = 64  # calls, statuses and a pair of figures for each operation, and room for the user's own
ATTRIBUTE_LENGTH = 500
SHOWN_LENGTH = 200  # of a refused value, in the answer
EARLIEST_WALL_S, LATEST_WALL_S = 946_684_800.0, 4_102_444_800.0  # 2000 to 2100: catches milliseconds taken for seconds

_TIME = "RFC 3339 with an offset, e.g. 2026-11-24T10:00:00-06:00, or Unix seconds; from 2000 to 2100"
_NAME = f"1 to {NAME_LENGTH} characters, no control characters"
_COUNT = "a whole number from 0 to 1000000"


def _name(text: str) -> str:
    if not text.strip() or len(text) > NAME_LENGTH or not text.isprintable():
        raise ValueError(_NAME)
    return text


def _wall_s(value: object) -> float:
    """Unix seconds of a time as the body gives it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(_TIME)
    seconds = parse_rfc3339(value) if isinstance(value, str) else value
    if not EARLIEST_WALL_S <= seconds < LATEST_WALL_S:
        raise ValueError(_TIME)
    return float(seconds)


def _attributes(value: object) -> dict[str, str]:
    """Attributes with scalar values, as text."""
    if not isinstance(value, dict) or len(value) > ATTRIBUTES_LIMIT:
        raise ValueError
    return {_name(name): _attribute(one) for name, one in value.items()}


def _attribute(value: object) -> str:
    if not isinstance(value, str | int | float | bool):
        raise ValueError
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) > ATTRIBUTE_LENGTH or not text.isprintable():
        raise ValueError
    return text


Name = Annotated[str, AfterValidator(_name)]
Time = Annotated[float, BeforeValidator(_wall_s)]
Count = Annotated[StrictInt, Field(ge=0, le=1_000_000)]
Attributes = Annotated[dict[str, str], BeforeValidator(_attributes)]


class MarkerBody(BaseModel):
    """POST /markers. Every field's description is what the answer says is allowed."""

    model_config = ConfigDict(extra="forbid")

    job: Name = Field(description=_NAME)
    run_id: Name = Field(description=_NAME)
    phase: Literal["start", "end", "batch"] = Field(description="start, end, batch")
    time: Time | None = Field(None, description=_TIME)
    time_min: Time | None = Field(None, description=_TIME)
    time_max: Time | None = Field(None, description=_TIME)
    found_by: Name | None = Field(None, description=_NAME)
    strategy: Name | None = Field(None, description=_NAME)
    batch_size: Count | None = Field(None, description=_COUNT)
    agents: Count | None = Field(None, description=_COUNT)
    outcome: Literal["ok", "failed", "aborted"] | None = Field(None, description=", ".join(OUTCOMES))
    attributes: Attributes = Field(
        default_factory=dict,
        description=f"an object of at most {ATTRIBUTES_LIMIT} names with text, number or boolean values of at most "
        f"{ATTRIBUTE_LENGTH} characters",
    )


class MarkerError(Exception):
    """A body that is no marker. problems: one `{field, value, allowed}` for every field at fault."""

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


def problem(field: str, value: object, allowed: str) -> dict[str, Any]:
    """One problem as it is answered; a long value is cut."""
    text = json.dumps(value, default=str)
    return {"field": field, "value": value if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH], "allowed": allowed}


def parse_marker(raw: bytes, now_wall_s: float) -> tuple[Marker, bool]:
    """The marker a body tells of, and whether the body told its time. Raises MarkerError."""
    body = _json_object(raw)
    out_of_order = _out_of_order(body)
    try:
        model = MarkerBody.model_validate(body)
    except ValidationError as error:
        raise MarkerError(_problems(error, body) + out_of_order) from None
    if out_of_order:
        raise MarkerError(out_of_order)
    told = model.time is not None or model.time_max is not None
    return _marker(model, now_wall_s), told


def marker_json(marker: Marker) -> dict[str, Any]:
    """A marker as GET /markers shows it: the fields of the body, times in RFC 3339; what was not told is left out."""
    fields = {
        "job": marker.job,
        "run_id": marker.run_id,
        "phase": marker.phase.value,
        "time": rfc3339(marker.at_wall_s),
        "time_min": None if marker.at_min_wall_s is None else rfc3339(marker.at_min_wall_s),
        "time_max": None if marker.at_max_wall_s is None else rfc3339(marker.at_max_wall_s),
        "found_by": marker.found_by,
        "strategy": marker.strategy,
        "batch_size": marker.batch_size,
        "agents": marker.agents,
        "outcome": marker.outcome,
        "attributes": marker.attributes or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw, parse_constant=_no_constant)
        json.dumps(body, ensure_ascii=False).encode()  # refuses lone surrogates, which nothing can store
    except (ValueError, RecursionError):
        raise MarkerError([problem("", raw[:SHOWN_LENGTH].decode(errors="replace"), "a JSON object")]) from None
    if not isinstance(body, dict):
        raise MarkerError([problem("", body, "a JSON object")])
    return body


def _no_constant(name: str) -> Callable[[], None]:
    raise ValueError(f"{name} is not JSON")


def _problems(error: ValidationError, body: dict[str, Any]) -> list[dict[str, Any]]:
    """One problem a field, in the order in which pydantic found them."""
    allowed = {name: field.description or "" for name, field in MarkerBody.model_fields.items()}
    every = "no such field; known are " + ", ".join(allowed)
    fields = dict.fromkeys(str(one["loc"][0]) for one in error.errors(include_url=False))
    return [problem(field, body.get(field), allowed.get(field, every)) for field in fields]


def _out_of_order(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The bounds must stand in order and hold the time; a time that cannot be read has a problem of its own."""
    times: dict[str, float] = {}
    for field in ("time_min", "time", "time_max"):
        with suppress(ValueError):
            times[field] = _wall_s(body.get(field))
    return [
        problem(later, body[later], f"not before {earlier}")
        for earlier, later in (("time_min", "time"), ("time", "time_max"), ("time_min", "time_max"))
        if earlier in times and later in times and times[later] < times[earlier]
    ]


def _marker(model: MarkerBody, now_wall_s: float) -> Marker:
    at_wall_s = model.time if model.time is not None else model.time_max
    return Marker(
        job=model.job,
        run_id=model.run_id,
        phase=MarkerPhase(model.phase),
        at_wall_s=now_wall_s if at_wall_s is None else at_wall_s,
        at_min_wall_s=model.time_min,
        at_max_wall_s=model.time_max,
        found_by=model.found_by or "told",
        strategy=model.strategy,
        batch_size=model.batch_size,
        pause_s=told_seconds(model.attributes.get("pause", "")),
        agents=model.agents,
        outcome=model.outcome,
        attributes=model.attributes,
    )
