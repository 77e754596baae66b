"""What the simulated organisation holds, and how the wire shows it: the same live and in virtual time; pure."""
