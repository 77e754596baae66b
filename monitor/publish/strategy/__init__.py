"""How a publish job sends and tries again: pacing times retry, by name; pure."""
