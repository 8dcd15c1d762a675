"""The MUSTs of HTTP/2 for a server (RFC 9113, RFC 7541, RFC 8441, RFC 9218), in the clear and in TLS."""

import socket
import ssl
import struct
from collections.abc import Callable, Iterator

import pytest
from http2_cases import CASES, Answered, Case, Fatal, Ignored, Refused
from support.certificates import Authority, connect_tls
from support.frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GET,
    GOAWAY,
    HEADERS,
    PING,
    POST,
    PREFACE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    Frames,
    frame,
    headers,
    reset,
    settings,
    window,
)
from support.http1 import connect
from support.uwsgi import Server, Servers

Connect = Callable[[], socket.socket]

# The stream of the request that shows whether a connection goes on.
LAST = 1001


@pytest.fixture(scope="module")
def shared(module_uwsgi: Servers, authority: Authority) -> Server:
    certificate, key = authority.serve("server.test")
    return module_uwsgi(trio_certfile=certificate, trio_keyfile=key, trio_clear_text="true")


@pytest.fixture(scope="module", params=["clear", pytest.param("tls", marks=pytest.mark.long)])
def connected(shared: Server, authority: Authority, request: pytest.FixtureRequest) -> Connect:
    context = authority.client_context("h2")

    def in_tls() -> ssl.SSLSocket:
        return connect_tls(shared.address, context)

    return in_tls if request.param == "tls" else lambda: connect(shared.address)


@pytest.fixture
def client(connected: Connect) -> Iterator[Frames]:
    with Frames(connected()) as frames:
        yield frames


def goes_on(client: Frames) -> None:
    """Assert that the connection serves another request."""
    client.send(headers(LAST))
    assert client.wait(HEADERS, LAST).status == 200


def ends(client: Frames, *codes: int) -> None:
    """Assert that the connection ends, with one of these codes."""
    goodbyes = [each.code for each in client.rest() if each.kind == GOAWAY]
    assert goodbyes, client.came
    assert goodbyes[-1] in codes


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule(client: Frames, case: Case) -> None:
    client.begin(*case.values)
    client.send(case.data)
    match case.outcome:
        case Fatal(codes):
            ends(client, *codes)
        case Refused(codes, stream, or_fatal):
            _is_refused(client, codes, stream, or_fatal)
        case Answered(status, stream, body):
            assert client.wait(HEADERS, stream).status == status
            if body is not None:
                while not client.came[-1].flags & END_STREAM:
                    client.read()
                assert client.body(stream) == body
            goes_on(client)
        case Ignored():
            goes_on(client)
            assert not [each for each in client.came if each.kind in (GOAWAY, RST_STREAM)]


def _is_refused(client: Frames, codes: tuple[int, ...], stream: int, or_fatal: bool) -> None:
    """Assert that a stream is reset, or answered with an error; or that its connection ends, where that is allowed."""
    while (came := client.read()) is not None:
        if came.kind == GOAWAY and or_fatal:
            assert came.code in codes
            return
        if came.stream == stream and came.kind == RST_STREAM:
            assert came.code in codes
            goes_on(client)
            return
        if came.stream == stream and came.kind == HEADERS:
            assert came.status == 400
            goes_on(client)
            return
    raise AssertionError(f"the connection ended after {client.came}")


