"""The line that uWSGI writes for every request, and which requests have one."""

import json
import re
from typing import Any

import pytest
from support.http1 import Http1, connect
from support.uwsgi import Server, Servers, Shared
from websockets.sync.client import connect as connect_websocket

DEFAULT = (
    r"^\[pid: \d+\|app: 0\|req: \d+/\d+\] {addr} \(\) \{{\d+ vars in \d+ bytes\}} \[\w{{3}} \w{{3}} [ \d]\d "
    r"\d\d:\d\d:\d\d \d{{4}}\] {request} => generated {size} bytes in \d+ msecs "
    r"\(HTTP/1\.1 {status}\) \d+ headers in \d+ bytes \(0 switches on core 0\)$"
)


def line(request: str, size: int, status: int, addr: str = r"127\.0\.0\.1") -> str:
    return DEFAULT.format(request=request, size=size, status=status, addr=addr)


def ask(server: Server, *paths: str, **headers: str) -> None:
    with Http1(server.address) as client:
        for path in paths:
            client.get(path, **headers)


def test_the_default_format(shared_uwsgi: Shared) -> None:
    server = shared_uwsgi()
    ask(server, "/", "/status?code=404")
    with Http1(server.address) as client:
        client.post("/echo", b"12345")
    server.wait_log(line("GET /", 5, 200))
    server.wait_log(line(r"GET /status\?code=404", 8, 404))
    server.wait_log(line("POST /echo", 5, 200))


def test_a_unix_socket_has_no_address(shared_uwsgi: Shared) -> None:
    server = shared_uwsgi()
    with Http1(server.unix_path) as client:
        client.get()
    server.wait_log(line("GET /", 5, 200, addr=""))


def test_a_log_format(uwsgi: Servers) -> None:
    variables = "%(method) %(uri) %(proto) %(status) %(rsize) %(addr) %(host) %(uagent) %(referer) %(cl) %(wid)"
    server = uwsgi(log_format=f"LINE {variables} %(var.HTTP_X_NAME) %(nothing) %(pid) at the end")
    ask(server, "/big?size=7", User_Agent="a browser", Referer="http://elsewhere/", X_Name="a name")
    server.wait_log(
        rf"^LINE GET /big\?size=7 HTTP/1\.1 200 7 127\.0\.0\.1 test a browser http://elsewhere/ 0 1 "
        rf"a name - {server.worker_pids()[0]} at the end$"
    )


