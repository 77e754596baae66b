"""The front door of the REST API: what every call passes before its handler, and the shape of every refusal."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.simulator.organisation.model import Grant, Refusal, User
from monitor.simulator.organisation.refusal_bodies import RefusedError, error_body, invalid, not_found
from monitor.simulator.platform import Platform
from monitor.simulator.rest.faults import FaultOrders, refusal, too_many_requests
from monitor.simulator.world.agents import SHARED_TOKEN
from monitor.simulator.world.limits import Allowance

MAX_PAGE = 500
MAX_BODY_BYTES = 512_000  # the documented request.bytes.max
DISCARD_LIMIT_BYTES = 8_000_000  # read this much of an oversized body before answering, so that the answer is seen
NO_STORE = {"Cache-Control": "no-cache, no-store, must-revalidate"}
HSTS = {"Strict-Transport-Security": "max-age=600; includeSubDomains"}

log = logging.getLogger(__name__)


class Body(BaseModel):
    """A request body: what it names is checked strictly, what it does not name is ignored, as the platform does."""

    model_config = ConfigDict(strict=True, extra="ignore")


BodyT = TypeVar("BodyT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers: a JSON body, or none."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One REST call that got past the gate. `body` is the parsed JSON, None where there was none."""

    platform: Platform
    grant: Grant | None
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    remote_ip: str = ""

    def read(self, model: type[BodyT]) -> BodyT:
        """The body as `model`; RefusedError 400 names the first field at fault."""
        return checked(model, self.body)

    def user(self) -> User:
        """The user that the path names, or the token's own for `me`. RefusedError 404."""
        user_id = self.path.get("user_id", "me")
        if user_id == "me":
            return self.own_user()
        user = self.platform.users.get(user_id)
        if user is None:
            raise not_found("user")
        return user

    def own_user(self) -> User:
        """The user of the token; RefusedError 400 for client credentials, which have none."""
        if self.grant is None or self.grant.user_id is None:
            raise RefusedError(
                400,
                "bad.request",
                "This request requires a user context. Client credentials cannot be used for requests that require it.",
            )
        return self.platform.users[self.grant.user_id]

    def owner(self) -> Grant:
        """The grant of an authenticated call."""
        assert self.grant is not None
        return self.grant

    def flag(self, name: str) -> bool:
        """A query parameter that is `true` or not."""
        return self.query.get(name, "").lower() == "true"

    def number(self, name: str, default: int, highest: int) -> int:
        """A whole query parameter from 1 to `highest`; RefusedError 400."""
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= highest):
            raise invalid(f"{name} must be a whole number from 1 to {highest}")
        return int(text)


