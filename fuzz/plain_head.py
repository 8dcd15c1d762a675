"""The head of an HTTP/1.1 request: three readers, in C, in Python and llhttp's, that mean the same by it."""

import sys
from typing import Any

import atheris

from .judge import asked_of, parse_head

with atheris.instrument_imports(include=["trio_worker"]):
    from trio_worker.host import known_hosts
    from trio_worker.protocols._speedups import read_head
    from trio_worker.protocols.http1 import plain_head
    from trio_worker.protocols.rules import METHODS


def _found(*pieces: bytes) -> tuple[Any, ...]:
    """Return what llhttp and the rules make of these pieces: the requests, the refusal, what is left over."""
    parser = parse_head(*pieces)
    requests = [
        (each.method, each.target, each.version, each.headers, each.keep_alive, b"".join(each.body), each.body_complete)
        for each in asked_of(parser)
    ]
    return requests, parser.refusal and parser.refusal.status, parser.in_head, bool(parser.upgrade)


def _agree(data: bytes) -> bool:
    known = plain_head._names, METHODS, known_hosts
    return read_head(*known, data) == plain_head.split_head(*known, data)


def fuzz(data: bytes) -> None:
    if not _agree(data):
        # C goes on knowing some of the names that Python forgets when it has learned too many. Llhttp teaches them
        # again, the second time where its first reading was the one that was too much.
        _found(data), _found(data)
        assert _agree(data), data
    plain = plain_head.read(data)
    found = _found(data)
    if plain is not None:
        method, target, headers, keep_alive = plain
        assert found == ([(method, target, "1.1", headers, keep_alive, b"", True)], None, False, False)
    middle = len(data) // 2
    assert (cut := _found(data[:middle], data[middle:])) == found, (data, cut, found)


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
