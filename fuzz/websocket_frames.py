"""A WebSocket session: frames of any kind behind the handshake, without and with permessage-deflate."""

import struct
import sys

import atheris

from .conversation import converse, watch_log

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%b\r\n"
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"

# How a frame is said: masked as a client's are, without a mask, or as bytes that are no frame.
MASKED, BARE, RAW = range(3)


def spell(*frames: tuple[int, int, bytes]) -> bytes:
    """Return the bytes by which this target is told of frames: how, their first byte and their payload."""
    return b"".join(struct.pack("!BBH", *each[:2], len(each[2])) + each[2] for each in frames)


def read(data: bytes) -> bytes:
    """Return the frames that are spelled so."""
    said, at = b"", 0
    while len(data) - at >= 4:
        how, first, size = struct.unpack_from("!BBH", data, at)
        payload = data[at + 4 : at + 4 + size]
        said += payload if how % 3 == RAW else _frame(first, payload, MASKED if how % 3 == MASKED else BARE)
        at += 4 + len(payload)
    return said


def _frame(first: int, payload: bytes, how: int) -> bytes:
    """Return a frame; the mask is that of zeros, which changes nothing."""
    bit, mask, size = (0x80, bytes(4), len(payload)) if how == MASKED else (0, b"", len(payload))
    length = struct.pack("!BH", bit | 126, size) if size > 125 else bytes((bit | size,))
    return bytes((first,)) + length + mask + payload


def fuzz(data: bytes) -> None:
    if data:
        converse(read(data[1:]), HANDSHAKE % (DEFLATE if data[0] & 1 else b""))


if __name__ == "__main__":
    watch_log()
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
