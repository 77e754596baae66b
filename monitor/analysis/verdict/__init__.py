"""Is it the publish, and how sure are we: association over weeks, with what the design cannot tell apart; pure."""
