"""A configuration file to settings, or to every problem in it at once, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from monitor.config.checks import MISSING, Conflict, Draft, conflicts
from monitor.config.document import LARGEST_BYTES, Document, Flaw, KeyPath, read
from monitor.config.fleet import expanded
from monitor.config.model import Agent, Exporter, Fleet, Genesys, PublishJob, Settings
from monitor.config.probes import GatheringProbe, Part, ProbeSettings
from monitor.config.rules import FROM_FILE
from monitor.config.schema import allowed_of, keys, part_at, probe_kinds
from monitor.config.secrets import SecretMissing, SecretRef, resolve

LONGEST_VALUE = 60
HIDDEN = object()  # stands for a value that may be a secret
_PROBE: TypeAdapter[ProbeSettings] = TypeAdapter(ProbeSettings)
_P = TypeVar("_P", bound=Part)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right. where: path such as `probes[2].interval`; value: as shown, `` when it must not be."""

    where: str
    line: int | None
    value: str
    allowed: str
    file: str = ""

    def __str__(self) -> str:
        """One line: FILE:LINE: where: value — allowed."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        what = " — ".join(part for part in (self.value, self.allowed) if part)
        return ": ".join(part for part in (place, self.where, what) if part)


class ConfigErrors(Exception):  # noqa: N818 - the plural is the point
    """Everything that is wrong with a configuration file."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def load(path: Path, env: Mapping[str, str] | None = None) -> Settings:
    """The settings in a file. Raises ConfigErrors with every problem, in the order of the file's lines.

    With `env`, a file without another problem must also find there every credential that it names. What `fleet` asks
    for is carried out (fleet.py): the probes are those of the file and the repeated ones.
    """
    settings, document = _load(path)
    missing = [
        Problem(_where(key), document.line_of(key), "", words, str(path))
        for key, words in (_missing(settings, env) if env is not None else ())
    ]
    if missing:
        raise ConfigErrors(_in_order(missing))
    return expanded(settings)


def missing_credentials(settings: Settings, env: Mapping[str, str]) -> list[Problem]:
    """Credentials that the settings name and that are not there, e.g. an unset variable. Never shows a value."""
    return [Problem(_where(key), None, "", words) for key, words in _missing(settings, env)]


def _load(path: Path) -> tuple[Settings, Document]:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ConfigErrors([Problem("", None, "", f"cannot be read: {error.strerror}", str(path))]) from None
    document = read(content)
    settings, problems = _settings(document, str(path))
    if settings is None or problems:
        raise ConfigErrors(problems)
    return settings, document


def _settings(document: Document, file: str) -> tuple[Settings | None, list[Problem]]:
    problems = [_of_flaw(flaw, file) for flaw in document.flaws]
    if not isinstance(document.data, dict):
        if not problems:
            allowed = "a mapping of settings is needed; `softphone-monitor config example` prints one"
            problems = [Problem("", 1, "", allowed, file)]
        return None, problems
    settings: Settings | None = None
    found: list[tuple[KeyPath, Problem]] = []
    try:
        settings = Settings.model_validate(document.data, context=FROM_FILE, by_alias=True, by_name=False)
    except ValidationError as errors:
        found = [_of_error(error, document, file) for error in errors.errors(include_url=False)]
    found += [_of_conflict(conflict, document, file) for conflict in conflicts(_draft(document.data))]
    flawed = {flaw.path for flaw in document.flaws}
    problems += [problem for path, problem in found if path not in flawed]
    return settings, _in_order(problems)


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.line or 0, problem.where))


def _draft(data: dict[str, Any]) -> Draft:
    genesys = data.get("genesys")
    inside: dict[str, Any] = genesys if isinstance(genesys, dict) else {}
    agents, probes = _items(inside.get("agents")), _items(data.get("probes"))
    return Draft(
        has_client=inside.get("client") is not None,
        has_call=any(isinstance(probe, dict) and probe.get("kind") == "call" for probe in probes),
        agent_names=frozenset(a["name"] for a in agents if isinstance(a, dict) and isinstance(a.get("name"), str)),
        genesys=_sound(Genesys, {k: v for k, v in inside.items() if k != "agents"})
        if isinstance(genesys, dict)
        else None,
        agents=_all_sound(Agent, agents),
        probes=dict(_sound_probes(probes)),
        publish=_all_sound(PublishJob, _items(data.get("publish"))),
        exporter=_sound(Exporter, data.get("exporter", {})),
        fleet=_sound(Fleet, data.get("fleet", {})),
    )


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _sound(part: type[_P], value: object) -> _P | None:
    try:
        return part.model_validate(value, context=FROM_FILE, by_alias=True, by_name=False)
    except ValidationError:
        return None


