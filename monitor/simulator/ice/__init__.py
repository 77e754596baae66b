"""The media side on real sockets: STUN, a minimal TURN, which ICE servers are handed out, what datagrams suffer."""
