"""A client that speaks the uwsgi protocol, well or badly."""

import json
import socket
import struct
from collections.abc import Iterable
from typing import Any

from support.http1 import Response, Target, connect

Variables = dict[str, str] | Iterable[tuple[str, str]]

# What every front sends.
USUAL = {
    "REQUEST_METHOD": "GET",
    "REQUEST_URI": "/",
    "PATH_INFO": "/",
    "QUERY_STRING": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "HTTP_HOST": "test",
    "CONTENT_LENGTH": "",
    "CONTENT_TYPE": "",
    "REMOTE_ADDR": "203.0.113.7",
    "REMOTE_PORT": "4711",
    "SERVER_NAME": "front.test",
    "SERVER_PORT": "80",
}


def block(variables: Variables) -> bytes:
    """The variables as the block of a packet."""
    pairs = variables.items() if isinstance(variables, dict) else variables
    words = [word.encode("latin-1") for pair in pairs for word in pair]
    return b"".join(struct.pack("<H", len(word)) + word for word in words)


def packet(data: bytes, modifier1: int = 0, modifier2: int = 0) -> bytes:
    """A whole packet around a block."""
    return struct.pack("<BHB", modifier1, len(data), modifier2) + data


def request(path: str = "/", **variables: str) -> bytes:
    """A packet with a request for `path`, which may have a query."""
    plain, _, query = path.partition("?")
    return packet(block({**USUAL, "REQUEST_URI": path, "PATH_INFO": plain, "QUERY_STRING": query, **variables}))


def post(path: str, size: int) -> bytes:
    """A packet whose body is to follow."""
    return request(path, REQUEST_METHOD="POST", CONTENT_LENGTH=str(size))


def ask(target: Target, data: bytes) -> Response:
    """Send these bytes on a connection of their own; what comes until it is closed, as a response."""
    with connect(target) as sock:
        sock.sendall(data)
        return read(sock)


def read(sock: socket.socket) -> Response:
    """Read until the server closes. Raises ConnectionError where it does so without a word."""
    from http.client import parse_headers

    with sock.makefile("rb") as file:
        line = file.readline()
        if not line:
            raise ConnectionResetError("closed without a response")
        headers = parse_headers(file)
        return Response(int(line.split()[1]), headers, file.read())


def scope(target: Target, data: bytes) -> dict[str, Any]:
    """What the app `mirror` tells of its scope."""
    response = ask(target, data)
    assert response.status == 200, response
    found: dict[str, Any] = json.loads(response.body)
    return found


def is_closed(target: Target, data: bytes) -> bool:
    """Whether the server closes the connection without a word on these bytes."""
    with connect(target) as sock:
        sock.sendall(data)
        try:
            return sock.recv(1) == b""
        except ConnectionResetError:
            return True
