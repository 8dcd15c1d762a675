"""Conversations of apps (tests/serving/app_messages.toml): the messages of each, and what a client gets of them."""

import socket
import tomllib
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

DATA = Path(__file__).parent.parent / "serving" / "app_messages.toml"

Message = dict[str, Any]

# What stands as [type, text] in the data, and what as [type, members].
_TYPES: dict[str, Callable[[str], Any]] = {
    "str": str,
    "bytes": str.encode,
    "bytearray": lambda text: bytearray(text.encode()),
    "memoryview": lambda text: memoryview(text.encode()),
    "every second": lambda text: memoryview(text.encode())[::2],
    "released": lambda text: _released(memoryview(text.encode())),
    "shorts": lambda text: array("H", text.encode()),
    "half": lambda _: "\ud800",
    "none": lambda _: None,
    "enum": lambda text: HTTPStatus(int(text)),
    "open": lambda text: _opened(text.encode()),
    "closed": lambda text: _closed(_opened(text.encode())),
}
_CONTAINERS: dict[str, Callable[[list[Any]], Any]] = {
    "iterator": iter,
    "dict": dict,
    "many": lambda given: given[0] * given[1],
}


def _opened(data: bytes) -> IO[bytes]:
    """Return an open file with this in it."""
    file = TemporaryFile()  # noqa: SIM115 - the app that sends it lets go of it
    file.write(data)
    file.seek(0)
    return file


def _closed(file: IO[bytes]) -> IO[bytes]:
    file.close()
    return file


def _released(view: memoryview) -> memoryview:
    view.release()
    return view


@dataclass
class Conversation:
    """One of the data; `is_session` where it is a WebSocket's."""

    name: str
    rule: str
    verdict: str
    is_session: bool
    says: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    differs: dict[str, list[str]] = field(default_factory=dict)
    start: Message = field(default_factory=dict)
    body: list[Message] = field(default_factory=lambda: [{"body": "body"}])
    trailers: list[Message] = field(default_factory=list)
    hint: list[Message] = field(default_factory=list)
    accept: Message = field(default_factory=dict)
    send: list[Message] = field(default_factory=list)
    close: Message = field(default_factory=dict)
    messages: list[Message] | None = None

    def play(self, denies: bool) -> list[Message]:
        """Return the messages as the app sends them; `denies` where they refuse a WebSocket."""
        messages = self._all(denies) if self.messages is None else self.messages
        return [
            _read(message, denies and not self.is_session)
            for message in messages
            for _ in range(message.get("times", 1) if isinstance(message, dict) else 1)
        ]

    def _all(self, denies: bool) -> list[Message]:
        if self.is_session:
            sent = [{"type": "websocket.send", **each} for each in self.send]
            return [{"type": "websocket.accept", **self.accept}, *sent, {"type": "websocket.close", **self.close}]
        return [
            *({"type": "http.response.early_hint", **each} for each in self.hint),
            {"type": "http.response.start", "status": 403 if denies else 200, **self.start},
            *({"type": "http.response.body", **each} for each in self.body),
            *({"type": "http.response.trailers", **each} for each in self.trailers),
        ]


def read() -> list[Conversation]:
    """Return all of the data."""
    data = tomllib.loads(DATA.read_text())
    return [
        Conversation(**each, is_session=kind == "session") for kind in ("response", "session") for each in data[kind]
    ]


def _read(message: Message, denies: bool) -> Message:
    """Return a message of the data as one of ASGI."""
    if not isinstance(message, dict):
        return _value(message, False)
    made = {key: _value(value, key in ("body", "headers", "links")) for key, value in message.items()}
    if denies and str(made.get("type")).startswith("http."):
        made["type"] = "websocket." + made["type"]
    return made


def _value(value: Any, is_bytes: bool) -> Any:
    if isinstance(value, list):
        if len(value) == 2 and isinstance(value[0], str) and value[0] in _TYPES:
            return _TYPES[value[0]](value[1])
        if len(value) == 2 and isinstance(value[0], str) and value[0] in _CONTAINERS:
            return _CONTAINERS[value[0]](_value(value[1], is_bytes))
        return [_value(each, is_bytes) for each in value]
    if not isinstance(value, str):
        return value
    start, _, count = value.rpartition("*")
    text = start * int(count) if count.isdigit() and start else value
    return text.encode("latin-1") if is_bytes else text


# What has come: the status, the fields of the head, and what is behind it, None where its end is missing.
Got = tuple[int, dict[str, str], bytes | None]


def of_text(sock: socket.socket) -> Got:
    """Read an answer of HTTP/1.1 behind which the connection ends, and the hints before it."""
    data = b""
    while True:
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            piece = b""
        data += piece
        while data.startswith(b"HTTP/1.1 10") and not data.startswith(b"HTTP/1.1 101") and b"\r\n\r\n" in data:
            data = data.partition(b"\r\n\r\n")[2]
        head, end, body = data.partition(b"\r\n\r\n")
        opened = data.startswith(b"HTTP/1.1 101")
        if not piece or (opened and end and close_of(body)):
            break
    assert end, data
    line, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    status = int(line.split()[1])
    length = fields.get("content-length")
    cut = len(body) != int(length) if length and status != 304 else not opened and _lacks_last_chunk(fields, body)
    return status, fields, None if cut else body


def _lacks_last_chunk(fields: dict[str, str], body: bytes) -> bool:
    return "transfer-encoding" in fields and not (b"0\r\n" in body and body.endswith(b"\r\n\r\n"))


def of_frames(sock: socket.socket) -> Got:
    """Read the answer on stream 1 of HTTP/2."""
    from support import frames

    client, fields, body = frames.Frames(sock), dict[str, str](), b""
    while (came := client.read()) is not None and came.kind not in (frames.RST_STREAM, frames.GOAWAY):
        if came.kind == frames.HEADERS and came.fields.get(b":status") not in (b"103", None):
            fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in came.fields.items()}
        body += came.payload if came.kind == frames.DATA else b""
        if (came.stream and came.flags & frames.END_STREAM) or close_of(body):
            return int(fields[":status"]), fields, body
    return int(fields.get(":status", "0")), fields, None  # What is reset may be so before its head has left.


def close_of(data: bytes) -> int:
    """Return the code of the close among these frames of a server, 0 where it has not come (RFC 6455 section 5.2)."""
    at = 0
    while at + 4 <= len(data):
        if data[at] == 0x88:
            return int.from_bytes(data[at + 2 : at + 4], "big")
        at += 2 + data[at + 1]
    return 0
