"""Answer HTTP: metrics, probes on demand, markers, health."""
