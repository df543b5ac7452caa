"""Compare what networks and brains represent."""
