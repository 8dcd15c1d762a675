"""Requests, valid, odd and hostile, and what the server is to make of each: one table for both HTTP/1.1 engines."""

from corpus import connections, framing, headers, targets
from corpus.case import Case, Differs, Saw

CASES = (*targets.CASES, *headers.CASES, *framing.CASES, *connections.CASES)

__all__ = ["CASES", "Case", "Differs", "Saw"]
