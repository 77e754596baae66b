"""Single values: durations, addresses and URLs at their edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from monitor.config.rules import FROM_FILE, duration_s, duration_text
from monitor.config.values import (
    HttpUrl,
    Interval,
    Listen,
    StreamingUrl,
    StunUrl,
    TurnUrl,
    is_loopback,
    is_loopback_url,
    split_host_port,
)


def accepts(kind: object, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value, context=FROM_FILE)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("15s", 15.0), ("1.5s", 1.5), ("10m", 600.0), ("24h", 86400.0), ("400d", 34560000.0)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["15", "s", "", "-1s", "1 s", "1S", "1e3s", "1h30m", ".5s", "٣s", "1s\n", "9" * 20 + "s"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration_s(text)


@given(st.integers(1, 10**10))
def test_a_duration_survives_being_written(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert duration_s(duration_text(seconds)) == pytest.approx(seconds, rel=1e-12)


def test_a_program_may_give_seconds_and_a_file_may_not() -> None:
    assert TypeAdapter(Interval).validate_python(15) == 15.0
    assert not accepts(Interval, 15)
    assert accepts(Interval, "15s")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "::1", "[::1]"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


def test_the_host_of_a_url_decides() -> None:
    assert all(map(is_loopback_url, ("http://127.0.0.1:1", "ws://localhost", "http://[::1]:5")))
    assert not any(map(is_loopback_url, ("https://api.mypurecloud.com", "http://127.evil.example", "http://192.0.2.1")))


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "127.evil.example", "10.0.0.1", "localhost.example", "1270.0.0.1"]
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "url",
    [
        "stun:h",
        "stun:stun.example.com:3478",
        "stuns:h:5349",
        "stun:192.0.2.1",
        "stun:[2001:db8::1]",
        "stun:[::1]:3478",
    ],
)
def test_stun_urls(url: str) -> None:
    assert accepts(StunUrl, url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "stun:",
        "stun://h",
        "turn:h",
        "h:3478",
        "stun:h:0",
        "stun:h:65536",
        "stun:h:",
        "stun:h?transport=udp",
        "stun:[::1",
        "stun:[12345::1]",
        "stun:::1",
        "stun:user@h",
        "stun:h h",
        "stun:-h",
        3478,
        None,
    ],
)
def test_what_is_no_stun_url(url: object) -> None:
    assert not accepts(StunUrl, url)


@pytest.mark.parametrize(
    "url",
    ["turn:h", "turn:h:3478?transport=udp", "turns:h?transport=tcp", "turn:[::1]?transport=tcp", "turns:[::1]:443"],
)
def test_turn_urls(url: str) -> None:
    assert accepts(TurnUrl, url)


@pytest.mark.parametrize(
    "url", ["stun:h", "turn:h?transport=sctp", "turn:h?transport=", "turn:h?x=1", "turn:u:p@h", "turn:h/"]
)
def test_what_is_no_turn_url(url: str) -> None:
    assert not accepts(TurnUrl, url)


@pytest.mark.parametrize(
    "url", ["https://api.example.com", "https://h:8443/", "http://127.0.0.1:8080", "http://[::1]:80"]
)
def test_rest_urls(url: str) -> None:
    assert accepts(HttpUrl, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "https://user:pw@h",
        "wss://h",
        "https://",
        "h",
        "https://h:99999",
        "https://h:0",
        "https://h?x=1",
        "https://h#x",
        "https://h\n",
        "https://[::1",
        1,
    ],
)
def test_what_is_no_rest_url(url: object) -> None:
    assert not accepts(HttpUrl, url)


def test_streaming_urls() -> None:
    assert accepts(StreamingUrl, "wss://streaming.example.com")
    assert accepts(StreamingUrl, "ws://localhost:8081")
    assert not accepts(StreamingUrl, "ws://streaming.example.com")
    assert not accepts(StreamingUrl, "https://streaming.example.com")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:9464", "127.0.0.1", 9464), ("[::1]:0", "::1", 0), ("localhost:65535", "localhost", 65535)],
)
def test_host_and_port(text: str, host: str, port: int) -> None:
    assert split_host_port(text) == (host, port)
    assert accepts(Listen, text)


@pytest.mark.parametrize(
    "text", ["9464", ":9464", "127.0.0.1", "127.0.0.1:65536", "::1:9464", "[zz]:1", "[1::2::3]:1", 9464]
)
def test_what_is_no_host_and_port(text: object) -> None:
    assert not accepts(Listen, text)


@given(st.text(max_size=40))
def test_no_text_makes_a_rule_raise_anything_but_its_own_error(text: str) -> None:
    for kind in (HttpUrl, StreamingUrl, StunUrl, TurnUrl, Listen, Interval):
        accepts(kind, text)
