"""A client may offer so many subprotocols and extensions, and no more: reading each takes its time."""

import pytest

from trio_worker.protocols.websocket.handshake import OFFERS, Handshake, read
from trio_worker.refusal import Refusal

HEADERS = [
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
]


@pytest.mark.parametrize("name", [b"sec-websocket-protocol", b"sec-websocket-extensions"])
@pytest.mark.parametrize("lines", [1, 2])
def test_as_many_as_are_read(name: bytes, lines: int) -> None:
    offers = [(name, b",".join([b"a"] * (OFFERS // lines)))] * lines
    handshake = read([*HEADERS, *offers], 12)
    assert isinstance(handshake, Handshake)
    assert len(handshake.subprotocols) == (OFFERS if name.endswith(b"protocol") else 0)


@pytest.mark.parametrize("name", [b"sec-websocket-protocol", b"sec-websocket-extensions"])
@pytest.mark.parametrize("separator", [b",", b";"])
@pytest.mark.parametrize("lines", [1, 2])
def test_more_are_refused(name: bytes, separator: bytes, lines: int) -> None:
    offers = [(name, separator.join([b"a"] * (OFFERS + 2)))] * lines
    refusal = read([*HEADERS, *offers], 12)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 431
    assert refusal.body.decode().lower().startswith(name.decode())
