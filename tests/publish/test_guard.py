"""The guard: only what is literally loopback may be written to without a word."""

from __future__ import annotations

import pytest

from monitor.genesys.regions import Endpoints, for_region
from monitor.publish.guard import allowed_to_write

LOCAL = Endpoints("http://127.0.0.1:1", "http://localhost:1", "ws://[::1]:1", "notifications.localhost")


def with_host(host: str, place: str) -> Endpoints:
    """Loopback but for one of the three URLs."""
    urls = {"rest": LOCAL.rest, "login": LOCAL.login, "streaming": LOCAL.streaming}
    urls[place] = f"{'wss' if place == 'streaming' else 'https'}://{host}"
    return Endpoints(notifications="notifications.x", **urls)


@pytest.mark.parametrize("yes", [None, "", "bu", "other"])
def test_loopback_may_always_be_written_to(yes: str | None) -> None:
    assert allowed_to_write(LOCAL, "bu", yes) is None


@pytest.mark.parametrize("place", ["rest", "login", "streaming"])
@pytest.mark.parametrize(
    "host",
    [
        *("api.mypurecloud.com", "localhost.example.com", "127.0.0.1.nip.io", "localtest.me", "loopback", "0.0.0.0"),
        *("192.0.2.2", "[::ffff:192.0.2.2]", "127.1", "2130706433", "ip6-localhost", "localhost."),
    ],
)
def test_anything_else_may_not(place: str, host: str) -> None:
    why = allowed_to_write(with_host(host, place), "bu", None)
    assert why is not None
    assert "is not loopback; --yes-publish bu" in why
    assert "\n" not in why


def test_the_business_unit_opens_it_and_only_that_one() -> None:
    region = for_region("us-east-1")
    assert allowed_to_write(region, "bu-1", "bu-1") is None
    assert (
        allowed_to_write(region, "bu-1", "bu-2") == "--yes-publish names business unit bu-2, and the target's is bu-1"
    )
    assert allowed_to_write(region, "bu-1", "BU-1") is not None
    assert allowed_to_write(region, "", "") is not None
