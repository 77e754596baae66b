"""Compare arms that chance has dealt over blocks: a short experiment's own tests; pure."""
