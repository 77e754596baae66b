"""POST /oauth/token: client credentials by HTTP Basic, with the refusals that the real login service gives."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.simulator.organisation.refusal_bodies import RefusedError
from monitor.simulator.rest.gate import Gate, read_body, refused, request_line

MAX_FORM_BYTES = 10_000


def routes(gate: Gate) -> list[Route]:
    """The login service's routes."""

    async def token(request: Request) -> Response:
        try:
            return await _token(gate, request)
        except RefusedError as error:
            return refused(request, error.refusal)
        except ClientDisconnect:
            return Response(status_code=400)

    return [Route("/oauth/token", token, methods=["POST"])]


async def _token(gate: Gate, request: Request) -> Response:
    platform = gate.platform
    if ordered := gate.faults.take(request_line(request)):
        return refused(request, ordered)
    form = parse_qs((await read_body(request, MAX_FORM_BYTES)).decode("utf-8", "replace"))
    if full := await platform.rest_turn("token"):
        return refused(request, full)
    client = _basic(request.headers.get("authorization", ""))
    if client is None:
        return _error(400, "invalid_request", "client credentials are missing")
    if client[0] != platform.client_id:
        return _error(400, "invalid_client", "client not found")
    if not secrets.compare_digest(client[1].encode(), platform.client_secret.encode()):
        return _error(401, "invalid_client", "authentication failed")
    if form.get("grant_type") != ["client_credentials"]:
        return _error(400, "unsupported_grant_type", "only client_credentials is offered")
    value, life_s = platform.issue_client_token()
    return _json(200, {"access_token": value, "token_type": "bearer", "expires_in": life_s})


def _basic(header: str) -> tuple[str, str] | None:
    """Client id and secret of an HTTP Basic header (RFC 7617), or None."""
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    name, colon, secret = text.partition(":")
    return (name, secret) if scheme.lower() == "basic" and colon else None


def _error(status: int, error: str, description: str) -> Response:
    return _json(status, {"error": error, "description": description, "error_description": description})


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), status, {"Cache-Control": "no-store"}, "application/json")
