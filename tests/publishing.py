"""Publish through REST as a user's script does: upload URL, signed PUT, update; and wait until it is done."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Mapping
from typing import Any

import httpx


class Script:
    """A script under its own token against a simulator's `info`. Use it with `async with`."""

    def __init__(self, info: Mapping[str, Any]) -> None:
        self._info = info
        self._http = httpx.AsyncClient(base_url=info["rest"], trust_env=False)

    async def __aenter__(self) -> Script:
        """Log in."""
        form = {"grant_type": "client_credentials"}
        login = (self._info["client_id"], self._info["client_secret"])
        answer = (await self._http.post("/oauth/token", data=form, auth=login)).raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave."""
        await self._http.aclose()

    async def read(self) -> dict[str, Any]:
        """The schedule as it is now."""
        answer: dict[str, Any] = (await self._http.get(self._path)).raise_for_status().json()
        return answer

    async def publish(self, *, published: bool = True, stale: bool = False) -> dict[str, Any]:
        """One update; the schedule once it is done. stale: from an old version, so that it fails (returned at once)."""
        version = (await self.read())["metadata"]["version"]
        document = {"published": published, "agentSchedules": [], "metadata": {"version": version - stale}}
        content = gzip.compress(json.dumps(document).encode())
        wanted = {"contentLengthBytes": len(content)}
        upload = (await self._http.post(f"{self._path}/update/uploadurl", json=wanted)).raise_for_status().json()
        async with httpx.AsyncClient(trust_env=False) as storage:  # a signed URL takes no token
            (await storage.put(upload["url"], headers=upload["headers"], content=content)).raise_for_status()
        key = {"uploadKey": upload["uploadKey"]}
        (await self._http.post(f"{self._path}/update", json=key)).raise_for_status()
        now = await self.read()
        while not stale and now["metadata"]["version"] == version:
            await asyncio.sleep(0.005)
            now = await self.read()
        return now

    @property
    def _path(self) -> str:
        info = self._info
        week = f"/api/v2/workforcemanagement/businessunits/{info['business_unit']}/weeks/{info['week']}"
        return f"{week}/schedules/{info['schedule']}"
