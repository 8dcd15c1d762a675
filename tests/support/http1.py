"""An HTTP/1.1 client that sends just the bytes it is told to, and reads one response at a time."""

import fcntl
import socket
import struct
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPMessage, parse_headers
from pathlib import Path
from typing import Self

Target = tuple[str, int] | Path | str

# Seconds that a read waits for the server.
TIMEOUT = 10.0


def connect(target: Target, timeout: float = TIMEOUT) -> socket.socket:
    """A connection to host and port, to the path of a UNIX socket, or to an abstract name with its `@`."""
    if isinstance(target, tuple):
        return socket.create_connection(target, timeout)
    name = str(target)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(timeout)
    # uWSGI counts the terminating NUL as part of an abstract name.
    sock.connect(b"\0" + name[1:].encode() + b"\0" if name.startswith("@") else name)
    return sock


def count_waiting(sock: socket.socket) -> int:
    """Count the bytes that wait for the reader of this socket in the kernel."""
    return _ask_kernel(sock, termios.FIONREAD)


def is_read(sock: socket.socket) -> bool:
    """Return True if the other side has read all that was sent here, over a UNIX socket (unix(7))."""
    return _ask_kernel(sock, termios.TIOCOUTQ) == 0


def _ask_kernel(sock: socket.socket, request: int) -> int:
    (answer,) = struct.unpack("i", fcntl.ioctl(sock, request, bytes(4)))
    return int(answer)


@dataclass(frozen=True)
class Response:
    """A response; `body` is what came of it, whole or not."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Http1:
    """One connection."""

    def __init__(self, target: Target, timeout: float = TIMEOUT) -> None:
        self.socket = connect(target, timeout)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def request(self, path: str, method: str = "GET", body: bytes = b"", /, **headers: str) -> None:
        """Send a request; an underscore in a header's name stands for a hyphen."""
        lines = [f"{method} {path} HTTP/1.1", "Host: test"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}"] if body or method == "POST" else []
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def get(self, path: str = "/", **headers: str) -> Response:
        """Send a GET and read its response."""
        self.request(path, **headers)
        return self.response()

    def post(self, path: str, body: bytes, **headers: str) -> Response:
        """Send a POST and read its response."""
        self.request(path, "POST", body, **headers)
        return self.response()

    def head(self) -> Response:
        """Read the next response's head; the body is left to read.

        Raises:
            ConnectionError: the server closed the connection instead.
        """
        line = self._file.readline()
        if not line:
            raise ConnectionResetError("closed without a response")
        return Response(int(line.split()[1]), parse_headers(self._file), b"")

    def response(self) -> Response:
        """Read the next response whole. Raises like `head`."""
        head = self.head()
        return Response(head.status, head.headers, b"".join(self._body(head.headers)))

    def _body(self, headers: HTTPMessage) -> Iterator[bytes]:
        if headers.get("transfer-encoding", "") == "chunked":
            while chunk := self.chunk():
                yield chunk
        elif (length := headers.get("content-length")) is not None:
            yield self._exactly(int(length))
        else:
            yield self._file.read()

    def chunk(self) -> bytes:
        """Read one chunk of a chunked body; the last one is empty."""
        line = self._file.readline()
        if not line:
            raise ConnectionResetError("closed within a body")
        chunk = self._exactly(int(line, 16))
        self._exactly(2)
        return chunk

    def line(self) -> bytes:
        """Read one line of a body."""
        return self._file.readline()

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise ConnectionResetError("closed within a body")
        return data

    def rest(self) -> bytes:
        """Read until the server closes the connection."""
        return self._file.read()

    def is_open(self, wait: float = 0.0) -> bool:
        """Whether the server has neither closed nor sent anything after `wait` seconds."""
        self.socket.settimeout(wait)
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except (BlockingIOError, TimeoutError):
            return True
        except ConnectionError:
            return False
        finally:
            self.socket.settimeout(TIMEOUT)


def post_head(client: Http1, path: str, *lines: str) -> None:
    """Send the head of a POST."""
    client.send("\r\n".join([f"POST {path} HTTP/1.1", "Host: t", *lines, "", ""]).encode())
