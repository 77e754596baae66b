"""Publishes that nobody tells of: evidence to runs, and the watcher that gathers it."""
