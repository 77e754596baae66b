"""Where a Genesys Cloud region answers: REST, login, streaming and XMPP pubsub hosts."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

DOMAINS = MappingProxyType(
    {
        "us-east-1": "mypurecloud.com",
        "us-east-2": "use2.us-gov-pure.cloud",  # FedRAMP
        "us-west-2": "usw2.pure.cloud",
        "ca-central-1": "cac1.pure.cloud",
        "mx-central-1": "mxc1.pure.cloud",
        "sa-east-1": "sae1.pure.cloud",
        "eu-west-1": "mypurecloud.ie",
        "eu-west-2": "euw2.pure.cloud",
        "eu-central-1": "mypurecloud.de",
        "eu-central-2": "euc2.pure.cloud",
        "eusc-de-east-1": "edee1.eusc-pure.cloud",  # European Sovereign Cloud
        "me-central-1": "mec1.pure.cloud",
        "ap-south-1": "aps1.pure.cloud",
        "ap-southeast-1": "apse1.pure.cloud",
        "ap-southeast-2": "mypurecloud.com.au",
        "ap-northeast-1": "mypurecloud.jp",
        "ap-northeast-2": "apne2.pure.cloud",
        "ap-northeast-3": "apne3.pure.cloud",
    }
)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base URLs without a trailing slash.

    rest, login: `https://host`. streaming: `wss://host`. notifications: the XMPP pubsub service's host name.
    """

    rest: str
    login: str
    streaming: str
    notifications: str


def for_region(name: str) -> Endpoints:
    """The endpoints of an AWS region name such as `us-east-1`. Raises KeyError with the known names."""
    domain = DOMAINS.get(name)
    if domain is None:
        raise KeyError(f"unknown region {name!r}; known: {', '.join(DOMAINS)}")
    return Endpoints(
        rest=f"https://api.{domain}",
        login=f"https://login.{domain}",
        streaming=f"wss://streaming.{domain}",
        notifications=f"notifications.{domain}",
    )


def for_urls(rest: str, login: str, streaming: str) -> Endpoints:
    """Endpoints from three base URLs. Raises ValueError for a URL without host or with another scheme."""
    for url, schemes in ((rest, ("http", "https")), (login, ("http", "https")), (streaming, ("ws", "wss"))):
        if not _is_base_url(url, schemes):
            raise ValueError(f"{url!r} is not a URL of the form {schemes[0]}[s]://host[:port]")
    domain = (urlsplit(rest).hostname or "").removeprefix("api.")
    return Endpoints(rest.rstrip("/"), login.rstrip("/"), streaming.rstrip("/"), f"notifications.{domain}")


def _is_base_url(url: str, schemes: tuple[str, str]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port out of range, a bracket left open
        return False
