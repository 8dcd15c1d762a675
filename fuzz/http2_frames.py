"""A connection of HTTP/2: frames of any kind in any order, most of them with a length that is theirs."""

import struct
import sys

import atheris
from support.frames import PREFACE, frame

from .conversation import converse, watch_log

# Kinds of frames from here on are bytes that are no frame.
RAW = 0x20


def spell(*frames: tuple[int, int, int, bytes]) -> bytes:
    """Return the bytes by which this target is told of frames: their kind, flags, stream and payload."""
    return b"".join(struct.pack("!BBBH", *each[:3], len(each[3])) + each[3] for each in frames)


def read(data: bytes) -> bytes:
    """Return the frames that are spelled so."""
    said, at = PREFACE, 0
    while len(data) - at >= 5:
        kind, flags, stream, size = struct.unpack_from("!BBBH", data, at)
        payload = data[at + 5 : at + 5 + size]
        said += payload if kind >= RAW else frame(kind, flags, stream, payload)
        at += 5 + len(payload)
    return said


def fuzz(data: bytes) -> None:
    converse(read(data))


if __name__ == "__main__":
    watch_log()
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
