"""Genesys analytics exports to drops of working agents."""
