"""Settings to a watch plan: which jobs are to be detected, how, and with whose credentials."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.config.model import Genesys, PublishJob, Settings
from monitor.config.secrets import resolve
from monitor.genesys.regions import Endpoints, for_region, for_urls
from monitor.publish.watch.watch import Watched
from monitor.publish.watch.watcher import WatchPlan


def watch_plan(settings: Settings, env: Mapping[str, str] | None = None) -> WatchPlan | None:
    """The plan for every job with `detect`, None where there is none.

    Raises SecretMissing when the service credentials are not there.
    """
    jobs = tuple(_watched(settings, job) for job in settings.publish if job.detect and job.business_unit)
    genesys = settings.genesys
    if not jobs or genesys is None or genesys.client is None:
        return None
    return WatchPlan(
        site=settings.site,
        endpoints=_endpoints(genesys),
        jobs=jobs,
        client_id=resolve(genesys.client.id, env),
        client_secret=resolve(genesys.client.secret, env),
    )


def _watched(settings: Settings, job: PublishJob) -> Watched:
    return Watched(
        name=job.name,
        business_unit=job.business_unit or "",
        ways=job.detect,
        schedule=job.schedule,
        timezone=settings.timezone,
        gap_s=job.gap_s,
        limit_s=settings.metrics.publish_limit_s,
        poll_interval_s=job.poll_interval_s,
        audit_interval_s=job.audit_interval_s,
    )


def _endpoints(genesys: Genesys) -> Endpoints:
    if genesys.region is not None:
        return for_region(genesys.region)
    return for_urls(genesys.rest or "", genesys.login or "", genesys.streaming or "")
