"""What the settings make of the parts of a monitor: what the metrics and the page know from the start."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from monitor.config.fleet import media_processes
from monitor.config.model import GatheringProbe, Settings
from monitor.config.values import is_loopback_url
from monitor.genesys.rest import OPERATIONS
from monitor.media.server_url import read_server_url
from monitor.outputs.metrics import MetricsOptions
from monitor.probes.child import environment
from monitor.probes.fleet import processors
from monitor.probes.service import SERVICE
from monitor.probes.table import agent_of, needs_service
from monitor.web.live.attempts import SESSION, ProbeName
from monitor.web.live.data import PageOptions

# The explaining children's: a Prometheus and the way there, and what Python needs. No secret of the platform's.
EXPLAINING_NEEDS = (
    *("PROMETHEUS_TOKEN", "PROMETHEUS_TOKEN_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *(f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")),
    *(f"{scheme}_PROXY" for scheme in ("HTTP", "HTTPS", "ALL", "NO")),
    *("PATH", "HOME", "LANG", "LC_*", "TZ", "TMPDIR", "PYTHONHOME", "LD_LIBRARY_PATH", "COVERAGE_*"),
)


def explaining_environment() -> dict[str, str]:
    """What the explaining children are given of our environment."""
    # A thread a core would take more of the address space that they may have than their data do.
    return {**environment(EXPLAINING_NEEDS), "OPENBLAS_NUM_THREADS": "1"}


def metrics_options(settings: Settings) -> MetricsOptions:
    """What the settings make known about label sets."""
    gatherings = [probe for probe in settings.probes if isinstance(probe, GatheringProbe)]
    in_use = {agent_of(probe) for probe in settings.probes}  # an agent that no probe names has no session
    media = _media_processes(settings)
    own_servers = tuple(probe.name for probe in gatherings if probe.stun or probe.turn)
    return MetricsOptions(
        per_agent=settings.metrics.per_agent,
        publish_runs=settings.metrics.publish_runs,
        publish_limit_s=settings.metrics.publish_limit_s,
        simulated=measures_a_simulator(settings),
        version=product_version(),
        agents=tuple(agent.name for agent in settings.agents if agent.name in in_use),
        jobs=tuple(job.name for job in settings.publish),
        probes=tuple(probe.name for probe in settings.probes),
        servers=("platform", *own_servers) if len(own_servers) < len(gatherings) or not gatherings else own_servers,
        stun_servers=_servers(url for probe in gatherings for url in probe.stun),
        turn_servers=_servers(server.url for probe in gatherings for server in probe.turn),
        operations=OPERATIONS,
        processes=("main", "prober", *media),
        sinks=("metrics", "page", "journal", "prober", *media),
    )


def page_options(settings: Settings) -> PageOptions:
    """What the settings say to the live page. A signalling session has a log of its own, under its agent's name."""
    agents = tuple(dict.fromkeys(agent_of(probe) for probe in settings.probes if agent_of(probe)))
    sessions = (*agents, *((SERVICE,) if any(needs_service(probe) for probe in settings.probes) else ()))
    return PageOptions(
        site=settings.site,
        zone=settings.timezone,
        version=product_version(),
        simulated=measures_a_simulator(settings),
        jobs=tuple(job.name for job in settings.publish),
        probes=(
            *(ProbeName(probe.name, probe.kind, agent_of(probe)) for probe in settings.probes),
            *(ProbeName(name, SESSION, name if name in agents else "") for name in sessions),
        ),
        agents=agents,
        limit_s=settings.metrics.publish_limit_s,
    )


def _servers(urls: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Each server with its transport, as the metrics name them."""
    found = (read_server_url(url) for url in urls)
    return tuple(dict.fromkeys((server.name, server.transport) for server in found))


def measures_a_simulator(settings: Settings) -> bool:
    """Whether the platform is on loopback: Genesys Cloud never is."""
    rest = settings.genesys.rest if settings.genesys else None
    return rest is not None and is_loopback_url(rest)


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """What a reload cannot change, one line each."""
    fixed = {
        "site": (old.site, new.site),
        "exporter": (old.exporter, new.exporter),
        "journal": (old.journal, new.journal),
        "metrics.per_agent": (old.metrics.per_agent, new.metrics.per_agent),
        "fleet (media processes)": (_media_processes(old), _media_processes(new)),
    }
    return [f"{where}: cannot change without a restart" for where, (a, b) in fixed.items() if a != b]


def _media_processes(settings: Settings) -> tuple[str, ...]:
    return media_processes(settings, processors())


def product_version() -> str:
    """The installed version."""
    try:
        return version("softphone-monitor")
    except PackageNotFoundError:
        return "unknown"
