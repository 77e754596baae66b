from __future__ import annotations

import pytest

from monitor.media.server_url import ServerUrl, host_port, read_server_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("stun:stun.example.com", ServerUrl("stun", "stun.example.com", 3478, "udp")),
        ("STUN:192.0.2.1:19302", ServerUrl("stun", "192.0.2.1", 19302, "udp")),
        ("stuns:example.com", ServerUrl("stuns", "example.com", 5349, "tls")),
        ("turn:example.com?transport=tcp", ServerUrl("turn", "example.com", 3478, "tcp")),
        ("turn:example.com:80?transport=udp", ServerUrl("turn", "example.com", 80, "udp")),
        ("turns:example.com:443?transport=tcp", ServerUrl("turns", "example.com", 443, "tls")),
        ("stun:[2001:db8::1]:3479", ServerUrl("stun", "2001:db8::1", 3479, "udp")),
    ],
)
def test_reads_what_the_rfcs_allow(url: str, expected: ServerUrl) -> None:
    assert read_server_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "stun:",
        "stun:a b",
        "http://example.com",
        "stun:example.com:0",
        "stun:example.com:65536",
        "stun:example.com:99999999",
        "stun://example.com",
        "stun:user@example.com",
        "stun:[::1",
        "stun:[zz]:1",
        "stun:[1.2.3.4]",
        "turn:example.com?transport=sctp",
        "turns:example.com?transport=udp",
        "turn:example.com?transport=tcp&x=1",
        "turn:" + "a" * 400,
        "stun:exa\nmple.com",
    ],
)
def test_refuses_the_rest(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_server_url(url)


def test_names_put_ipv6_in_brackets() -> None:
    assert host_port("2001:db8::1", 3478) == "[2001:db8::1]:3478"
    assert read_server_url("stun:[2001:db8::1]").name == "[2001:db8::1]:3478"
