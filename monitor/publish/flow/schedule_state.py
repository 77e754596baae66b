"""What a schedule's metadata tells: its version, who is on it, and whose update made it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Standing:
    """A schedule at one moment. by: the id in modifiedBy, empty where none was told."""

    version: int
    published: bool
    by: str = ""


class Verdict(StrEnum):
    """What became of an update of ours."""

    PENDING = "pending"  # nothing has changed yet
    APPLIED = "applied"
    OVERTAKEN = "overtaken"  # another edit came first: ours can no longer be applied
    UNCLEAR = "unclear"  # something changed, and whether that was ours cannot be told


def standing_of(body: Any) -> Standing | None:
    """From the answer to a read, or an event's `result`; None where it holds no version."""
    if not isinstance(body, Mapping):
        return None
    metadata = body.get("metadata")
    version = metadata.get("version") if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(version, int) or isinstance(version, bool):
        return None
    editor = metadata.get("modifiedBy")
    by = editor.get("id") if isinstance(editor, Mapping) else None
    return Standing(version, body.get("published") is True, by if isinstance(by, str) else "")


def agents_of(body: Any) -> tuple[str, ...]:
    """User ids of everybody on the schedule, in its own order, each once."""
    units = body.get("managementUnits") if isinstance(body, Mapping) else None
    found: dict[str, None] = {}
    for unit in units if isinstance(units, list) else []:
        agents = unit.get("agents") if isinstance(unit, Mapping) else None
        for agent in agents if isinstance(agents, list) else []:
            if isinstance(agent, Mapping) and isinstance(agent.get("id"), str):
                found[agent["id"]] = None
    return tuple(found)


def agent_versions(body: Any) -> dict[str, int]:
    """User id -> version of that agent's schedule, from the answer to agentschedules/query."""
    result = body.get("result") if isinstance(body, Mapping) else None
    entries = result.get("agentSchedules") if isinstance(result, Mapping) else None
    versions: dict[str, int] = {}
    for entry in entries if isinstance(entries, list) else []:
        user = entry.get("user") if isinstance(entry, Mapping) else None
        standing = standing_of(entry)
        if isinstance(user, Mapping) and isinstance(user.get("id"), str) and standing is not None:
            versions[user["id"]] = standing.version
    return versions


@dataclass(frozen=True, slots=True)
class Editor:
    """Who we are in modifiedBy. sure: seen on an update that was certainly ours, so that another name is another's."""

    name: str = ""
    sure: bool = False

    def seen(self, before: Standing, after: Standing) -> Editor:
        """What an update of ours that has been applied teaches: its name is ours if nobody else can have made it."""
        certain = after.by == self.name or not before.published
        return Editor(after.by, sure=True) if after.by and certain else self


def verdict_of(before: Standing, after: Standing, editor: Editor, *, presume: bool) -> Verdict:
    """Judge an update that was made from `before` and publishes, by what the schedule is now.

    The platform applies an update only to the version it was made from, so that ours is the very next version or none.
    presume: the next version counts as ours even if we do not know what we are called: right for an update of a moment
    ago, as that somebody else slips in is the rarer case; wrong for one of another process, at any time in the past.
    """
    if after.version == before.version:
        return Verdict.PENDING
    if not after.published:
        return Verdict.OVERTAKEN
    if after.version != before.version + 1:
        return Verdict.UNCLEAR
    if after.by and after.by == editor.name:
        return Verdict.APPLIED
    if editor.sure and after.by:
        return Verdict.OVERTAKEN
    return Verdict.APPLIED if presume else Verdict.UNCLEAR
