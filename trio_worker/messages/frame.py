"""A message on its way between two workers: one packet of a SOCK_SEQPACKET socket, so that its end is the packet's.

    number of the frame on its connection   8 bytes
    kind of data                            1 byte: 0 for bytes, 1 for text
    length of the topic                     1 byte
    topic, data

A frame that was given up leaves a gap in the numbers, by which the reader knows that it has lost something.
"""

import struct

Data = str | bytes

LONGEST_TOPIC = 255
LARGEST_DATA = 65_536

_NUMBER = struct.Struct("!Q")
_KIND_AND_LENGTH = struct.Struct("!BB")

HEAD = _NUMBER.size + _KIND_AND_LENGTH.size
LARGEST_FRAME = HEAD + LONGEST_TOPIC + LARGEST_DATA


def encode(topic: str, data: Data) -> bytes:
    """Return a frame without its number, which differs from one connection to the next.

    Raises:
        ValueError: the topic or the data is too long.
    """
    name = topic.encode()
    body = data.encode() if isinstance(data, str) else data
    if len(name) > LONGEST_TOPIC:
        raise ValueError(f"a topic has {LONGEST_TOPIC} bytes at most, not {len(name)}")
    if len(body) > LARGEST_DATA:
        raise ValueError(f"a message has {LARGEST_DATA} bytes at most, not {len(body)}")
    return _KIND_AND_LENGTH.pack(isinstance(data, str), len(name)) + name + body


def numbered(number: int) -> bytes:
    """Return the beginning of a frame."""
    return _NUMBER.pack(number)


def decode(frame: bytes) -> tuple[int, str, Data]:
    """Return number, topic and data of a frame.

    Raises:
        ValueError: it is none.
    """
    try:
        (number,) = _NUMBER.unpack_from(frame)
        is_text, length = _KIND_AND_LENGTH.unpack_from(frame, _NUMBER.size)
    except struct.error as error:
        raise ValueError(str(error)) from None
    topic, data = frame[HEAD : HEAD + length], frame[HEAD + length :]
    return number, topic.decode(), data.decode() if is_text else data
