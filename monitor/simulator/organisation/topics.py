"""Notification topics: what a subscription stands for, and why one is rejected; pure."""

from __future__ import annotations

import re
from collections.abc import Container

MAX_COMBINED_LENGTH = 200  # of one combined subscription `prefix?a&b`
MAX_TOPICS = 1000  # subscriptions of one channel

_USER = re.compile(r"v2\.users\.(?P<id>[^.?]+)[.?](?P<rest>.+)")
_BUSINESS_UNIT = re.compile(r"v2\.workforcemanagement\.businessunits\.(?P<id>[^.?]+)\.(schedules|scheduling\.runs)")
_MANAGEMENT_UNIT = re.compile(r"v2\.workforcemanagement\.managementunits\.(?P<id>[^.?]+)\.schedules")
_SYSTEM = re.compile(r"(v2|streaming)[.-][A-Za-z0-9_.{}-]+|enable\.server\.side\.pings|channel\.metadata")


def plain_topics(subscription: str) -> tuple[str, ...]:
    """The topics that one subscription stands for: `a?b&c` is `a.b` and `a.c`, anything else itself."""
    prefix, mark, names = subscription.partition("?")
    return tuple(f"{prefix}.{name}" for name in names.split("&") if name) if mark else (subscription,)


def rejection(subscription: str, users: Container[str], units: Container[str]) -> str | None:
    """Why the platform would not permit this subscription, or None. `units`: business and management unit ids."""
    if "?" in subscription and len(subscription) >= MAX_COMBINED_LENGTH:
        return f"a combined topic must be shorter than {MAX_COMBINED_LENGTH} characters"
    if user := _USER.fullmatch(subscription):
        return None if user["id"] in users else "the user does not exist"
    if unit := _BUSINESS_UNIT.fullmatch(subscription) or _MANAGEMENT_UNIT.fullmatch(subscription):
        return None if unit["id"] in units else "the business or management unit does not exist"
    return None if _SYSTEM.fullmatch(subscription) else "not a notification topic"
