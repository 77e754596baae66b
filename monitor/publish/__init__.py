"""Apply load and mark it: publish jobs and their markers."""
