"""Messages from the bytes of a WebSocket, and bytes from messages (RFC 6455 section 5).

A whole message in one uncompressed frame that came in one read, which is what nearly every message is, is taken apart
here. Everything else, fragments, compression, control frames and faults, is the business of websockets' sans-I/O
protocol, which is made when it is first needed and let go when nothing of it is pending.
"""

import logging
import struct
from collections.abc import Sequence

from websockets.extensions import Extension
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side, State

try:
    from websockets.speedups import apply_mask
except ImportError:  # Where it was installed without a compiler.
    from websockets.utils import apply_mask

# Not all of the range's versions have them by these names.
CONT, TEXT, BINARY, CLOSE, PONG = Opcode.CONT, Opcode.TEXT, Opcode.BINARY, Opcode.CLOSE, Opcode.PONG

# Bytes and frames that are taken apart at a time, between which others have their turn: messages are bounded by what
# they came in, however small they are. A byte may stand for a thousand where messages are compressed: there so many
# bytes of a frame weigh as much as one frame more.
SLICE, FRAMES, DEFLATED_WEIGHT = 16384, 12, 32

# A fragment with fewer bytes brings nothing by itself; a whole message makes up for so many of them.
FRAGMENT, FRAGMENTS_OF_A_MESSAGE = 64, 8

# The first byte of a frame that is a whole message: FIN and the opcode.
_TEXT, _BINARY = 0x80 | TEXT, 0x80 | BINARY

# The bit of a client's frame that says it is masked, as all of a client's are (RFC 6455 section 5.1).
_MASKED = 0x80

# The second byte of a masked frame whose length has eight bytes.
_LONG = _MASKED | 127

# Our own log has these lines already.
_quiet = logging.getLogger("trio_worker.websockets")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False

Message = str | bytes