def _all_sound(part: type[_P], values: list[Any]) -> dict[int, _P]:
    found = {index: _sound(part, value) for index, value in enumerate(values)}
    return {index: sound for index, sound in found.items() if sound is not None}


def _sound_probes(values: list[Any]) -> Iterator[tuple[int, ProbeSettings]]:
    for index, value in enumerate(values):
        try:
            yield index, _PROBE.validate_python(value, context=FROM_FILE, by_alias=True, by_name=False)
        except ValidationError:
            continue


def _of_flaw(flaw: Flaw, file: str) -> Problem:
    return Problem(_where(flaw.path), flaw.line, "", flaw.allowed, file)


def _of_conflict(conflict: Conflict, document: Document, file: str) -> tuple[KeyPath, Problem]:
    path = conflict.path
    return path, Problem(_where(path), document.line_of(path), _shown(conflict.value), conflict.allowed, file)


def _of_error(error: ErrorDetails, document: Document, file: str) -> tuple[KeyPath, Problem]:
    loc: KeyPath = error["loc"]
    path = loc[:2] + loc[3:] if loc[0] == "probes" else loc  # the third step is the kind that pydantic went by
    value, allowed = error["input"], error["msg"]
    match error["type"]:
        case "not_allowed" if error["ctx"]["hide"]:
            value = None if value is None else HIDDEN
        case "extra_forbidden":
            value, allowed = HIDDEN, _unknown_key(loc)
        case "missing":
            value, allowed = MISSING, f"{_allowed_at(loc)} is needed"
        case "union_tag_not_found" | "union_tag_invalid":
            value = value.get("kind", MISSING) if isinstance(value, dict) else value
            path, allowed = (*path, "kind"), f"one of {', '.join(probe_kinds())} is needed"
        case "literal_error":
            allowed = f"{_allowed_at(loc)} is needed".replace("a list, each ", "")
        case "tuple_type":
            allowed = "a list is needed, [] for none"
        case "model_type" | "model_attributes_type":
            allowed = "a mapping of keys to values is needed"
    return path, Problem(_where(path), document.line_of(path), _shown(value), allowed, file)


def _unknown_key(loc: KeyPath) -> str:
    part, key = part_at(loc[:-1]), loc[-1]
    known = list(keys(part)) if part else []
    if f"{key}_env" in known:
        return f"unknown key: a secret is named by {key}_env or {key}_file and never written here"
    return f"unknown key: one of {', '.join(known)} is needed"


def _allowed_at(loc: KeyPath) -> str:
    steps = [step for step in loc if isinstance(step, str)]
    part = part_at(tuple(steps[:-1]))
    return allowed_of(keys(part)[steps[-1]]) if part else "a value"


def _where(path: KeyPath) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            word = step if step.isprintable() and len(step) <= LONGEST_VALUE else repr(step[:LONGEST_VALUE])
            text += f".{word}" if text else word
    return text


def _shown(value: object) -> str:
    if value is HIDDEN:
        return ""
    if value is MISSING:
        return "missing"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    shown = repr(value)
    return shown if len(shown) <= LONGEST_VALUE else shown[: LONGEST_VALUE - 3] + "..."


def _missing(settings: Settings, env: Mapping[str, str]) -> Iterator[tuple[KeyPath, str]]:
    for path, ref in _references(settings):
        try:
            resolve(ref, env)
        except SecretMissing as missing:
            key = f"{path[-1]}_{'env' if ref.env else 'file'}"
            yield (*path[:-1], key), str(missing)


def _references(settings: Settings) -> Iterator[tuple[KeyPath, SecretRef]]:
    """Every secret that the settings refer to, with the path of its key less `_env` or `_file`."""
    refs: list[tuple[KeyPath, SecretRef | None]] = [(("exporter", "token"), settings.exporter.needed_token)]
    if settings.genesys and settings.genesys.client:
        refs.append((("genesys", "client", "id"), settings.genesys.client.id))
        refs.append((("genesys", "client", "secret"), settings.genesys.client.secret))
    refs += [(("genesys", "agents", i, "token"), agent.token) for i, agent in enumerate(settings.agents)]
    for i, probe in enumerate(settings.probes):
        for j, server in enumerate(probe.turn if isinstance(probe, GatheringProbe) else ()):
            refs.append((("probes", i, "turn", j, "username"), server.username))
            refs.append((("probes", i, "turn", j, "password"), server.password))
    yield from ((path, ref) for path, ref in refs if ref is not None)
