"""REST faults that the control API orders: the next calls that match are refused in the platform's own words; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from monitor.simulator.organisation.model import Refusal

CODES = {
    400: ("bad.request", "The request could not be understood by the server due to malformed syntax."),
    401: ("bad.credentials", "Invalid login credentials."),
    403: ("not.authorized", "You are not authorized to perform the requested action."),
    404: ("not.found", "The requested resource was not found."),
    408: ("request.timeout", "The client did not produce a request within the server timeout limit."),
    413: ("request.entity.too.large", "The request is over the size limit."),
    500: ("internal.server.error", "The server encountered an unexpected condition."),
    502: ("bad.gateway", "The gateway received an invalid response."),
    503: ("service.unavailable", "Service Unavailable - The server is currently unavailable."),
    504: ("request.timeout", "The request timed out."),
}


def too_many_requests(retry_after_s: int | None) -> Refusal:
    """The 429 that the platform has sent since 2021, word for word."""
    wait = f" Retry the request in [{retry_after_s}] seconds" if retry_after_s is not None else ""
    return Refusal(429, "too.many.requests.retry.after", f"Rate limit exceeded the maximum.{wait}", retry_after_s)


def refusal(status: int, retry_after_s: int | None = None) -> Refusal:
    """What the platform says with `status` (400..599)."""
    if status == 429:
        return too_many_requests(retry_after_s)
    code, message = CODES.get(status, ("error", f"HTTP status {status}"))
    return Refusal(status, code, message, retry_after_s)


@dataclass(slots=True)
class Order:
    """One order to refuse: calls whose `METHOD /path?query` the pattern finds, `times` more times."""

    pattern: re.Pattern[str]
    refusal: Refusal
    times: int


class FaultOrders:
    """The orders in force, oldest first."""

    def __init__(self) -> None:
        self._orders: list[Order] = []

    def add(self, order: Order) -> None:
        """Put an order in force."""
        self._orders.append(order)

    def take(self, line: str) -> Refusal | None:
        """The refusal for this call (`METHOD /path?query`), which uses one time of its order up; None to serve it."""
        for order in self._orders:
            if order.pattern.search(line):
                order.times -= 1
                if order.times == 0:
                    self._orders.remove(order)
                return order.refusal
        return None

    def clear(self) -> None:
        """Lift every order."""
        self._orders.clear()
