"""Requests to the app `quart_cases`, one or more for everything that it can do, by their names."""

from quart_corpus.bodies import BODIES
from quart_corpus.disconnects import DISCONNECTS
from quart_corpus.failures import FAILURES
from quart_corpus.files import FILES
from quart_corpus.plain import PLAIN
from quart_corpus.streams import STREAMS

CASES = PLAIN | FAILURES | BODIES | STREAMS | FILES | DISCONNECTS

__all__ = ["CASES"]