class TestBeginning:
    """Section 3.4."""

    def test_the_first_frame_of_the_server_is_settings(self, client: Frames) -> None:
        client.send(PREFACE, settings())
        first = client.read()
        assert first is not None
        assert (first.kind, first.flags, first.stream) == (SETTINGS, 0, 0)

    def test_what_it_says(self, client: Frames) -> None:
        """RFC 8441 section 3, RFC 9218 section 2.1, and section 6.5.2: no server enables push."""
        client.send(PREFACE, settings())
        said = dict(struct.iter_unpack("!HI", client.wait(SETTINGS).payload))
        assert said[0x8] == said[0x9] == 1
        assert said.get(0x2, 0) == 0
        assert said[0x3] >= 100

    @pytest.mark.parametrize("first", [frame(PING, 0, 0, bytes(8)), headers(1), frame(SETTINGS, ACK)])
    def test_another_first_frame_of_the_client(self, client: Frames, first: bytes) -> None:
        client.send(PREFACE, first)
        ends(client, 1)

    def test_a_preface_that_goes_wrong(self, client: Frames) -> None:
        client.send(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
        client.rest()

    def test_a_preface_byte_by_byte(self, client: Frames) -> None:
        for byte in PREFACE + settings() + headers(1):
            client.send(bytes((byte,)))
        assert client.wait(HEADERS, 1).status == 200


class TestAnswers:
    def test_settings_are_acknowledged_in_order(self, client: Frames) -> None:
        """Section 6.5.3."""
        client.begin()
        client.send(settings((0x3, 10)), frame(PING, 0, 0, b"behind 1"), settings())
        client.wait(SETTINGS, flags=ACK)
        assert client.wait(PING, flags=ACK).payload == b"behind 1"
        client.wait(SETTINGS, flags=ACK)

    def test_a_ping_comes_back(self, client: Frames) -> None:
        """Section 6.7."""
        client.begin()
        client.send(frame(PING, 0, 0, b"\x01\x02345678"))
        assert client.wait(PING, flags=ACK).payload == b"\x01\x02345678"

    def test_no_frame_is_larger_than_the_client_allows(self, client: Frames) -> None:
        """Section 4.2."""
        client.begin((0x4, 1 << 20))
        client.send(window(1 << 20), headers(1, _get("/big?size=200000")))
        while not client.came[-1].flags & END_STREAM or client.came[-1].kind == SETTINGS:
            client.read()
        assert max(len(each.payload) for each in client.came) <= 16384
        assert len(client.body(1)) == 200_000

    def test_no_more_than_the_window_lets_through(self, client: Frames) -> None:
        """Section 6.9.1."""
        client.begin((0x4, 1))
        client.send(headers(1))
        assert client.wait(DATA, 1).payload == b"h"
        client.send(window(2, 1))
        assert client.wait(DATA, 1).payload == b"el"
        client.send(window(100, 1))
        assert client.wait(DATA, 1).payload == b"lo"

    def test_a_window_that_changes_for_open_streams(self, client: Frames) -> None:
        """Section 6.9.2."""
        client.begin((0x4, 0))
        client.send(headers(1), settings((0x4, 3)))
        assert client.wait(DATA, 1).payload == b"hel"
        client.send(settings((0x4, 2)), window(1, 1), frame(PING, 0, 0, bytes(8)))
        client.wait(PING, flags=ACK)  # The window was at -1, so the one byte makes it 0.
        assert client.body(1) == b"hel"
        client.send(window(1, 1))
        assert client.wait(DATA, 1).payload == b"l"

    def test_settings_that_make_a_window_too_large(self, client: Frames) -> None:
        """Section 6.9.2."""
        client.begin((0x4, 0))
        client.send(headers(1), window((1 << 31) - 1, 1), settings((0x4, 1)))
        ends(client, 3)

    @pytest.mark.parametrize("status", [204, 304])
    def test_a_status_without_a_body(self, client: Frames, status: int) -> None:
        """RFC 9110 section 6.4.1."""
        client.begin()
        client.send(headers(1, _get(f"/status?code={status}")))
        came = client.wait(HEADERS, 1)
        assert (came.status, came.flags & END_STREAM) == (status, END_STREAM)
        goes_on(client)
        assert client.body(1) == b""

    def test_head(self, client: Frames) -> None:
        """RFC 9110 section 9.3.2."""
        client.begin()
        client.send(headers(1, ((":method", "HEAD"), *GET[1:])))
        came = client.wait(HEADERS, 1)
        assert (came.status, came.fields[b"content-length"]) == (200, b"5")
        assert came.flags & END_STREAM

    def test_nothing_of_connections_in_a_head(self, client: Frames) -> None:
        """Section 8.2.2; names are in lower case by section 8.2."""
        client.begin()
        client.send(headers(1, _get("/stream?count=1")))
        fields = client.wait(HEADERS, 1).fields
        assert fields.keys().isdisjoint({b"connection", b"transfer-encoding", b"keep-alive", b"upgrade"})
        assert all(name == name.lower() for name in fields)

    def test_nothing_is_promised(self, client: Frames) -> None:
        """Section 8.4: only to a client that allows it, and never here."""
        client.begin((0x2, 1))
        goes_on(client)
        assert PUSH_PROMISE not in [each.kind for each in client.came]

    def test_an_answer_before_the_end_of_the_request(self, client: Frames) -> None:
        """Section 8.1: all of the answer comes, then the client is asked to stop by NO_ERROR."""
        client.begin()
        client.send(headers(1, ((":method", "POST"), *GET[1:]), END_HEADERS))
        assert client.wait(HEADERS, 1).status == 200
        assert client.wait(RST_STREAM, 1).code == 0
        assert client.body(1) == b"hello"
        goes_on(client)

    def test_bodies_on_their_way_to_streams_that_were_answered(self, client: Frames) -> None:
        """Section 5.1: what comes behind an early answer is no flood, and the window of the connection stays whole."""
        client.begin()
        for stream in range(1, 51, 2):
            client.send(headers(stream, ((":method", "POST"), *GET[1:]), END_HEADERS))
            client.wait(RST_STREAM, stream)
            client.send(frame(DATA, 0, stream, bytes(16000)) * 4)
        goes_on(client)

    def test_open_streams_end_with_their_connection(self, client: Frames, shared: Server) -> None:
        """Section 5.4.1: the connection is closed at once, the app is told, and the fault is not the app's."""
        cancelled = shared.count("sleep cancelled")
        client.begin()
        client.send(headers(1, _get("/sleep?seconds=30")), headers(3, POST, END_HEADERS))
        shared.wait_log("sleeping", cancelled + 1)
        client.send(frame(PING, 0, 1, bytes(8)))
        ends(client, 1)
        shared.wait_log("sleep cancelled", cancelled + 1)
        assert not shared.count("exception in")

    def test_goaway_names_the_last_stream(self, client: Frames) -> None:
        """Section 6.8."""
        client.begin()
        client.send(headers(7))
        client.wait(HEADERS, 7)
        client.send(frame(PING, 0, 7, bytes(8)))
        ends(client, 1)
        (goodbye,) = [each for each in client.came if each.kind == GOAWAY]
        assert int.from_bytes(goodbye.payload[:4], "big") == 7

    def test_a_reset_is_not_answered(self, client: Frames) -> None:
        """Section 5.4.2: an endpoint must not send RST_STREAM in response to RST_STREAM."""
        client.begin()
        client.send(headers(1, _get("/sleep?seconds=5")), reset(1))
        goes_on(client)
        assert RST_STREAM not in [each.kind for each in client.came]


def _get(path: str) -> tuple[tuple[str, str], ...]:
    return (*GET[:2], (":path", path), GET[3])
