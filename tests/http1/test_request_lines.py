"""A bad request line is refused in the same words however it comes: alone, behind others, behind bodies, in pieces."""

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from itertools import islice

import pytest
from corpus import targets
from corpus.case import request
from support.certificates import Authority
from support.http1 import Http1, is_read
from support.https import Https
from support.one_rule import PROTOCOLS, Secure
from support.uwsgi import Server, Servers
from support.waiting import eventually

# What llhttp takes and RFC 9112 section 3 does not, and all that the corpus has refused.
BLANKS = [
    request(line)
    for line in (
        "GET  /scope HTTP/1.1",
        "GET /scope  HTTP/1.1",
        "GET  /scope  HTTP/1.1",
        "POST  /scope HTTP/1.1",
        "GET  http://t/scope HTTP/1.1",
        "GET /scope?a  HTTP/1.0",
        "GET /scope RTSP/1.0",
        "GET /scope#a HTTP/1.1",
    )
]
REFUSED = [case.data for case in targets.CASES if case.end == "closed" and isinstance(case.answers[0], int)]

GET = b"GET /scope HTTP/1.1\r\nHost: t\r\nTE: x\r\n\r\n"
POST = b"POST /digest HTTP/1.1\r\nHost: t\r\n"
BODY = POST + b"Content-Length: 8\r\n\r\n12\r\n\r\n78"
CHUNKS = POST + b"Transfer-Encoding: chunked\r\n\r\n8;x=y\r\n12\r\n\r\n78\r\n"

# What a connection has served before, in pieces; the line comes with the last of them.
BEFORE: dict[str, list[bytes]] = {
    "nothing": [],
    "line breaks": [b"\r\n\r\n"],
    "a plain request": [b"GET /scope HTTP/1.1\r\nHost: t\r\n\r\n"],
    "a request": [GET],
    "a head in pieces": [GET[:20], GET[20:]],
    "a head that is cut at its end": [GET[:-3], GET[-3:]],
    "an Upgrade that is not followed": [GET.replace(b"TE: x", b"Connection: upgrade\r\nUpgrade: x")],
    "a body": [BODY],
    "a body in pieces": [BODY[:-4], BODY[-4:]],
    "chunks": [CHUNKS + b"0\r\n\r\n"],
    "chunks in pieces": [CHUNKS[:-6], CHUNKS[-6:] + b"0\r\n\r", b"\n"],
    "trailers": [CHUNKS + b"0\r\nX: y\r\n\r\n"],
    "trailers in pieces": [CHUNKS + b"0\r\nX: y\r", b"\n\r", b"\n"],
}

# A line, the pieces in which it is sent, and how many answers come before its own.
Sent = tuple[bytes, list[bytes], int]

# Status and body of the refusal, and what comes behind it; and those of each line.
Answer = tuple[int, bytes, bytes]
Answers = dict[bytes, Answer]

# Connections open at once.
AT_ONCE = 64


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Secure:
    return Secure(authority)


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, secure: Secure) -> Server:
    return module_uwsgi(module="mirror:app", disable_logging=True, https_socket=secure.option)


@pytest.fixture(scope="module")
def alone(server: Server) -> Answers:
    """The answers to lines that come alone."""
    sent = [(data, [data], 0) for data in (*BLANKS, *REFUSED)]
    return dict(ask(lambda: Http1(server.unix_path), sent))


def ask(open_one: Callable[[], Http1], sent: Iterable[Sent]) -> Iterator[tuple[bytes, Answer]]:
    """Yield what each of these lines gets, many at a time."""
    left = iter(sent)
    while batch := list(islice(left, AT_ONCE)):
        with ExitStack() as stack:
            clients = [stack.enter_context(open_one()) for _ in batch]
            for number in range(max(len(pieces) for _, pieces, _ in batch)):
                for client, (_, pieces, _) in zip(clients, batch, strict=True):
                    with suppress(ConnectionError):  # Refused already, and closed.
                        client.send(b"".join(pieces[number : number + 1]))
                eventually(partial(are_read, clients))
            for client, (data, _, before) in zip(clients, batch, strict=True):
                yield data, answer_of(client, before)


def are_read(clients: list[Http1]) -> bool:
    """Return True if all that was sent has been read. Over TLS each piece is a record of its own, and read as one."""
    return all(each.socket.family != socket.AF_UNIX or is_read(each.socket) for each in clients)


def answer_of(client: Http1, before: int) -> Answer:
    """The answer behind so many others."""
    for _ in range(before):
        assert client.response().status == 200
    answer = client.response()
    return answer.status, answer.body, client.rest()


def behind(name: str, data: bytes, more: bytes) -> Sent:
    """A line in the last of the pieces, as BEFORE says, and more behind it."""
    *first, last = BEFORE[name] or [b""]
    return data, [*first, last + data + more], int(b" /" in b"".join(BEFORE[name]))


def cut(sent: Sent, at: int) -> Sent:
    """The same with the line cut there."""
    data, (*first, last), before = sent
    at += last.index(data)
    return data, [*first, last[:at], last[at:]], before


def good(data: bytes) -> bytes:
    """The request that llhttp finds in it, as it should be, and a plain one."""
    method, target, *_ = (*data.split(b"\r\n", 1)[0].split(), b"/", b"/")
    return b"%b %b HTTP/1.1\r\nHost: t\r\n\r\n" % (method, target) + GET


def wrong(answers: Answers, found: Iterable[tuple[bytes, Answer]]) -> list[tuple[bytes, Answer, Answer]]:
    return [(data, answer, answers[data]) for data, answer in found if answer != answers[data]]


def test_each_is_refused(alone: Answers) -> None:
    assert all(status >= 400 and body and not rest for status, body, rest in alone.values())
    assert len(alone) > 40


@pytest.mark.parametrize("name", BEFORE)
@pytest.mark.parametrize("more", [lambda data: b"", good], ids=["", "and before the same line as it should be"])
def test_behind(server: Server, alone: Answers, name: str, more: Callable[[bytes], bytes]) -> None:
    sent = [behind(name, data, more(data)) for data in alone]
    assert wrong(alone, ask(lambda: Http1(server.unix_path), sent)) == []


@pytest.mark.parametrize("name", ["nothing", "a body", "chunks"])
def test_split_at_every_byte(server: Server, alone: Answers, name: str) -> None:
    lines = [*BLANKS, *REFUSED[::4]]
    sent = [cut(behind(name, data, good(data)), at) for data in lines for at in range(1, min(len(data), 60))]
    assert wrong(alone, ask(lambda: Http1(server.unix_path), sent)) == []


def test_byte_by_byte(server: Server, alone: Answers) -> None:
    def pieces(data: bytes) -> list[bytes]:
        end = data.index(b"\r\n\r\n") + 3
        return [*(data[at : at + 1] for at in range(end)), data[end:] + good(data)]

    assert wrong(alone, ask(lambda: Http1(server.unix_path), [(data, pieces(data), 0) for data in BLANKS])) == []


@pytest.mark.parametrize("name", BEFORE)
def test_over_tls(server: Server, secure: Secure, alone: Answers, name: str) -> None:
    def open_one() -> Http1:
        sock = secure.connect(server, PROTOCOLS["http/1.1 tls"])
        assert isinstance(sock, ssl.SSLSocket)
        return Https(sock)

    sent = [behind(name, data, good(data)) for data in (*BLANKS, *REFUSED[::4])]
    assert wrong(alone, ask(open_one, sent)) == []
