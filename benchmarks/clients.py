"""One request at a time, to see that a server answers; and connections that ask once and then stay silent."""

import contextlib
import http.client
import resource
import socket
import ssl
from collections.abc import Callable, Iterator

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
# The example of RFC 6455 section 5.7, and its echo.
MASKED_HELLO = bytes.fromhex("81 85 37 fa 21 3d 7f 9f 4d 51 58")
UNMASKED_HELLO = b"\x81\x05Hello"
# Uses a new connection once.
Use = Callable[[socket.socket], None]
# Descriptors beside the idle connections: the server's own, and its epoll sets and pipes.
SPARE_DESCRIPTORS = 512
ANSWER_SECONDS = 10.0


def allow_connections(count: int) -> None:
    """Raise the limit of open files, which the servers inherit, so that both ends can hold so many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE_DESCRIPTORS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise OSError(f"{count} connections need {wanted} open files; the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.contextmanager
def idle_connections(port: int, count: int, use: Use | None = None) -> Iterator[list[socket.socket]]:
    """Open so many connections, each of which has been used once: by a request, unless told otherwise."""
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS))
            (use or ask)(connection)
            connections.append(connection)
        yield connections


def fetch(port: int, path: str = "/", body: bytes | None = None, tls: bool = False) -> tuple[int, bytes]:
    """Return status and body of one request on a connection of its own: a GET, or a POST of JSON.

    Raises OSError or http.client.HTTPException when no answer comes.
    """
    client = _over_tls(port) if tls else http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    headers = {"Connection": "close"} | ({"Content-Type": "application/json"} if body else {})
    with contextlib.closing(client):
        client.request("POST" if body else "GET", path, body, headers)
        response = client.getresponse()
        return response.status, response.read()


def _over_tls(port: int) -> http.client.HTTPSConnection:
    """Prepare a connection that trusts whatever certificate it is shown: it was made for this measurement."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=ANSWER_SECONDS, context=context)


def ask(connection: socket.socket) -> None:
    """Send one GET and read its whole answer, whose head must tell its length. ConnectionError at an early end."""
    connection.sendall(REQUEST)
    _read_until(connection, _is_whole)


def open_websocket(connection: socket.socket) -> None:
    """Shake hands without an extension and have one message echoed. ConnectionError at an early end."""
    connection.sendall(HANDSHAKE)
    _read_until(connection, lambda answer: answer.endswith(b"\r\n\r\n"))
    connection.sendall(MASKED_HELLO)
    _read_until(connection, lambda frame: frame == UNMASKED_HELLO)


def _read_until(connection: socket.socket, is_whole: Callable[[bytes], bool]) -> None:
    answer = b""
    while not is_whole(answer):
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("closed by the server before the end of its answer")
        answer += data


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    _, found, length = head.lower().partition(b"\r\ncontent-length:")
    return bool(end and found) and len(body) >= int(length.partition(b"\r\n")[0])


def still_open(connections: list[socket.socket]) -> int:
    """How many of these silent connections the server has not closed."""
    count = 0
    for connection in connections:
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.recv(1)
            continue
        count += 1
    return count
