"""Read facts back as evidence: journals, files, any Prometheus-compatible server."""
