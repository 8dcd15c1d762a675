"""Requests with another one hidden in them, by where two parsers may disagree; tests/hostile sends them.

framing.py   where a body ends: Transfer-Encoding, Content-Length, and both
chunks.py    where a chunk ends, and the trailers
heads.py     where a head ends, and what comes after it: lines, versions, targets, upgrades, expectations
frames.py    the same over HTTP/2, for fronts that make HTTP/1.1 or packets of it
"""

from smuggled.chunks import PAIRS as CHUNKS
from smuggled.framing import PAIRS as FRAMING
from smuggled.heads import PAIRS as HEADS

PAIRS = FRAMING | CHUNKS | HEADS
