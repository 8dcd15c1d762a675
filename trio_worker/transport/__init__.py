"""Connections as bytes, plain or TLS, and the watch over all of them: deadlines and hang-ups."""
