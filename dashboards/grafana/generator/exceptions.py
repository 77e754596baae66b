"""Metrics of the catalogue that are on no dashboard, each with the reason."""

from __future__ import annotations

ON_NO_DASHBOARD: dict[str, str] = {}
