"""The configuration reference and the annotated example, both made from the models so that they cannot be wrong."""

from __future__ import annotations

from importlib.resources import files

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from monitor.config.model import Settings
from monitor.config.rules import duration_text
from monitor.config.schema import allowed_of, is_list, is_not_yet, keys, parts_in, probe_kinds

INTRO = """\
# Configuration

*Generated from `monitor/config` by `softphone-monitor config reference`. Do not edit: `make docs` writes it again.*

One YAML file, read strictly. `softphone-monitor config check FILE` tells every problem at once, one line each, with
line, path, value and what is allowed, and which credentials are missing from the environment.
`softphone-monitor config example` prints a file to start from.

- A key that is not listed here is an error. So is a key given twice.
- A length of time is text with its unit: `500ms`, `15s`, `10m`, `24h`, `400d`. A bare number is an error.
- Truth values are `true` and `false`. Unquoted `yes`, `no`, `on`, `off` are errors, and so is `10:00`: write `"10:00"`.
- Anchors, aliases, tags, files over 1 MiB and nesting deeper than 20 are refused.
- A secret is never in the file: `*_env` names an environment variable, `*_file` a file that holds it. Exactly one of
  the two is given.
- Plain `http://` and `ws://` are accepted on loopback only, but for `page.prometheus`.
- A path is relative to the working directory.
"""

AFTER_PROBES = """\
### One session per agent

Probes that name the same agent share its one signalling session. How that session keeps alive and reconnects is said
by the agent's `signalling` probe (`keepalive`, `reconnect_jitter`, `detect_after`), of which an agent has at most one.
An agent without one uses its own `keepalive` and otherwise behaves as the real softphone.
"""


def reference() -> str:
    """The whole reference as Markdown: every key, what it allows, its default, its meaning."""
    sections = [INTRO, _section("## Top level", Settings)]
    for key, field in keys(Settings).items():
        if key == "probes":
            sections.append(_probes())
        else:
            sections += [_nested(key, field, part, depth=2) for part in parts_in(field)]
    return "\n".join(sections)


def example() -> str:
    """The annotated example configuration: it loads as it stands."""
    return files("monitor.config").joinpath("example.yaml").read_text(encoding="utf-8")


def _probes() -> str:
    text = "## `probes`\n\nA list; each entry is one probe, and its `kind` says which other keys it has.\n"
    for kind, part in probe_kinds().items():
        text += "\n" + _nested(f"kind: {kind}", None, part, depth=3, under="probes[].")
    return text + "\n" + AFTER_PROBES


def _nested(key: str, field: FieldInfo | None, part: type[BaseModel], *, depth: int, under: str = "") -> str:
    """A part's own section and those of the parts in it."""
    many = "[]" if field is not None and is_list(field) else ""
    text = _section(f"{'#' * depth} `{key}{many}`", part)
    for inner_key, inner in keys(part).items():
        for inner_part in parts_in(inner):
            prefix = under or f"{key}{many}."
            text += "\n" + _nested(f"{prefix}{inner_key}", inner, inner_part, depth=min(depth + 1, 4), under="")
    return text


def _section(heading: str, part: type[BaseModel]) -> str:
    rows = [f"| `{key}` | {allowed_of(field)} | {_default(field)} | {_meaning(field)} |" for key, field in _shown(part)]
    head = "| key | allowed | default | meaning |\n| --- | --- | --- | --- |"
    return f"{heading}\n\n{' '.join((part.__doc__ or '').split())}\n\n{head}\n" + "\n".join(rows) + "\n"


def _shown(part: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    return [(key, field) for key, field in keys(part).items() if key != "kind"]


def _meaning(field: FieldInfo) -> str:
    return (
        f"{field.description} **Not yet:** read and checked, but nothing acts on it."
        if is_not_yet(field)
        else str(field.description)
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.default
    if isinstance(value, BaseModel):
        return "as below"
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{duration_text(value)}`"
    return "`[]`" if value == () else f"`{value}`"
