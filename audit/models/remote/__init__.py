"""Models that answer over the wire."""
