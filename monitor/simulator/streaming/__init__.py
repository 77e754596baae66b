"""The streaming side on real sockets: XMPP sessions, notification channels, calls."""
