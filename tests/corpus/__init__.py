"""Requests, valid, odd and hostile, and what the server is to make of each."""

from corpus import connections, framing, headers, targets
from corpus.case import Case, Saw

CASES = (*targets.CASES, *headers.CASES, *framing.CASES, *connections.CASES)

__all__ = ["CASES", "Case", "Saw"]
