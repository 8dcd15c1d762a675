"""Requests that no app sees have an id all the same, in their answers and in the log, in every protocol."""

import re

import h2.events
import pytest
from support.figures import scrape, total, with_status
from support.http1 import Http1, connect
from support.http2 import Http2
from support.packets import ask, read, request
from support.uwsgi import Server, Servers
from support.waiting import eventually

NAME = "x-request-id"
FORMAT = "LINE %(uri) %(status) id=%(request_id)"


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(
        trio_request_id=NAME,
        log_format=FORMAT,
        limit_post=10,
        trio_health="/health",
        trio_max_requests_in_flight=1,
        trio_queue_timeout=0.1,
    )


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET / HTTP/1.1\r\nX-Request-ID: {id}\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: t\r\nX-Request-ID: {id}\r\nContent-Length: 11\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: t\r\nX-Request-ID: {id}\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
def test_what_is_refused_in_http_1_has_the_clients_id(server: Server, head: str, status: int) -> None:
    with Http1(server.address) as client:
        client.send(head.format(id=f"one-{status}").encode())
        answer = client.response()
    assert (answer.status, answer.headers[NAME]) == (status, f"one-{status}")
    server.wait_log(rf"refused a request from .*: {status} .* \(x-request-id one-{status}\)$")


def test_a_head_that_cannot_be_read_gets_a_new_id(server: Server) -> None:
    with Http1(server.address) as client:
        client.send(b"NONSENSE\r\n\r\n")
        answer = client.response()
    assert re.fullmatch("[0-9a-f]{32}", answer.headers[NAME])
    server.wait_log(answer.headers[NAME])


def test_the_id_is_not_that_of_the_request_before(server: Server) -> None:
    with Http1(server.address) as client:
        assert client.get("/headers", X_Request_ID="before").headers[NAME] == "before"
        client.send(b"GET / HTTP/9.9\r\nHost: t\r\n\r\n")
        assert client.response().headers[NAME] != "before"


def test_what_is_refused_in_http_2_has_the_clients_id(server: Server) -> None:
    with Http2(server.address).begin() as client:
        stream = client.request("/", "POST", bytes(11), x_request_id="two", content_length="11")
        head = client.wait(h2.events.ResponseReceived, lambda event: event.stream_id == stream)
    assert dict(head.headers)[b":status"] == b"413"
    assert dict(head.headers)[NAME.encode()] == b"two"
    server.wait_log(r"413 .* \(x-request-id two\)$")


def test_what_is_refused_behind_a_packet_has_the_clients_id(server: Server) -> None:
    with connect(server.address) as sock:
        sock.sendall(request("/", REQUEST_METHOD="POST", CONTENT_LENGTH="11", HTTP_X_REQUEST_ID="three"))
        sock.sendall(bytes(11))
        answer = read(sock)
    assert (answer.status, answer.headers[NAME]) == (413, "three")
    assert re.fullmatch("[0-9a-f]{32}", ask(server.address, request("/", REQUEST_METHOD="B\nAD")).headers[NAME])


def test_a_websocket_that_is_refused_has_the_clients_id(server: Server) -> None:
    with Http1(server.address) as client:
        client.request(
            "/ws", Connection="Upgrade", Upgrade="websocket", Sec_WebSocket_Version="12", X_Request_ID="four"
        )
        answer = client.response()
    assert (answer.status, answer.headers[NAME]) == (426, "four")
    server.wait_log(r"refused a WebSocket from .* \(x-request-id four\)$")


def test_what_the_gate_answers_has_the_clients_id(server: Server) -> None:
    with Http1(server.address) as first, Http1(server.address) as second:
        assert second.get("/health", X_Request_ID="five").headers[NAME] == "five"
        begun = server.count("sleeping")
        first.request("/sleep?seconds=3")
        server.wait_log("sleeping", begun + 1)
        answer = second.get("/shed", X_Request_ID="six")
        assert (answer.status, answer.headers[NAME]) == (503, "six")
        server.wait_log("^LINE /shed 503 id=six$")
        assert first.response().status == 200


def test_without_the_option_there_is_none(uwsgi: Servers) -> None:
    server = uwsgi()
    with Http1(server.address) as client:
        client.send(b"GET / HTTP/1.1\r\nX-Request-ID: one\r\n\r\n")
        assert NAME not in client.response().headers


def test_the_other_engine_counts_what_its_apps_receive_and_send(uwsgi: Servers) -> None:
    server = uwsgi(trio_engine="hypercorn", trio_metrics_interval=0.1, **with_status())
    with Http1(server.address) as client:
        assert client.post("/echo", b"x" * 1000).body == b"x" * 1000

    def counted() -> bool:
        found = scrape(server)
        return (
            total(found, "http_server_request_body_size_bytes_sum") == 1000
            and total(found, "http_server_response_body_size_bytes_sum") == 1000
            and total(found, "trio_received_bytes_total") == 1000
        )

    eventually(counted)
