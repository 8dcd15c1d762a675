"""Lists in headers are not looked at to their end: a client may write thousands of entries."""

import trio

from trio_worker.application import accepted, forwarded
from trio_worker.application.forwarded import LONGEST, TOO_LONG, Forwarded
from trio_worker.application.static.conditions import TAGS, Validators, precondition
from trio_worker.asgi import Message, Receive, Scope, Send
from trio_worker.options.values import peers

KNOWN = Validators(b'"known"', 0)


def _seen(name: bytes, value: str) -> tuple[Scope, list[int]]:
    """The scope that the app below sees of a request with this header, and the statuses that were sent without it."""
    statuses = list[int]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))

    async def receive() -> Message:
        return {}

    headers = [(name, value.encode())]
    scope = {"type": "http", "client": ("127.0.0.1", 1), "headers": headers, "extensions": {}, "scheme": "http"}
    layer = Forwarded(app, peers("trio-proxy-allow", "127.0.0.1"), "any")
    trio.run(layer, scope, receive, send)
    return scope, statuses


def test_the_nearest_proxies_are_listened_to() -> None:
    scope, _ = _seen(b"x-forwarded-for", "192.0.2.1, " * 3000 + "203.0.113.7, 127.0.0.1")
    assert scope["client"] == ("203.0.113.7", 0)
    scope, _ = _seen(b"x-forwarded-for", "192.0.2.1, " + "127.0.0.1, " * (forwarded.MOST - 1) + "127.0.0.1")
    assert scope["client"] == ("127.0.0.1", 0)


def test_a_long_forwarded_is_refused_and_not_passed_over() -> None:
    element = "for=203.0.113.7,"
    _, statuses = _seen(b"forwarded", element * (LONGEST // len(element) + 1))
    assert statuses[0] == TOO_LONG.status == 431
    scope, statuses = _seen(b"forwarded", element * (LONGEST // len(element) - 1) + "for=192.0.2.1")
    assert (scope["client"], statuses) == (("192.0.2.1", 0), [])


def test_codings_behind_the_first_ones_are_not_looked_at() -> None:
    assert accepted.choose(b"br;q=0," * (accepted.MOST - 1) + b"gzip", [b"gzip"]) == b"gzip"
    assert accepted.choose(b"br;q=0," * accepted.MOST + b"gzip", [b"gzip"]) is None


def test_a_client_with_very_many_tags_gets_the_file() -> None:
    assert precondition([(b"if-none-match", b'"x",' * (TAGS - 1) + b'"known"')], KNOWN) == 304
    assert precondition([(b"if-none-match", b'"x",' * TAGS + b'"known"')], KNOWN) == 200
