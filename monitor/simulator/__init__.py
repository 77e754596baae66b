"""Pretend to be Genesys Cloud, faithfully enough for its own clients."""
