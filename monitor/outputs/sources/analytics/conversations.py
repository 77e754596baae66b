"""Genesys analytics conversation details to drops of working agents' softphones, and a count of everything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from monitor.facts.clock import parse_rfc3339
from monitor.facts.observations import IMPORTED, Disconnected
from monitor.outputs.sources.analytics.endings import ending_of
from monitor.outputs.sources.analytics.json_values import JsonValues, NoJson
from monitor.outputs.sources.files.cells import NoNameError, name_of
from monitor.outputs.sources.files.problems import Problems
from monitor.outputs.sources.files.text_blocks import NoText, TextBlocks
from monitor.outputs.sources.files.times import FIRST_S, LAST_S

AGENT_PURPOSES: Final = ("agent", "user")
VOICE: Final = "voice"
MOST_UNKNOWN: Final = 1000  # different words that are remembered


@dataclass(slots=True)
class EndingsFound:
    """What the calls ended by. normal: legs that ended as calls do. open_legs: legs without an end, or without a time.

    unknown: ends whose words nobody knows, by these words; they are told, never guessed.
    """

    drops: list[Disconnected] = field(default_factory=list)
    normal: int = 0
    open_legs: int = 0
    unknown: Counter[str] = field(default_factory=Counter)


def read_conversations(path: Path, site: str, problems: Problems) -> EndingsFound:
    """Every agent's leg of every voice conversation in a file: a page of a query, a list, or one conversation a line.

    What cannot be read goes to `problems`.
    """
    found = EndingsFound()
    try:
        with closing(TextBlocks(path)) as blocks:
            for line, value in JsonValues(blocks.pieces()):
                for conversation in _opened(value):
                    if isinstance(conversation, dict) and isinstance(conversation.get("participants"), list):
                        _conversation(conversation, site, found)
                    else:
                        problems.add(path, line, "-", "not a conversation; an object with `participants` is needed")
    except NoText as error:
        problems.add(path, 1, "-", str(error), fatal=True)
    except NoJson as error:
        problems.add(path, error.line, "-", str(error), fatal=True)
    return found


def _opened(value: Any) -> list[Any]:
    """The conversations of a page whose other keys come first; else the value itself."""
    inside = value.get("conversations") if isinstance(value, dict) else None
    return inside if isinstance(inside, list) else [value]


def _conversation(conversation: dict[str, Any], site: str, found: EndingsFound) -> None:
    told = _text(conversation, "conversationId")
    for participant in _objects(conversation, "participants"):
        if _text(participant, "purpose").casefold() not in AGENT_PURPOSES:
            continue
        agent = _text(participant, "userId") or _text(participant, "participantName")
        for session in _objects(participant, "sessions"):
            if (_text(session, "mediaType") or VOICE).casefold() == VOICE:
                _leg(session, agent, told, site, found)


def _leg(session: dict[str, Any], agent: str, conversation: str, site: str, found: EndingsFound) -> None:
    """One session of an agent: at most one drop, the first; an end nobody knows counts where there is none."""
    ends = [
        (segment, ending_of(_text(segment, "disconnectType"), _text(segment, "errorCode")))
        for segment in _objects(session, "segments")
        if _text(segment, "disconnectType") or _text(segment, "errorCode")
    ]
    lost = [(at_s, segment, end) for segment, end in ends if end.is_drop and (at_s := _moment(segment)) is not None]
    unknown = [end.unknown for _, end in ends if end.unknown]
    if lost:
        at_s, segment, end = min(lost, key=lambda one: one[0])
        assert end.layer is not None
        words = (_text(segment, "disconnectType"), _text(segment, "errorCode"))
        found.drops.append(
            Disconnected(
                site=site,
                probe=IMPORTED,
                at_wall_s=at_s,
                layer=end.layer,
                reason=end.reason,
                last_good_wall_s=at_s,
                noticed_wall_s=at_s,
                agent=agent,
                detail=" ".join(filter(None, words)),
                conversation_id=conversation,
            )
        )
    elif unknown:
        if len(found.unknown) < MOST_UNKNOWN or unknown[0] in found.unknown:
            found.unknown[unknown[0]] += 1
    elif ends and not any(end.is_drop for _, end in ends):
        found.normal += 1
    else:
        found.open_legs += 1


def _moment(segment: dict[str, Any]) -> float | None:
    """When a segment ended, in Unix seconds; None for what is no time of this century."""
    try:
        at_s = parse_rfc3339(_text(segment, "segmentEnd"))
    except (ValueError, OverflowError):
        return None
    return at_s if FIRST_S <= at_s < LAST_S else None


def _objects(value: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    inside = value.get(key)
    return (one for one in inside if isinstance(one, dict)) if isinstance(inside, list) else iter(())


def _text(value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    try:
        return name_of(text) if isinstance(text, str) else ""
    except NoNameError:
        return ""
