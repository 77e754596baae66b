"""A probe by the monitor that runs: GET /probe, and its answer for people read back into a result."""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import urlsplit

import httpx

from monitor.commands.probe_text import NotProbed, Told
from monitor.config.model import Exporter
from monitor.config.values import is_loopback
from monitor.facts.failures import Failure, Fault, Reason
from monitor.facts.probe_result import ProbePhase, ProbeResult
from monitor.genesys.trust import trusting_the_system
from monitor.web.exporter import SIMULATED

CONNECT_S: Final = 5.0
HEALTHY_S: Final = 2.0
ANSWER_S: Final = 130.0  # the monitor itself gives its probe 120 s
WORDS_SHOWN: Final = 300  # characters of a refusal
ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - listened on, and where that answers us
_PHASE = re.compile(r"phase (.+): (\S+), (?:not measured|(\d+\.\d) ms)")
_FAILED = re.compile(rf"failed in (.+?): ({'|'.join(Reason)}) \(({'|'.join(Fault)}) fault\) ?(.*)")
_END = re.compile(r"(.+) \((\w+)\): (up|down), (\d+\.\d{3}) s")


def own_url(exporter: Exporter) -> str:
    """Where an exporter with these settings answers on this machine; empty where it picks its port itself."""
    host = ANYWHERE.get(exporter.host, exporter.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{exporter.port}" if exporter.port else ""


def runs_at(url: str) -> bool:
    """Whether a monitor answers there. Raises NotProbed where one may be that is too busy to say so."""
    if not url:
        return False
    try:
        with _http(url, "", HEALTHY_S) as http:
            return http.get("/-/healthy").text == "healthy\n"
    except httpx.ConnectError:
        return False
    except httpx.HTTPError as error:
        about = f"({type(error).__name__} after {HEALTHY_S:g} s at most)"
        raise NotProbed(
            f"a monitor seems to run at {url}, but does not answer {about}: not probing beside it"
        ) from None


def ask(url: str, target: str, module: str, token: str) -> Told:
    """What the monitor at `url` says. Raises NotProbed, with what can be done about it."""
    try:
        with _http(url, token, ANSWER_S) as http:
            reply = http.get("/probe", params={"target": target, "module": module, "debug": "1"})
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
        raise NotProbed(f"{url!r} is no address such as http://127.0.0.1:9464") from None
    except httpx.TimeoutException:
        raise NotProbed(f"the monitor at {url} does not answer") from None
    except httpx.HTTPError as error:
        raise NotProbed(_nobody(url, error)) from None
    if reply.status_code == httpx.codes.UNAUTHORIZED:
        raise NotProbed(_token_refused(url, token))
    if reply.status_code != httpx.codes.OK:
        raise NotProbed(_refusal(url, reply))
    simulated, result = read_page(reply.text, url)
    return Told(result=result, by=f"by the monitor at {url}", simulated=simulated)


def read_page(page: str, url: str) -> tuple[bool, ProbeResult]:
    """Whether it is labelled as simulated, and the result. Raises NotProbed for another page, or when nothing was run.

    Ends with the phases, the failure if there was one, and a line with the state; before them comes the probe's log.
    """
    lines = page.partition("\n\n")[0].split("\n")
    end = _END.fullmatch(lines.pop())
    if end is None:
        raise NotProbed(_stranger(url))
    failed = _failure(lines)
    phases = _phases(lines)
    simulated = bool(lines) and lines[0] == SIMULATED
    if not phases and failed is None:
        raise NotProbed(f"{end[1]}: {lines[-1] if lines else 'nothing was measured'}"[:WORDS_SHOWN])
    return simulated, ProbeResult(
        target=end[1],
        module=end[2],
        success=end[3] == "up",
        duration_s=float(end[4]),
        phases=phases,
        failure=failed,
        log=tuple(lines[simulated:]),
    )


def _failure(lines: list[str]) -> Failure | None:
    """The failure, taken off the end of `lines`."""
    found = _FAILED.fullmatch(lines[-1]) if lines else None
    if found is None:
        return None
    lines.pop()
    return Failure(found[1], Reason(found[2]), Fault(found[3]), found[4])


def _phases(lines: list[str]) -> tuple[ProbePhase, ...]:
    """The phases, taken off the end of `lines`."""
    phases: list[ProbePhase] = []
    while lines and (found := _PHASE.fullmatch(lines[-1])):
        lines.pop()
        phases.append(ProbePhase(name=found[1], seconds=float(found[3]) / 1000 if found[3] else None, outcome=found[2]))
    return tuple(reversed(phases))


def _http(url: str, token: str, answer_s: float) -> httpx.Client:
    """Without TLS no certificates are read, and nobody's proxy stands between us and this machine."""
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(answer_s, connect=min(CONNECT_S, answer_s)),
            verify=trusting_the_system() if url.lower().startswith("https:") else False,
            trust_env=not is_loopback(urlsplit(url).hostname or ""),
        )
    except UnicodeEncodeError:
        raise NotProbed("the token has characters that no HTTP header can carry") from None


def _nobody(url: str, error: Exception) -> str:
    return (
        f"no monitor answers at {url} ({error})\n"
        "start one:            softphone-monitor run -c FILE\n"
        "it is elsewhere:      --monitor URL, or the variable MONITOR_URL\n"
        "probe without one:    -c FILE, with the settings of the monitor"
    )


def _token_refused(url: str, token: str) -> str:
    if token:
        return f"the monitor at {url} does not accept the token in MONITOR_TOKEN (or that of the settings)"
    return f"the monitor at {url} wants its token: put it into the variable MONITOR_TOKEN"


def _refusal(url: str, reply: httpx.Response) -> str:
    """The monitor's own words in one line; another server's tell nothing that helps."""
    try:
        words = json.loads(reply.text)["error"]
    except (ValueError, KeyError, TypeError):
        return f"{_stranger(url)} (HTTP {reply.status_code})"
    return f"the monitor at {url}: {' '.join(str(words).split())[:WORDS_SHOWN]}"


def _stranger(url: str) -> str:
    return f"what answers at {url} is no softphone-monitor, or one of another version"
