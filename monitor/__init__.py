"""WebRTC softphone connection health monitor."""
