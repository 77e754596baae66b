"""Weeks of facts in seconds: the world stepped through virtual time and measured as the monitor would; pure."""
