"""The JSON notification channel's messages: hostile text in, typed values out, and what a client sends. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from monitor.genesys.json_values import as_object, load_json, string_field

METADATA_TOPIC = "channel.metadata"
PING = json.dumps({"message": "ping"})


class Kind(Enum):
    """What a message is to the channel itself."""

    PONG = "pong"
    HEARTBEAT = "heartbeat"
    CLOSING = "closing"  # reconnect to the same channel within a minute
    DISPLACED = "displaced"  # this channel is of no more use
    REVOKED = "revoked"  # nor is the token
    EVENT = "event"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """One message. body is the event's JSON value (hostile: check types)."""

    kind: Kind
    topic: str = ""
    body: Any = None


def read_channel_message(text: str) -> ChannelMessage:
    """One message from the server. Raises StanzaError when it is not a JSON object of the expected types."""
    fields = as_object(load_json(text))
    topic = string_field(fields, "topicName", "")[:512]
    body = fields.get("eventBody")
    if topic == METADATA_TOPIC:
        said = body.get("message") if isinstance(body, dict) else None
        return ChannelMessage(Kind.PONG if said == "pong" else Kind.HEARTBEAT, topic, body)
    if "socket_closing" in topic:
        return ChannelMessage(Kind.CLOSING, topic, body)
    if "no_longer_subscribed" in topic:
        return ChannelMessage(Kind.DISPLACED, topic, body)
    if "token_revoked" in topic:
        return ChannelMessage(Kind.REVOKED, topic, body)
    return ChannelMessage(Kind.EVENT if topic else Kind.OTHER, topic, body)