def page_of(call: Call, entities: list[dict[str, Any]]) -> dict[str, Any]:
    """The page that the query asks for; RefusedError 400 for one that cannot be."""
    page, size = call.number("pageNumber", 1, 1_000_000), call.number("pageSize", 25, MAX_PAGE)
    return {
        "entities": entities[(page - 1) * size : page * size],
        "pageSize": size,
        "pageNumber": page,
        "total": len(entities),
        "pageCount": -(-len(entities) // size),
    }


Handler = Callable[[Call], Awaitable[Answer]]


def checked(model: type[BodyT], value: Any) -> BodyT:
    """`value` (parsed JSON) as `model`; RefusedError 400 names the first field at fault."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise invalid(f"{where}: {first['msg']}") from None


class Gate:
    """Orders, authentication, rate limit, size, the World's queue, then the handler: in this order for every call."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.faults = FaultOrders()

    def route(
        self, method: str, path: str, operation: str, handler: Handler, *, auth: bool = True, any_type: bool = False
    ) -> Route:
        """A route under /api/v2. operation: its name in the World. any_type: the body is read but not as JSON."""

        async def endpoint(request: Request) -> Response:
            try:
                return await self._serve(request, operation, handler, auth, any_type)
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception:
                log.exception("%s %s failed", request.method, request.url.path)
                return refused(request, refusal(500))

        return Route(f"/api/v2/{path}", endpoint, methods=[method])

    async def _serve(self, request: Request, operation: str, handler: Handler, auth: bool, any_type: bool) -> Response:
        allowance: Allowance | None = None
        try:
            if ordered := self.faults.take(request_line(request)):
                return refused(request, ordered)
            grant = self._authenticate(request) if auth else None
            if auth:
                allowance = self._take_allowance(request, grant)
                if allowance.limited:
                    return refused(request, too_many_requests(allowance.reset_s))
            raw = await read_body(request, MAX_BODY_BYTES)
            body = None if any_type else parse_json(raw, request.headers.get("content-type", ""))
            if full := await self.platform.rest_turn(operation):
                return limits_told(refused(request, full), allowance)
            address = request.client.host if request.client is not None else ""
            call = Call(self.platform, grant, request.path_params, request.query_params, body, address)
            answer = await handler(call)
        except RefusedError as error:
            return limits_told(refused(request, error.refusal), allowance)
        return limits_told(reply(answer), allowance)

    def _authenticate(self, request: Request) -> Grant:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            text = "No authentication bearer token specified in authorization header."
            raise RefusedError(401, "authentication.required", text)
        grant = self.platform.grant(token)
        if grant is None and self.platform.knows_token(token):
            raise RefusedError(401, "credentials.expired", "The supplied credentials have expired.")
        if grant is None:
            raise RefusedError(401, "bad.credentials", "Invalid login credentials.")
        return grant

    def _take_allowance(self, request: Request, grant: Grant | None) -> Allowance:
        """One call in its token's window; agents may all share one token, and so one window, real and simulated."""
        window, platform = request.headers["authorization"].partition(" ")[2], self.platform
        if platform.scenario.shared_agent_token and grant is not None and grant.user_id is not None:
            window = SHARED_TOKEN
        return platform.limiter.take(window, platform.arrive(), platform.scenario.rate_limit)


def request_line(request: Request) -> str:
    """`METHOD /path?query`, which is what fault orders are matched against."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.method} {request.url.path}{query}"


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body; RefusedError 413 above `limit` bytes."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > limit + DISCARD_LIMIT_BYTES:
            break
    if size > limit:
        raise RefusedError(413, "request.entity.too.large", f"The request is over the size limit of {limit} bytes.")
    return b"".join(chunks)


def parse_json(raw: bytes, content_type: str) -> Any:
    """The body's JSON, None for an empty body. RefusedError 415 for another type, 400 for what is not JSON."""
    if not raw.strip():
        return None
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "unsupported.media.type", "The request body must be application/json.")
    try:
        value = json.loads(raw, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is no Unicode text: refuse it here
    except (ValueError, RecursionError):
        raise RefusedError(400, "bad.request", "The request body is not valid JSON.") from None
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def reply(answer: Answer) -> Response:
    """An Answer on the wire."""
    if answer.body is None:
        return Response(status_code=answer.status, headers=dict(answer.headers))
    content = json.dumps(answer.body, separators=(",", ":"))
    return Response(content, answer.status, {**NO_STORE, **answer.headers}, "application/json")


def refused(request: Request, why: Refusal) -> Response:
    """A refusal as ErrorBody; contextId is the correlation id that the headers carry."""
    body = error_body(why, request.state.correlation_id)
    headers = {**NO_STORE, **HSTS}
    if why.retry_after_s is not None:
        headers["Retry-After"] = str(why.retry_after_s)
    return Response(json.dumps(body), why.status, headers, "application/json")


def limits_told(response: Response, allowance: Allowance | None) -> Response:
    """The answer with the caller's place in its rate-limit window, where it has one."""
    if allowance is not None:
        response.headers["inin-ratelimit-count"] = str(allowance.count)
        response.headers["inin-ratelimit-allowed"] = str(allowance.allowed)
        response.headers["inin-ratelimit-reset"] = str(allowance.reset_s)
    return response
