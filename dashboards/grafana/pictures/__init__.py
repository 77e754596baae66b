"""Pictures of the dashboards' main panels, drawn from real query results: what the README shows."""
