"""The control API: POST /control/VERB orders calls, faults, load and scenarios. Trusted callers only."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.simulator.organisation.model import StreamingControl
from monitor.simulator.organisation.refusal_bodies import RefusedError
from monitor.simulator.rest.faults import Order, refusal
from monitor.simulator.rest.gate import Gate, parse_json, read_body
from monitor.simulator.world.scenario import ScenarioError, parse_scenario

MAX_BODY_BYTES = 100_000
REQUIRED: Final = object()
Parser = Callable[[str], Any]
Parameters = Mapping[str, tuple[Parser, Any]]  # name -> how to read it, its default (REQUIRED: there is none)
Verb = Callable[..., Awaitable[dict[str, Any] | None]]

log = logging.getLogger(__name__)


class ControlError(Exception):
    """Ends an order with a status and one line per bad parameter."""

    def __init__(self, status: int, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "problems": list(problems)}


class Control:
    """The verbs, on one gate and its platform."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._platform = gate.platform
        self._first_scenario = gate.platform.scenario
        self._verbs: dict[str, tuple[Parameters, Verb]] = {
            "propose": (
                {"sdp": (_flag, True), "autoanswer": (_flag, False), "priv": (str, ""), "user": (str, "")},
                self._propose,
            ),
            "retract": ({"sid": (_text, REQUIRED)}, self._retract),
            "terminate": ({"sid": (_text, REQUIRED), "reason": (_text, "success")}, self._terminate),
            "mediadrop": ({"sid": (_text, REQUIRED)}, self._mediadrop),
            "drop": ({"code": (_close_code, 1001), "reason": (_close_reason, "")}, self._drop),
            "abort": ({}, self._abort),
            "blackhole": ({}, self._blackhole),
            "cxfr": ({}, self._cxfr),
            "state": ({}, self._state),
            "notify": ({"topic": (_text, REQUIRED)}, self._notify),
            "fail": (
                {
                    "match": (_pattern, REQUIRED),
                    "status": (_whole(400, 599), REQUIRED),
                    "times": (_whole(1, 1_000_000), 1),
                    "retry_after": (_whole(0, 86_400), None),
                },
                self._fail,
            ),
            "load": ({"rps": (_number(10_000), REQUIRED), "seconds": (_number(86_400), REQUIRED)}, self._load),
            "token": ({"user": (_text, REQUIRED)}, self._token),
            "scenario": ({}, self._scenario),
            "reset": ({}, self._reset),
        }

    def routes(self) -> list[BaseRoute]:
        """POST /control/{verb}."""
        return [Route("/control/{verb}", self._serve, methods=["POST"])]

    async def _serve(self, request: Request) -> Response:
        try:
            status, body = 200, await self._obey(request)
        except ControlError as error:
            status, body = error.status, error.body
        except ClientDisconnect:
            status, body = 400, {"message": "the client has gone"}
        except LookupError as error:
            status, body = 404, {"message": str(error.args[0] if error.args else error)}
        except ValueError as error:
            status, body = 400, {"message": str(error)}
        except RefusedError as error:
            status, body = error.refusal.status, {"message": error.refusal.message}
        except Exception:
            log.exception("control %s failed", request.path_params["verb"])
            status, body = 500, {"message": "the simulator has a bug; its log says more"}
        return Response(json.dumps(body), status, media_type="application/json")

    async def _obey(self, request: Request) -> dict[str, Any]:
        origin = request.headers.get("origin")
        if origin is not None and origin != self._platform.urls.rest:
            raise ControlError(403, "the control API does not answer to web pages")
        verb = request.path_params["verb"]
        if verb not in self._verbs:
            raise ControlError(404, f"no such order; there are {', '.join(self._verbs)}")
        parameters, order = self._verbs[verb]
        arguments = read_parameters(parameters, request.query_params)
        if verb in ("notify", "scenario"):
            arguments["body"] = await read_body(request, MAX_BODY_BYTES)
        return await order(**arguments) or {}

    # Calls and faults on the streaming side

    def _streaming(self) -> StreamingControl:
        if self._platform.streaming is None:
            raise ControlError(503, "this simulator was started without streaming")
        return self._platform.streaming

    async def _propose(self, sdp: bool, autoanswer: bool, priv: str, user: str) -> dict[str, Any] | None:
        """user: whose newest session the call is offered to, as in `token`; empty for the newest of all."""
        whose = self._user(user) if user else None
        return await self._streaming().propose(sdp=sdp, autoanswer=autoanswer, priv=priv, user=whose)

    async def _retract(self, sid: str) -> dict[str, Any] | None:
        return await self._streaming().retract(sid=sid)

    async def _terminate(self, sid: str, reason: str) -> dict[str, Any] | None:
        return await self._streaming().terminate(sid=sid, reason=reason)

    async def _mediadrop(self, sid: str) -> dict[str, Any] | None:
        return await self._streaming().mediadrop(sid=sid)

    async def _drop(self, code: int, reason: str) -> dict[str, Any] | None:
        return await self._streaming().drop(code=code, reason=reason)

    async def _abort(self) -> dict[str, Any] | None:
        return await self._streaming().abort()

    async def _blackhole(self) -> dict[str, Any] | None:
        return await self._streaming().blackhole()

    async def _cxfr(self) -> dict[str, Any] | None:
        return await self._streaming().cxfr()

    async def _state(self) -> dict[str, Any]:
        """What is connected and called; the scenario, how far it has come, and what its simulated agents do."""
        platform = self._platform
        rest_s, signalling_s = platform.world.backlogs_s(platform.arrive())
        return {
            **self._streaming().state(),
            "scenario": platform.scenario.name,
            "backlog": {"rest_seconds": rest_s, "signalling_seconds": signalling_s},
            "scenario_seconds": platform.now_s(),
            **(platform.live.state() if platform.live is not None else {}),
        }

    # Events, REST faults, load, scenario

    async def _notify(self, topic: str, body: bytes) -> dict[str, Any]:
        event = parse_json(body, "application/json") if body.strip() else {}
        if not isinstance(event, dict):
            raise ControlError(400, "the body must be a JSON object: the event's body")
        return {"sockets": await self._platform.deliver(topic, event)}

    async def _fail(self, match: re.Pattern[str], status: int, times: int, retry_after: int | None) -> dict[str, Any]:
        self._gate.faults.add(Order(match, refusal(status, retry_after), times))
        return {"times": times}

    async def _load(self, rps: float, seconds: float) -> dict[str, Any]:
        return {"calls": self._platform.world.add_load(self._platform.arrive(), rps, seconds)}

    async def _token(self, user: str) -> dict[str, Any]:
        """A new token of one simulated agent, so that any number of real softphones can be theirs."""
        platform, user = self._platform, self._user(user)
        value, life_s = platform.issue_user_token(user)
        found = platform.users[user]
        told = {"user": user, "name": found.name, "jid": found.jid, "station": found.station_id}
        return {**told, "site": platform.site_of(user), "token": value, "expires_in": life_s}

    def _user(self, user: str) -> str:
        """The id of a user, given as id or as the agent's place from 0 on, in the order of GET users.

        The scenario's sites take agents in the same order.
        """
        ids = list(self._platform.users)
        if user.isascii() and user.isdigit() and len(user) < 6:
            user = ids[int(user)] if int(user) < len(ids) else ""
        if user not in self._platform.users:
            raise ControlError(404, f"no such user; there are {len(ids)}, numbered from 0")
        return user

    async def _scenario(self, body: bytes) -> dict[str, Any]:
        try:
            wanted = parse_scenario(body)
        except ScenarioError as error:
            raise ControlError(400, "the scenario cannot be used", error.problems) from None
        turn = wanted.turn or self._first_scenario.turn
        self._platform.use_scenario(wanted.model_copy(update={"turn": turn}))
        return {"scenario": wanted.name}

    async def _reset(self) -> dict[str, Any]:
        """The first scenario from its beginning: queues and rate-limit windows empty, faults lifted, no black hole."""
        self._gate.faults.clear()
        self._platform.use_scenario(self._first_scenario)
        if self._platform.streaming is not None:
            await self._platform.streaming.reset()
        return {"scenario": self._first_scenario.name}


