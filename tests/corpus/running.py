"""Sends a case over real connections, whole or in pieces, and observes what comes back."""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path

from support.http1 import Http1, Response

from corpus.case import Answer, Case, End, Saw

# Connections open at once: less than what the kernel queues for a worker that is not quick enough.
AT_ONCE = 64

PING = b"GET /~ping HTTP/1.1\r\nHost: t\r\n\r\n"
PONG = Saw("/~ping", raw_path="/~ping", headers=(("host", "t"),))

Pieces = Sequence[bytes]
Observed = list[Answer | str]


def splits(data: bytes) -> list[Pieces]:
    """Every way to send it in two pieces."""
    return [(data[:at], data[at:]) for at in range(1, len(data))]


def run(path: Path, case: Case, ways: Sequence[Pieces]) -> None:
    """Send the case in each of these ways, many at once, and compare.

    Raises:
        AssertionError: something else came back, or became of the connection.
    """
    left = iter(ways)
    while batch := list(islice(left, AT_ONCE)):
        with ExitStack() as stack:
            clients = [stack.enter_context(_Client(path, 5.0)) for _ in batch]
            _send(path, clients, batch)
            for client, pieces in zip(clients, batch, strict=True):
                _compare(client, case, pieces)


def _send(path: Path, clients: Sequence[Http1], batch: Sequence[Pieces]) -> None:
    for number in range(max(map(len, batch))):
        if number:
            _let_them_be_read(path)
        for client, pieces in zip(clients, batch, strict=True):
            if number < len(pieces):
                with suppress(ConnectionError):  # Refused already, and closed.
                    client.send(pieces[number])


def _let_them_be_read(path: Path) -> None:
    """Return when the worker has read what was sent before.

    It serves what it accepts in rounds. When a connection that came later has its answer, others of its round may still
    be waiting for theirs; when one more has, they have been served.
    """
    for _ in range(2):
        with Http1(path) as client:
            client.send(PING)
            assert client.response().status == 200


class _Client(Http1):
    """A client that reads the answers of a case."""

    def observe(self, expected: Sequence[Answer], end: End) -> Iterator[Answer | str]:
        """The answers one by one, and then what becomes of the connection."""
        last = None
        try:
            if end == "waits":
                self.socket.shutdown(socket.SHUT_WR)
            for each in expected:
                last = self._final(is_head=isinstance(each, Saw) and each.method == "HEAD")
                yield _told(last)
            if end == "kept":
                self.send(PING)
            answer = _told(self._final())
        except ConnectionError:
            yield "closed" if last is None or _says_close(last) or end == "waits" else "closed without a word"
        else:
            yield "kept" if answer == PONG and last is not None and not _says_close(last) else answer

    def _final(self, is_head: bool = False) -> Response:
        """The next response that is no interim one."""
        head = self.head()
        while head.status == 100:
            head = self.head()
        return head if is_head else Response(head.status, head.headers, b"".join(self._body(head.headers)))


def _says_close(response: Response) -> bool:
    return str(response.headers.get("connection")).lower() == "close"


def _told(response: Response) -> Answer:
    if response.status != 200:
        return response.status
    told = json.loads(response.headers.get("x-saw") or response.text)
    headers = tuple((name, value) for name, value in told.pop("headers"))
    return Saw(**told, headers=headers)


def _compare(client: _Client, case: Case, pieces: Pieces) -> None:
    got = list(client.observe(case.answers, case.end))
    expected: Observed = [*case.answers, "kept" if case.end == "kept" else "closed"]
    wanted = _blurred(expected, got)
    assert got == wanted, f"{case.name!r}, sent as {pieces}: got {got}, expected {wanted}"


def _blurred(expected: Observed, got: Observed) -> Observed:
    """What was expected, with what does not matter as it came."""
    return [_blur(want, had) for want, had in zip(expected, got, strict=False)] + expected[len(got) :]


def _blur(want: Answer | str, had: Answer | str) -> Answer | str:
    if not (isinstance(want, Saw) and isinstance(had, Saw)):
        return want
    raw_path = want.path if want.raw_path is None else want.raw_path
    headers = had.headers if want.headers is None else want.headers
    return Saw(want.path, want.method, want.body, want.query, want.version, raw_path, headers)
