"""A real VictoriaMetrics and a real vmagent, from the one Debian package; stopped by their pids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ports import free_port
from system_programs import require_program

from tests.system.served_program import running

INSTALL = "apt-get install victoria-metrics"
# By default it hides what is younger than 30 s, so that slow scrapes look whole; a test would wait for that.
ALL_AT_ONCE = ("-search.latencyOffset=0s", "-search.disableCache")


@contextmanager
def victoria_metrics(directory: Path) -> Iterator[str]:
    """A VictoriaMetrics that takes remote writes; its address."""
    program = require_program("victoria-metrics", INSTALL)
    address = f"127.0.0.1:{free_port()}"
    words = (
        f"-storageDataPath={directory / 'victoria'}",
        "-retentionPeriod=100y",
        "-selfScrapeInterval=0",
        *ALL_AT_ONCE,
    )
    with running([program, f"-httpListenAddr={address}", *words], directory / "victoria.log", address, "/health"):
        yield f"http://{address}"


@contextmanager
def vmagent(directory: Path, urls: Sequence[str], config: Path | None = None) -> Iterator[str]:
    """A vmagent that scrapes as `config` says and writes all it gets to these remote-write URLs; its address."""
    program = require_program("vmagent", INSTALL)
    address = f"127.0.0.1:{free_port()}"
    words = [f"-remoteWrite.url={url}" for url in urls]
    words += [f"-promscrape.config={config}"] if config is not None else []
    words += [f"-remoteWrite.tmpDataPath={directory / 'vmagent'}"]
    with running([program, f"-httpListenAddr={address}", *words], directory / "vmagent.log", address, "/health"):
        yield f"http://{address}"
