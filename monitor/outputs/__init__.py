"""Remember and tell: bus, metrics, journal."""
