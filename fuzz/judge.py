"""The verdict of HTTP/1.1, with which the other readers of requests must agree: llhttp's parser and the rules."""

from types import SimpleNamespace
from typing import Any

import atheris

with atheris.instrument_imports(include=["trio_worker"]):
    from trio_worker.http.exchange import Exchange
    from trio_worker.options import parse
    from trio_worker.protocols.http1.parser import RequestParser
    from trio_worker.protocols.http1.rules import replay
    from trio_worker.protocols.rules import METHODS, Head

SOURCE: Any = SimpleNamespace(
    service=SimpleNamespace(options=parse({}), websockets=True), wire=SimpleNamespace(scheme="http")
)


def parse_head(*pieces: bytes) -> RequestParser:
    """Return a parser that was fed with these pieces."""
    parser = RequestParser(SOURCE)
    for each in pieces:
        if not parser.stopped:
            parser.feed(each)
    return parser


def asked_of(parser: RequestParser) -> list[Exchange]:
    """Return the requests that came of it, the one that asks for another protocol at the end."""
    return [*parser.queue, *([parser.upgrade[0]] if parser.upgrade else [])]


def agree(head: Head) -> None:
    """Hold a head that another protocol has accepted against the parser and the rules of HTTP/1.1.

    Llhttp knows the methods of the registry alone (RFC 9110 section 16.1.1); elsewhere others are left to the app.
    """
    if head.method not in METHODS.values():
        return
    parser = parse_head(replay(head))
    assert parser.refusal is None, (head, parser.refusal)
    (asked,) = asked_of(parser)
    assert not parser.in_head
    assert asked.method == head.method, head
    wanted = [(name, value.strip(b" \t")) for name, value in head.headers]
    if head.target.startswith(b"/"):
        assert asked.target == head.target, (head, asked.target)
        assert asked.headers == wanted, (head, asked.headers)
