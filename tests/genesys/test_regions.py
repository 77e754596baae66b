"""Where regions answer."""

from __future__ import annotations

import pytest

from monitor.genesys.regions import DOMAINS, Endpoints, for_region, for_urls


def test_a_region_has_four_hosts() -> None:
    assert for_region("eu-central-1") == Endpoints(
        "https://api.mypurecloud.de",
        "https://login.mypurecloud.de",
        "wss://streaming.mypurecloud.de",
        "notifications.mypurecloud.de",
    )


def test_all_regions_are_known_the_closed_ones_too() -> None:
    assert len(DOMAINS) == 18
    assert for_region("us-east-2").rest == "https://api.use2.us-gov-pure.cloud"
    assert for_region("eusc-de-east-1").rest == "https://api.edee1.eusc-pure.cloud"
    assert len(set(DOMAINS.values())) == 18


def test_an_unknown_region_names_the_known_ones() -> None:
    with pytest.raises(KeyError, match="us-east-1"):
        for_region("mars-1")


def test_urls() -> None:
    made = for_urls("http://127.0.0.1:8080/", "http://127.0.0.1:8080", "ws://127.0.0.1:8081/")
    assert made == Endpoints(
        "http://127.0.0.1:8080", "http://127.0.0.1:8080", "ws://127.0.0.1:8081", "notifications.127.0.0.1"
    )
    real = for_urls("https://api.mypurecloud.ie", "https://login.mypurecloud.ie", "wss://streaming.mypurecloud.ie")
    assert real == for_region("eu-west-1")


@pytest.mark.parametrize(
    ("rest", "login", "streaming"),
    [
        ("127.0.0.1:8080", "http://a", "ws://a"),
        ("http://a", "", "ws://a"),
        ("http://a", "http://a", "http://a"),
        ("http://", "http://a", "ws://a"),
        ("http://a:99999", "http://a", "ws://a"),
        ("http://[", "http://a", "ws://a"),
    ],
)
def test_what_is_no_url(rest: str, login: str, streaming: str) -> None:
    with pytest.raises(ValueError, match="is not a URL"):
        for_urls(rest, login, streaming)
