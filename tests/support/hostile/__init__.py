"""Hostile clients: what they send, the process that sends it, honest clients beside them, and what a worker pays."""
