"""The kinds of value that settings are made of: durations, names, URLs, addresses, times of day."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator

from monitor.config.rules import Checked, Duration, OfProgram, OneOf, Switch, Text, Whole

REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "ca-central-1",
    "sa-east-1",
    "mx-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-central-1",
    "eu-central-2",
    "eusc-de-east-1",
    "me-central-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
)


def is_loopback(host: str) -> bool:
    """True for localhost and for addresses of 127.0.0.0/8 and ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """True when a well-formed URL's host is this machine."""
    return is_loopback(urlsplit(url).hostname or "")


def split_host_port(text: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`. Raises ValueError for anything else."""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", text)
    if match is None or int(match[2]) > 65535:
        raise ValueError(f"{text!r} is not host:port")
    host = match[1]
    if host.startswith("["):
        host = str(ipaddress.IPv6Address(host[1:-1]))
    return host, int(match[2])


def _listen(text: str) -> str:
    split_host_port(text)
    return text


def _url(text: str, plain: str, secure: str, *, plain_anywhere: bool = False) -> str:
    parts = urlsplit(text)
    if (
        parts.scheme not in (plain, secure)
        or not parts.hostname
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise ValueError("not such a URL")
    if parts.port == 0 or re.search(r"[\s\\]", text):  # reading .port raises ValueError when it is no port at all
        raise ValueError("not such a URL")
    if parts.scheme == plain and not plain_anywhere and not is_loopback(parts.hostname):
        raise ValueError("unencrypted off loopback")
    return text.rstrip("/")


def _timezone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError("no such time zone") from error


_ICE_URL = re.compile(
    r"(?P<scheme>stuns?|turns?):(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?(?:\?transport=(?P<transport>udp|tcp))?"
)


def _ice_url(text: str, schemes: tuple[str, str]) -> str:
    """RFC 7064 section 3.1 (no transport there) and RFC 7065 section 3.1."""
    match = _ICE_URL.fullmatch(text)
    if match is None or match["scheme"] not in schemes:
        raise ValueError("not such a URL")
    if match["port"] is not None and not 1 <= int(match["port"]) <= 65535:
        raise ValueError("no such port")
    if match["transport"] and match["scheme"].startswith("stun"):
        raise ValueError("a stun URL names no transport")
    if match["host"].startswith("["):
        ipaddress.IPv6Address(match["host"][1:-1])
    return text


_DAY = "(?:mon|tue|wed|thu|fri|sat|sun)"
_DAYS = f"{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*"
_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_NAME_RULE = Text("a name of letters, digits, dots, hyphens and underscores (up to 64, a letter or digit first)", _NAME)
Name = Annotated[str, BeforeValidator(_NAME_RULE)]
ProbeName = Annotated[str, BeforeValidator(OfProgram(_NAME_RULE, f"{_NAME}/{_NAME}"))]
EnvName = Annotated[
    str,
    BeforeValidator(
        Text(
            "an environment variable's name in capitals such as MONITOR_TOKEN (never the secret itself)",
            r"[A-Z_][A-Z0-9_]{0,99}",
            hide=True,
        )
    ),
]
FilePath = Annotated[str, BeforeValidator(Text("the path of a file", r"[^\x00-\x1f]{1,4096}"))]
Interface = Annotated[
    str, BeforeValidator(Text("the name of a network interface such as eth0", r"[A-Za-z0-9_.:@-]{1,15}"))
]
Identifier = Annotated[str, BeforeValidator(Text("an id of letters, digits and hyphens", r"[A-Za-z0-9_-]{1,64}"))]
HttpUrl = Annotated[
    str, BeforeValidator(Checked("an https:// URL (http:// on loopback only)", lambda t: _url(t, "http", "https")))
]
MetricsUrl = Annotated[
    str,
    BeforeValidator(
        Checked(
            "an http:// or https:// URL such as http://prometheus:9090",
            lambda t: _url(t, "http", "https", plain_anywhere=True),
        )
    ),
]
StreamingUrl = Annotated[
    str, BeforeValidator(Checked("a wss:// URL (ws:// on loopback only)", lambda t: _url(t, "ws", "wss")))
]
StunUrl = Annotated[
    str,
    BeforeValidator(
        Checked(
            "a URL such as stun:host:3478, stuns:host or stun:[2001:db8::1]", lambda t: _ice_url(t, ("stun", "stuns"))
        )
    ),
]
TurnUrl = Annotated[
    str,
    BeforeValidator(
        Checked(
            "a URL such as turn:host:3478?transport=udp, turns:host?transport=tcp or turn:[2001:db8::1]",
            lambda t: _ice_url(t, ("turn", "turns")),
        )
    ),
]
Listen = Annotated[
    str, BeforeValidator(Checked("host:port such as 127.0.0.1:9464 or [::1]:9464 (port 0 picks one)", _listen))
]
Timezone = Annotated[str, BeforeValidator(Checked("an IANA time zone such as America/Chicago", _timezone))]
Dialled = Annotated[str, BeforeValidator(Text("a number or address to dial such as echo@example", r"[^\s]{1,200}"))]
Moment = Annotated[
    str, BeforeValidator(Text('days and a time such as "tue 10:00" or "mon-fri 06:30"', f"{_DAYS} {_CLOCK}"))
]
Hours = Annotated[
    str, BeforeValidator(Text('hours such as "08:00-18:00"', rf"(?!(.+)-\1$){_CLOCK}-(?:{_CLOCK}|24:00)"))
]
Days = Annotated[str, BeforeValidator(Text("days such as mon-fri or mon,wed,fri", _DAYS))]
Holidays = Annotated[
    str,
    BeforeValidator(Text("a country such as US, or one of its parts such as US-IL", r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")),
]
Flag = Annotated[bool, BeforeValidator(Switch())]
Interval = Annotated[float, BeforeValidator(Duration("100ms", "24h"))]
Timeout = Annotated[float, BeforeValidator(Duration("10ms", "10m"))]
Count = Annotated[int, BeforeValidator(Whole(1, 10000))]
Region = Annotated[str, BeforeValidator(OneOf(REGIONS))]
