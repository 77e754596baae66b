"""Carry sound: ICE, DTLS, RTP by aiortc, and STUN/TURN transactions of our own."""
