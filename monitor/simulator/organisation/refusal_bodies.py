"""Refusals of REST calls as ErrorBody, the same live and in virtual time; pure."""

from __future__ import annotations

from typing import Any

from monitor.simulator.organisation.model import Refusal


class RefusedError(Exception):
    """Ends a REST call with a refusal."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(status, code, message)


def not_found(what: str) -> RefusedError:
    """404 for a resource that is not there."""
    return RefusedError(404, "not.found", f"The requested {what} was not found.")


def invalid(message: str) -> RefusedError:
    """400 for a value that cannot be used."""
    return RefusedError(400, "invalid.value", message)


def overloaded(status: int) -> Refusal:
    """What the platform says when its queue is full (503), or took longer than the gateway waits (504)."""
    if status == 504:
        return Refusal(504, "request.timeout", "The request timed out")
    return Refusal(503, "service.unavailable", "The service is currently unavailable")


def error_body(why: Refusal, correlation_id: str) -> dict[str, Any]:
    """ErrorBody; contextId is the correlation id that the headers carry."""
    return {
        "message": why.message,
        "code": why.code,
        "status": why.status,
        "contextId": correlation_id,
        "details": [],
        "errors": [],
    }
