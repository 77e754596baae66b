"""The publish job itself as a script without wire or clock: read, upload, update, wait, write; pure."""