class Messages:
    """The messages of one session.

    Args:
        max_size: bytes that a message may have, also once it is inflated.
        extensions: that the handshake has agreed on.

    Attributes:
        closed: the client's code and reason when it has closed, ours when what it sent is against the protocol.
        broken: whether that was against the protocol.
        deflated: whether a message may become larger than what comes of it.
        pongs: how many pongs have come.
        idle: how many frames of the last piece have brought nothing, beyond what its messages make up for.
        rest: the bytes that have been read and not been taken apart yet.
    """

    __slots__ = (
        "_extensions",
        "_fragments",
        "_head",
        "_is_text",
        "_max_size",
        "_partial",
        "_protocol",
        "_size",
        "_skip",
        "broken",
        "closed",
        "deflated",
        "idle",
        "pongs",
        "rest",
    )

    def __init__(self, max_size: int, extensions: Sequence[Extension] = ()) -> None:
        self._max_size = max_size
        self._extensions, self.deflated = extensions, bool(extensions)
        self._protocol: Protocol | None = None
        # Of the frame that is on its way: its incomplete head, or how many bytes of it are to come.
        self._head = b""
        self._skip = 0
        self.rest = b""
        # The message that is on its way, None between two.
        self._fragments: list[bytes] | None = None
        self._is_text = False
        # Bytes of its fragments, and of the frame that is on its way.
        self._size = self._partial = 0
        self.closed: tuple[int, str] | None = None
        self.broken = False
        self.pongs = self.idle = 0

    @property
    def has_more(self) -> bool:
        """True if bytes have been read that have not been taken apart."""
        return bool(self.rest)

    def take(self, data: bytes, messages: list[Message]) -> bytes:
        """Take apart what came, or what is left of it for b"", and return what has to be answered at once.

        Args:
            data: the next bytes; there must be nothing left of the last ones.
            messages: where the messages go.
        """
        size = len(data)
        if self._protocol is None and size > 6 and data[0] in (_TEXT, _BINARY):
            start, length = 6, data[1] - _MASKED
            if length == 126:
                start, length = 8, data[2] << 8 | data[3]
            if start + length == size and length <= self._max_size and data[1] != _LONG:
                payload = apply_mask(data[start:], data[start - 4 : start])
                try:
                    messages.append(payload if data[0] == _BINARY else payload.decode())
                    return b""
                except UnicodeDecodeError:
                    pass  # The library says so to the client.
        return self._take_slice(data or self.rest, messages)

    def _take_slice(self, data: bytes, messages: list[Message]) -> bytes:
        protocol = self._protocol or self._make_protocol()
        was_open = protocol.state is State.OPEN
        size = self._follow(data[:SLICE])
        self.rest = data[size:]
        protocol.receive_data(data[:size])
        self.idle = 0
        try:
            for frame in protocol.events_received():
                if isinstance(frame, Frame):
                    self._take_frame(frame, messages)
        except UnicodeDecodeError as error:
            if was_open:
                return self._fail_text(protocol, f"{error.reason} at position {error.start}")
        answer = b"".join(protocol.data_to_send())
        if protocol.state is not State.OPEN:
            if was_open and self._fragments is not None and protocol.close_rcvd is not None:
                answer = _echo(protocol, answer)
            self._note_end(protocol)
        elif self._fragments is None and not (self._extensions or self._head or self._skip):
            self._protocol = None
        return answer

    def _follow(self, data: bytes) -> int:
        """Return how many bytes are taken apart now, and note where in a frame they end (RFC 6455 section 5.2)."""
        before = len(self._head)
        data = self._head + data
        at, end, frames = self._skip, len(data), 0
        if at <= end:
            self._partial = 0
        while at + 2 <= end:
            if frames >= FRAMES:
                end = at
                break
            size, length = 2 + 4 * (data[at + 1] >> 7), data[at + 1] & 127
            extended = {126: 2, 127: 8}.get(length, 0)
            if at + size + extended > end:
                break
            if extended:
                length = int.from_bytes(data[at + 2 : at + 2 + extended], "big")
            at += size + extended + length
            frames += 1 + (length // DEFLATED_WEIGHT if self._extensions else 0)
        self._head, self._skip = data[at:end], max(0, at - end)
        if self._skip:
            self._partial += end - before
        return end - before

    def _make_protocol(self) -> Protocol:
        self._protocol = protocol = Protocol(Side.SERVER, max_size=self._max_size, logger=_quiet)
        protocol.extensions = list(self._extensions)
        return protocol

    def _take_frame(self, frame: Frame, messages: list[Message]) -> None:
        if frame.opcode is PONG:
            self.pongs += 1
        if frame.opcode not in (TEXT, BINARY, CONT):
            self.idle += 1
            return
        if frame.opcode is not CONT:
            self._fragments, self._size, self._is_text = [], 0, frame.opcode is TEXT
        if self._fragments is None:
            return
        if frame.data:
            self._fragments.append(bytes(frame.data))
            self._size += len(frame.data)
        if not frame.fin:
            self.idle += len(frame.data) < FRAGMENT
        else:
            self.idle -= FRAGMENTS_OF_A_MESSAGE
            whole, self._fragments, self._size = b"".join(self._fragments), None, 0
            messages.append(whole.decode() if self._is_text else whole)

    def _fail_text(self, protocol: Protocol, reason: str) -> bytes:
        """End by 1007 for text that is not UTF-8, whatever has come behind it in one piece (RFC 6455 section 8.1)."""
        if protocol.state is State.OPEN:
            protocol.fail(CloseCode.INVALID_DATA, reason)
        fault = Close(CloseCode.INVALID_DATA, reason)
        answer = _replace_close(protocol, b"".join(protocol.data_to_send()), fault.serialize())
        self.closed, self.broken, self.rest = (int(fault.code), fault.reason), True, b""
        return answer

    def _note_end(self, protocol: Protocol) -> None:
        """Take note that the client has closed, or has broken the protocol; what it still sends is dropped."""
        received, sent = protocol.close_rcvd, protocol.close_sent
        if self.closed is not None:
            pass  # The first end is the one that counts.
        elif received is not None:
            self.closed = (int(received.code), received.reason)
        elif protocol.eof_sent and sent is not None:
            self.closed, self.broken = (int(sent.code), sent.reason), True
        if self.closed is not None:
            self.rest = b""
        if (error := protocol.parser_exc) is not None:
            error.__traceback__ = error.__context__ = None  # Its frames know the protocol.

    def close(self, code: int, reason: str) -> bytes:
        """Return the frame that closes our side, b"" where it is closed already."""
        protocol = self._protocol or self._make_protocol()
        if protocol.state is not State.OPEN:
            return b""
        protocol.send_close(code, reason)
        return b"".join(protocol.data_to_send())

    @property
    def held(self) -> int:
        """The bytes that are kept of the message that is on its way."""
        return self._size + self._partial

    def refuse(self, code: CloseCode, reason: str) -> bytes:
        """Return what ends a session that costs more than it pays; what its client sends is dropped."""
        protocol = self._protocol or self._make_protocol()
        if protocol.state is State.OPEN:
            protocol.fail(code, reason)
        self._fragments, self._size, self._partial = None, 0, 0
        self._note_end(protocol)
        return b"".join(protocol.data_to_send())

    def ping(self) -> bytes:
        """Return a ping."""
        return b"\x89\x00"

    def pack(self, message: Message) -> bytes:
        """Return the frame of a message."""
        opcode, data = (_TEXT, message.encode()) if isinstance(message, str) else (_BINARY, message)
        if self._extensions:
            protocol = self._protocol or self._make_protocol()
            if protocol.state is State.OPEN:
                (protocol.send_text if opcode == _TEXT else protocol.send_binary)(data)
                return b"".join(protocol.data_to_send())
        size = len(data)
        if size < 126:
            return bytes((opcode, size)) + data
        if size < 65536:
            return struct.pack("!BBH", opcode, 126, size) + data
        return struct.pack("!BBQ", opcode, 127, size) + data


def _echo(protocol: Protocol, answer: bytes) -> bytes:
    """Return the answer to a client that has closed amid a message: with its own code, not with 1002.

    The library takes the message that will never be whole for a fault. But a close may come between fragments like any
    control frame (RFC 6455 section 5.4), and is answered by its code (section 5.5.1).
    """
    received = protocol.close_rcvd
    assert received is not None
    payload = b"" if received.code == CloseCode.NO_STATUS_RCVD else received.serialize()
    return _replace_close(protocol, answer, payload)


def _replace_close(protocol: Protocol, answer: bytes, payload: bytes) -> bytes:
    """Return the answer with this close frame at its end in the place of the library's."""
    sent = protocol.close_sent
    assert sent is not None
    last = b"" if sent.code == CloseCode.NO_STATUS_RCVD else sent.serialize()
    return answer.removesuffix(Frame(CLOSE, last).serialize(mask=False)) + Frame(CLOSE, payload).serialize(mask=False)
