"""Grafana dashboards as code: what `python -m dashboards.grafana.generator` writes as JSON."""
