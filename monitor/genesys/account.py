"""What a connection needs of REST before it can open a socket: a token, who we are, and a channel."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from monitor.facts.clock import parse_rfc3339
from monitor.facts.failures import Failure, Reason, failure
from monitor.genesys.auth import Token, TokenSource
from monitor.genesys.events import Event, PhaseTimed
from monitor.genesys.rest import Rest
from monitor.genesys.rest_messages import RestReply

_CHANNEL_ID = re.compile(r"[A-Za-z0-9._~-]{1,256}")
_JID = re.compile(r"[^\x00-\x20\x7f-\x9f@/\"'&<>]{1,255}@[^\x00-\x20\x7f-\x9f@/\"'&<>]{1,255}")
_USER_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True, slots=True)
class Setback:
    """Why an attempt got no further. refused: the platform does not accept the token (401, 403)."""

    failure: Failure
    retry_after_s: float = 0.0
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A notification channel. Its id is a secret: whoever has it can listen. expires_wall_s: Unix seconds."""

    id: str = field(repr=False)
    connect_uri: str = field(repr=False)
    expires_wall_s: float | None


class Account:
    """The REST side of connecting. Times its phases as PhaseTimed events; identity is asked for once."""

    def __init__(self, rest: Rest, tokens: TokenSource, emit: Callable[[Event], None]) -> None:
        self._rest = rest
        self._tokens = tokens
        self._emit = emit
        self.jid = ""
        self.user_id = ""

    async def token(self) -> Token | Setback:
        """A token. Phase `token` is told only when it was really fetched."""
        before = self._tokens.current
        token = await self._tokens.token()
        if isinstance(token, Failure):
            self._emit(PhaseTimed("token", None, token))
            return Setback(token, refused=token.reason is Reason.AUTH)
        if token is not before and token.seconds is not None:
            self._emit(PhaseTimed("token", token.seconds))
        return token

    async def identify(self) -> Setback | None:
        """Learn the user's id and JID, unless known."""
        if self.jid:
            return None
        reply = await self._rest.call("users_me", "GET", "users/me")
        if reply.failure is not None:
            return _setback(reply, reply.failure)
        jid, user_id = _identity(reply.body)
        if not _JID.fullmatch(jid) or not _USER_ID.fullmatch(user_id):
            return Setback(failure("users_me", Reason.MALFORMED, "the answer holds no user id and JID"))
        self.jid, self.user_id = jid, user_id
        return None

    async def create_channel(self, *, streaming: bool) -> Channel | Setback:
        """Make a channel: for XMPP with connectionType=streaming, for JSON notifications without."""
        params = {"connectionType": "streaming"} if streaming else None
        reply = await self._rest.call("channel_create", "POST", "notifications/channels", params=params)
        words = reply.failure
        channel = _channel(reply.body) if words is None else None
        if words is None and channel is None:
            words = failure("channel_create", Reason.MALFORMED, "the answer holds no channel")
        if words is not None:
            self._emit(PhaseTimed("channel_create", None, words))
            return _setback(reply, words)
        assert channel is not None
        self._emit(PhaseTimed("channel_create", reply.seconds))
        return channel


def _setback(reply: RestReply, words: Failure) -> Setback:
    return Setback(words, reply.retry_after_s or 0.0, refused=reply.status in (401, 403))


def _identity(body: Any) -> tuple[str, str]:
    fields = body if isinstance(body, dict) else {}
    chat = fields.get("chat")
    jid = chat.get("jabberId") if isinstance(chat, dict) else None
    user_id = fields.get("id")
    return (jid if isinstance(jid, str) else ""), (user_id if isinstance(user_id, str) else "")


def _channel(body: Any) -> Channel | None:
    fields = body if isinstance(body, dict) else {}
    channel_id, uri = fields.get("id"), fields.get("connectUri", "")
    if not isinstance(channel_id, str) or not _CHANNEL_ID.fullmatch(channel_id) or not isinstance(uri, str):
        return None
    return Channel(channel_id, uri, _expiry(fields.get("expires")))


def _expiry(value: Any) -> float | None:
    try:
        return parse_rfc3339(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