def test_times_in_a_log_format(uwsgi: Servers) -> None:
    server = uwsgi(log_format="TOOK %(micros) %(msecs) %(secs) AT %(time) %(epoch) %(ltime)")
    ask(server, "/sleep?seconds=0.2")
    found = re.match(r"TOOK (\d+) (\d+) (\d+)\.\d{6} AT (\d+) (\d+) (.+)", server.wait_log(r"^TOOK .*"))
    assert found is not None
    micros, msecs, secs, began, now = (int(each) for each in found.groups()[:5])
    assert 200_000 <= micros < 1_000_000
    assert (msecs, secs) == (micros // 1000, 0)
    assert 0 <= now - began <= 1
    assert re.fullmatch(r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", found[6])


def test_requests_are_numbered_in_the_order_of_their_ends(uwsgi: Servers) -> None:
    server = uwsgi(log_format="NUMBER %(request) %(uri)", processes=1)
    ask(server, *(f"/?{each}" for each in range(40)))
    server.wait_log("NUMBER 40 ")
    assert re.findall(r"^NUMBER (\d+) /\?(\d+)$", server.log, re.MULTILINE) == [
        (str(each + 1), str(each)) for each in range(40)
    ]


def test_an_app_that_spoils_its_scope_loses_its_own_line_only(shared_uwsgi: Shared) -> None:
    server = shared_uwsgi()
    ask(server, "/before", "/spoil", "/after")
    server.wait_log("ERROR .*a request cannot be logged")
    server.wait_log(line("GET /before", 5, 200))
    server.wait_log(line("GET /after", 5, 200))
    assert server.count("spoil") == 0


ASKED = "WARNING app: asked for /"


@pytest.mark.parametrize("path", ["/%0Aforged", "/%0D%0Aforged", "/%1B%5B31mforged", "/%C2%9B31mforged"])
def test_what_an_app_logs_of_a_path_cannot_be_forged(shared_uwsgi: Shared, path: str) -> None:
    """The further lines of a message are indented; what a terminal would obey is written out."""
    server = shared_uwsgi(module="broken:logs_its_path")
    asked = server.count(ASKED)
    with Http1(server.address) as client:
        assert client.get(path).status == 200
    server.wait_log(ASKED, asked + 1)
    assert not [each for each in server.log.splitlines() if each.startswith("forged")]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", server.log)


PATHS = ("/", "/status?code=404", "/status?code=503", "/sleep?seconds=0.3")


@pytest.mark.parametrize(
    ("options", "logged"),
    [
        ({}, ()),
        ({"log-4xx": True}, ("404",)),
        ({"log-5xx": True}, ("503",)),
        ({"log-slow": 200}, ("sleep",)),
        ({"log-4xx": True, "log-5xx": True}, ("404", "503")),
    ],
    ids=lambda value: " ".join(value) or "none",
)
def test_disable_logging(uwsgi: Servers, options: dict[str, Any], logged: tuple[str, ...]) -> None:
    server = uwsgi(disable_logging=True, **options)
    ask(server, *PATHS)
    server.end()
    lines = re.findall(r"^\[pid: .*", server.log, re.MULTILINE)
    assert len(lines) == len(logged)
    assert all(part in each for part, each in zip(logged, lines, strict=True))


def test_a_websocket_session_is_logged_at_its_end(shared_uwsgi: Shared) -> None:
    server = shared_uwsgi()
    with connect_websocket("ws://test/ws/room", sock=connect(server.address)) as client:
        client.send("12345")
        assert client.recv() == "12345"
        assert server.count("GET /ws/room") == 0
    server.wait_log(line("GET /ws/room", 5, 101))


FORGERIES = {
    "header": b"GET / HTTP/1.1\r\nHost: test\r\nUser-Agent: a\x0bb\x1b[31m\xff\xe2\x80\xa8forged\r\n\r\n",
    "path": b"GET /%0A%5Bpid:%20forged HTTP/1.1\r\nHost: test\r\n\r\n",
    "failing path": b"GET /raise?%0Aforged HTTP/1.1\r\nHost: test\r\n\r\n",
    "query": b"GET /?a\xc2\x85forged HTTP/1.1\r\nHost: test\r\n\r\n",
    "method": b"GE\x1bT /forged HTTP/1.1\r\nHost: test\r\n\r\n",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_line_can_be_forged(shared_uwsgi: Shared, forgery: str) -> None:
    """A client cannot begin a line of the log, nor put a control character into one."""
    server = shared_uwsgi(log_format="LINE %(method) %(uri) %(uagent) %(var.HTTP_X_A)")
    logged = server.count("^LINE GET /after")
    with Http1(server.address) as client:
        client.send(FORGERIES[forgery])
        client.head()
    with Http1(server.address) as client:
        client.get("/after")
    server.wait_log("^LINE GET /after", logged + 1)
    assert not [each for each in server.log.splitlines() if re.match(r"\[pid: |.{0,5}forged", each)]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028]", server.log)


FAILED = "ERROR .*exception in GET "


@pytest.mark.parametrize("path", ["/%0Aforged", "/%0D%0Aforged", "/%1B%5B31mforged"])
def test_no_error_can_be_forged(shared_uwsgi: Shared, path: str) -> None:
    """Where the worker itself names a path in the log, it is the decoded one."""
    server = shared_uwsgi(module="broken:always_raises")
    failed = server.count(FAILED)
    with Http1(server.address) as client:
        assert client.get(path).status == 500
    server.wait_log(FAILED, failed + 1)
    assert not [each for each in server.log.splitlines() if each.startswith("forged")]
    assert "\x1b" not in server.log


AGENT = r'^\{"agent": .*'


@pytest.mark.parametrize("agent", ['a", "admin": "yes', "a\\", 'a\\", "admin": "yes', "caf\u00e9 \x85", ""])
def test_a_client_cannot_add_to_a_line_of_json(shared_uwsgi: Shared, agent: str) -> None:
    """Each value is what the client has sent, and the keys are those of the format."""
    form = '{"agent": "%(uagent)", "uri": "%(uri)", "status": %(status), "x": "%(var.HTTP_X)"}'
    server = shared_uwsgi(log_format=form)
    logged = server.count(AGENT)
    with Http1(server.address) as client:
        client.send(b'GET /a"b HTTP/1.1\r\nHost: test\r\nX: "\\\r\n')
        client.send(b"User-Agent: " + agent.encode("latin-1") + b"\r\n\r\n")
        assert client.head().status == 200
    line = server.wait_log(AGENT, logged + 1)
    assert json.loads(line) == {"agent": agent or "-", "uri": '/a"b', "status": 200, "x": '"\\'}


def test_values_stay_as_they_are_in_other_formats(uwsgi: Servers) -> None:
    server = uwsgi(log_format='LINE {"%(uagent)"} %(status)')
    ask(server, "/", User_Agent='a"b\\c')
    server.wait_log(r'^LINE \{"a"b\\c"\} 200$')


@pytest.mark.parametrize("length", ["0" * 4400, "0" * 4400 + "5"])
@pytest.mark.parametrize("limit", [0, 1000])
def test_a_content_length_of_many_digits(shared_uwsgi: Shared, length: str, limit: int) -> None:
    """Python reads no number of more than 4,300 digits; here it is still a length."""
    server = shared_uwsgi(log_format="LENGTH %(cl) %(status)", limit_post=limit)
    body = b"12345" if length.endswith("5") else b""
    with Http1(server.address) as client:
        client.send(f"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n".encode() + body)
        assert client.response().body == body
    server.wait_log(f"^LENGTH {len(body)} 200$")
    assert "Traceback" not in server.log
    assert "cannot be logged" not in server.log
