"""Measure: every probe emits observations and knows nothing of what becomes of them."""
