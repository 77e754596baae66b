"""The on-call room: is it well just now? Evidence in, one status with its figures out, as Nagios plugins say it."""
