"""May a publish job write here? The one place that says so, for driver, load, experiment and Locust alike. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from monitor.config.values import is_loopback
from monitor.genesys.regions import Endpoints


def allowed_to_write(endpoints: Endpoints, business_unit: str, yes_publish: str | None) -> str | None:
    """Why nothing may be written, None when it may: on loopback always, elsewhere for the business unit named.

    yes_publish: the business unit id that somebody has typed, None when nobody has. A host name counts as loopback
    only when it is literally `localhost` or an address of 127.0.0.0/8 or ::1, whatever it resolves to.
    """
    outside = off_loopback(endpoints)
    if outside is None or (yes_publish and yes_publish == business_unit):
        return None
    if yes_publish:
        return f"--yes-publish names business unit {yes_publish}, and the target's is {business_unit}"
    return f"{outside} is not loopback; --yes-publish {business_unit} would publish there"


def off_loopback(endpoints: Endpoints) -> str | None:
    """The first host of the endpoints that is not this machine, None when all are."""
    for url in (endpoints.rest, endpoints.login, endpoints.streaming):
        host = urlsplit(url).hostname or ""
        if not is_loopback(host):
            return host or url
    return None
