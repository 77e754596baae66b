"""What a command does: one file a command; composes the rooms, which may not know each other."""
