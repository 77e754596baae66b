"""Any Prometheus-compatible server to evidence, from its raw samples."""
