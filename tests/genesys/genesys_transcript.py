"""Plays a golden transcript against the session: what the server says, and what a client must answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lxml import etree

from monitor.genesys.calls import CallSignalling
from monitor.genesys.events import Event
from monitor.genesys.requests import Request
from monitor.genesys.sdp_over_xmpp import END_OF_CANDIDATES, build_call_control, candidate_sdp
from monitor.genesys.session import Session
from monitor.genesys.states import SessionOptions

JID = "5f3e0f0a1b2c3d4e5f6a7b8c@acme.orgspan.com"
TOKEN = "y7Qd-example"
RESOURCE = "d9a1c1f2-6f2c-4a2e-9a53-0c6e2c7fb4d1"
PUBSUB = "notifications.mypurecloud.com"
_VARIABLE = re.compile(r"\$[a-z_0-9]+")


class MismatchError(AssertionError):
    """The client did something else than the transcript says."""


class Player:
    """Runs one transcript; `play` raises MismatchError with the line at fault."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.session: Session | None = None
        self.options: dict[str, Any] = {}
        self.bound: dict[str, str] = {}
        self.sent: list[str] = []
        self.told: list[Event] = []
        self.replies: list[Any] = []

    def play(self, path: Path) -> None:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            kind, _, rest = line.partition(":")
            try:
                self._LINES[kind](self, rest.strip())
            except MismatchError as mismatch:
                raise MismatchError(f"{path.name}:{number}: {line}\n{mismatch}") from None

    # --- lines

    def include(self, rest: str) -> None:
        self.play(Path(__file__).parent / "transcripts" / rest)

    def option(self, rest: str) -> None:
        for word in rest.split():
            name, _, value = word.partition("=")
            self.options[name] = (
                tuple(value.split(",")) if name == "topics" else float(value) if name.endswith("_s") else value
            )

    def server(self, rest: str) -> None:
        self._live().receive(self.substitute(rest), self.now)
        self._collect()

    def substitute(self, text: str) -> str:
        """The text with every bound variable replaced."""
        return _VARIABLE.sub(lambda found: self.bound.get(found.group(), found.group()), text)

    def client(self, rest: str) -> None:
        self._live()
        if not self.sent:
            raise MismatchError("the client sent nothing")
        actual = self.sent.pop(0)
        self._match(etree.fromstring(rest), etree.fromstring(actual), actual)

    def time(self, rest: str) -> None:
        self.now += float(rest)
        self._live().tick(self.now)
        self._collect()

    def event(self, rest: str) -> None:
        name, *fields = rest.split()
        while self.told:
            told = self.told.pop(0)
            if type(told).__name__ == name:
                for field in fields:
                    key, _, value = field.partition("=")
                    actual = str(getattr(told, key)).replace("\r\n", "\\r\\n")
                    if actual != value:
                        raise MismatchError(f"{key} is {actual!r}")
                return
        raise MismatchError("no such event")

    def act(self, rest: str) -> None:
        name, *arguments = rest.split(" ")
        self._ACTS[name](self, *arguments)
        self._collect()

    def ended(self, rest: str) -> None:
        ending = self._live().ending
        if ending is None:
            raise MismatchError("the stream goes on")
        words = [ending.reason or "-"] + [word for word in ("hard", "fatal") if getattr(ending, word)]
        if words != rest.split():
            raise MismatchError(f"it ended as {' '.join(words)}")

    def quiet(self, _: str) -> None:
        if self.sent:
            raise MismatchError(f"the client also sent {self.sent}")

    # --- acts

    def message(self, action: str, session_id: str, to: str) -> None:
        if action == "proceed":
            self.calls.proceeded(session_id)
        self._live().send_jingle_message(action, to, session_id)

    def control(self, method: str, peer: str, params: dict[str, str], timeout_s: float = 15.0) -> None:
        session = self._live()
        request = Request(method, peer, timeout_s, lambda reply, _: self.replies.append(reply))
        session.request(request, lambda iq_id: build_call_control(iq_id, session.jid, peer, method, params), self.now)

    def reply(self, rest: str) -> None:
        if not self.replies:
            raise MismatchError("no request has ended")
        reply = self.replies.pop(0)
        failed = reply.failure.reason.value if reply.failure else "ok"
        if failed != rest:
            raise MismatchError(f"it ended as {failed}")

    # --- machinery

    def _live(self) -> Session:
        if self.session is None:
            self.calls = CallSignalling()
            options = SessionOptions(JID, TOKEN, RESOURCE, PUBSUB, **self.options)
            self.session = Session(options, self.calls)
            self.session.start(self.now)
            self._collect()
        return self.session

    def _collect(self) -> None:
        assert self.session is not None
        self.sent += self.session.outgoing()
        self.told += self.session.events()

    def _match(self, expected: etree._Element, actual: etree._Element, text: str) -> None:
        if expected.tag != actual.tag:
            raise MismatchError(f"the client sent {text}")
        if set(expected.attrib) != set(actual.attrib):
            raise MismatchError(f"attributes differ: {text}")
        for name, value in expected.attrib.items():
            self._match_text(value, actual.attrib[name], text)
        if expected.tag == "{genesys}genesys-webrtc":
            self._match_json(json.loads(expected.text), json.loads(actual.text), text)
        else:
            self._match_text((expected.text or "").strip(), (actual.text or "").strip(), text)
        if len(expected) != len(actual):
            raise MismatchError(f"children differ: {text}")
        for one, other in zip(expected, actual, strict=True):
            self._match(one, other, text)

    def _match_json(self, expected: Any, actual: Any, text: str) -> None:
        if isinstance(expected, dict) and isinstance(actual, dict) and set(expected) == set(actual):
            for name in expected:
                self._match_json(expected[name], actual[name], text)
        elif isinstance(expected, str) and isinstance(actual, str):
            self._match_text(expected, actual, text)
        elif expected != actual:
            raise MismatchError(f"JSON differs: {text}")

    def _match_text(self, expected: str, actual: str, text: str) -> None:
        if _VARIABLE.fullmatch(expected):
            expected = self.bound.setdefault(expected, actual)
        if expected != actual:
            raise MismatchError(f"{expected!r} is not {actual!r} in {text}")

    _LINES: dict[str, Callable[[Player, str], None]] = {
        "O": option,
        "S": server,
        "C": client,
        "T": time,
        "E": event,
        "A": act,
        "X": ended,
        "Q": quiet,
        "R": reply,
        "I": include,
    }
    _ACTS: dict[str, Callable[..., None]] = {
        "proceed": lambda self, sid, peer: self.message("proceed", sid, peer),
        "accept": lambda self, sid: self.message("accept", sid, JID),
        "answer": lambda self, sid, peer, sdp: self.control("answer", peer, {"sdp": sdp, "sessionId": sid}),
        "candidate": lambda self, sid, peer, mid, *line: self.control(
            "iceCandidate", peer, {"sessionId": sid, "sdp": candidate_sdp(" ".join(line), mid)}
        ),
        "end_of_candidates": lambda self, sid, peer: self.control(
            "iceCandidate", peer, {"sessionId": sid, "sdp": END_OF_CANDIDATES}
        ),
        "info_active": lambda self, sid, peer: self.control("info", peer, {"sessionId": sid, "status": "active"}),
        "terminate": lambda self, sid, peer, reason: self.control(
            "terminate", peer, {"sessionId": sid, "reason": reason}, 2.0
        ),
        "ping": lambda self, timeout: self._live().ping(
            self.now, float(timeout), lambda reply, _: self.replies.append(reply)
        ),
        "fetch_ice": lambda self, timeout: self._live().fetch_ice_servers(
            self.now, float(timeout), lambda fetched, _: self.replies.append(fetched)
        ),
        "stop": lambda self: self._live().stop(self.now),
    }
