"""Explain: pure, facts in, values out."""