def read_parameters(parameters: Parameters, query: Mapping[str, str]) -> dict[str, Any]:
    """The query as arguments; ControlError 400 names every parameter that is missing, unknown or bad."""
    problems = {name: "no such parameter" for name in query if name not in parameters}
    arguments: dict[str, Any] = {}
    for name, (parse, default) in parameters.items():
        try:
            arguments[name] = parse(query[name]) if name in query else default
        except ValueError as error:
            problems[name] = str(error)
        if arguments.get(name) is REQUIRED:
            problems[name] = "is missing"
    if problems:
        raise ControlError(400, "bad parameters", [f"{name}: {problem}" for name, problem in problems.items()])
    return arguments


def _text(value: str) -> str:
    if not 1 <= len(value) <= 400:
        raise ValueError("must be 1 to 400 characters")
    return value


def _flag(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value == "true"


def _whole(lowest: int, highest: int) -> Parser:
    def parse(value: str) -> int:
        if not (value.isascii() and value.isdigit() and len(value) < 10 and lowest <= int(value) <= highest):
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return int(value)

    return parse


def _number(highest: float) -> Parser:
    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 < number <= highest:
            raise ValueError(f"must be a number above 0 and at most {highest:g}")
        return number

    return parse


def _pattern(value: str) -> re.Pattern[str]:
    try:
        return re.compile(_text(value))
    except re.error as error:
        raise ValueError(f"must be a regular expression: {error}") from None


def _close_code(value: str) -> int:
    code: int = _whole(1000, 4999)(value)
    if code in (1004, 1005, 1006, 1015) or 1016 <= code < 3000:
        raise ValueError("must be a close code that may be sent (RFC 6455 section 7.4)")
    return code


def _close_reason(value: str) -> str:
    if len(value.encode()) > 123:
        raise ValueError("must be at most 123 bytes (RFC 6455 section 5.5)")
    return value
