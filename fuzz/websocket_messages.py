"""The messages of a session: the same however their bytes are cut, and what is sent back is what came."""

import logging
import sys
from typing import Any

import atheris

from .websocket_frames import read

with atheris.instrument_imports():
    from websockets.extensions.permessage_deflate import PerMessageDeflate
    from websockets.frames import Frame
    from websockets.protocol import Protocol, Side

    from trio_worker.protocols.websocket.inflating import Excess, Inflating
    from trio_worker.protocols.websocket.messages import Message, Messages

MAX_SIZE = 1024
QUIET = logging.getLogger("fuzz")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


def _server(deflates: bool) -> Messages:
    extensions = [Inflating(PerMessageDeflate(False, False, 12, 12), Excess())] if deflates else []
    return Messages(MAX_SIZE, extensions)


def _take(messages: Messages, data: bytes, piece: int) -> tuple[Any, ...]:
    """Return what comes of these bytes in pieces of a size."""
    found: list[Message] = []
    answer = b""
    for start in range(0, len(data), piece):
        answer += messages.take(data[start : start + piece], found)
        while messages.has_more:
            answer += messages.take(b"", found)
    return found, answer, messages.closed, messages.broken, messages.pongs


def _give_back(deflates: bool, found: list[Message]) -> None:
    """Hold what a client reads of these messages against them."""
    messages, client = _server(deflates), Protocol(Side.CLIENT, logger=QUIET)
    client.extensions = [PerMessageDeflate(False, False, 12, 12)] if deflates else []
    for message in found:
        client.receive_data(messages.pack(message))
        (frame,) = client.events_received()
        assert isinstance(frame, Frame)
        assert frame.data == (message.encode() if isinstance(message, str) else message)


def fuzz(data: bytes) -> None:
    if not data:
        return
    deflates, piece = bool(data[0] & 1), 1 + data[0] // 2
    said = read(data[1:])
    whole = _take(_server(deflates), said, 65536)
    pieces = _take(_server(deflates), said, piece)
    assert (pieces == whole) if whole[2] is None else (pieces[0], pieces[2:4]) == (whole[0], whole[2:4]), pieces
    assert all(len(each) <= MAX_SIZE for each in whole[0])
    if whole[2] is None:
        _give_back(deflates, whole[0])


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
