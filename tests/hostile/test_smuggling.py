"""Requests with another one hidden in them: alone, and through fronts that keep their connections to the worker.

Whatever a front and the worker make of such a request, the hidden one reaches no app, and who asks next over the same
front gets his own answer.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress

import pytest
from hpack import Encoder
from hyperframe.frame import DataFrame, HeadersFrame, SettingsFrame
from smuggled import PAIRS
from smuggled.frames import PAIRS as FRAMES
from smuggled.frames import Fields, Request
from support.http1 import Http1, connect
from support.http2 import Http2
from support.nginx import NGINX, nginx
from support.routers import new_address, router
from support.uwsgi import Server, Servers

pytestmark = pytest.mark.long

Address = tuple[str, int]

# How long the answer to such a request is waited for; and how many ask next.
PATIENCE, NEXT = 0.3, 4

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@contextmanager
def front(name: str, server: Server, factory: pytest.TempPathFactory, listen: str = "") -> Iterator[Address]:
    """The address of a front before the server, or its own."""
    with ExitStack() as running:
        if name == "alone":
            yield server.address
        elif name == "http router":
            address = new_address()
            options = {"http_to": server.unix_path, "http_keepalive": 30}
            options |= {"http": f"{address[0]}:{address[1]}", "http_auto_chunked": True, "http_chunked_input": True}
            running.enter_context(router(factory.mktemp("f") / "r", address, **options))
            yield address
        else:
            if NGINX is None:
                pytest.skip("nginx is not installed")
            directory = factory.mktemp("n") / "nginx"
            yield running.enter_context(nginx(directory, name, f"unix:{server.unix_path}", listen=listen))


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="mirror:app", trio_proxy_allow="unix")


@pytest.fixture(scope="module", params=["alone", "proxy_pass.conf", "uwsgi_pass.conf", "http router"])
def address(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Address]:
    with front(request.param, server, tmp_path_factory) as found:
        yield found


@pytest.fixture(scope="module", params=["alone", "proxy_pass.conf", "uwsgi_pass.conf"])
def by_http2(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Address]:
    with front(request.param, server, tmp_path_factory, listen="http2") as found:
        yield found


def answered(address: Address, data: bytes) -> bytes:
    """What comes back for it, for as long as something comes."""
    answer = b""
    with connect(address) as client:
        with suppress(ConnectionError):
            client.sendall(data)
        client.settimeout(PATIENCE)
        with suppress(TimeoutError, ConnectionError):
            while more := client.recv(65536):
                answer += more
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
    return answer


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_hidden_stays_hidden(address: Address, name: str) -> None:
    assert b"/scope/hidden" not in answered(address, PAIRS[name])
    for number in range(NEXT):
        with Http1(address) as other:
            other.request(f"/scope/other-{number}")
            assert json.loads(other.response().body)["path"] == f"/scope/other-{number}"


# Requests whose answers have no body, whatever their heads say (RFC 9112 section 6.3).
BODILESS = {
    "HEAD": ("HEAD", "/scope/a", 200),
    "304": ("GET", "/nothing", 304),
    "304 of a HEAD": ("HEAD", "/nothing", 304),
}


@pytest.mark.parametrize("together", [True, False], ids=["pipelined", "one by one"])
@pytest.mark.parametrize("name", BODILESS)
def test_an_answer_without_a_body_does_not_shift_the_one_behind_it(
    address: Address, name: str, together: bool, request: pytest.FixtureRequest
) -> None:
    """uWSGI's router may end the connection instead: it has no pipelines, and knows a 304 by its end alone."""
    method, path, status = BODILESS[name]
    requests = [f"{each} HTTP/1.1\r\nHost: t\r\n\r\n".encode() for each in (f"{method} {path}", "GET /scope/behind")]
    with Http1(address) as client:
        client.send(requests[0] + requests[1] if together else requests[0])
        assert client.head().status == status
        with suppress(ConnectionError) if request.node.callspec.params["address"] == "http router" else nullcontext():
            if not together:
                client.send(requests[1])
            assert json.loads(client.response().body)["path"] == "/scope/behind"


def in_frames(request: Request) -> bytes:
    """The request on the first stream of a connection."""
    encoder = Encoder()
    frames = [SettingsFrame(0), head(encoder, request.fields), DataFrame(1, data=request.body.encode())]
    if request.trailers:
        frames.append(head(encoder, request.trailers))
    frames[-1].flags.add("END_STREAM")
    return PREFACE + b"".join(frame.serialize() for frame in frames)


def head(encoder: Encoder, fields: Fields) -> HeadersFrame:
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    return HeadersFrame(1, data=encoder.encode(pairs), flags=["END_HEADERS"])


@pytest.mark.parametrize("name", FRAMES)
def test_what_is_hidden_in_frames_stays_hidden(by_http2: Address, name: str) -> None:
    assert b"/scope/hidden" not in answered(by_http2, in_frames(FRAMES[name]))
    for number in range(NEXT):
        with Http2(by_http2).begin() as other:
            status, body = other.response(other.request(f"/scope/other-{number}"))
            assert (status, json.loads(body)["path"]) == (200, f"/scope/other-{number}")


def test_the_app_has_seen_none_of_them(server: Server) -> None:
    assert server.count("POST /scope/seen")
    assert not server.count("/scope/hidden")
