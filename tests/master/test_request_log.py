"""The line that uWSGI writes for every request, and which requests have one."""

import re
from typing import Any

import pytest
from support.http1 import Http1, connect
from support.uwsgi import Server, Servers
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


def test_the_default_format(uwsgi: Servers) -> None:
    server = uwsgi()
    ask(server, "/", "/status?code=404")
    with Http1(server.address) as client:
        client.post("/echo", b"12345")
    server.wait_log(line("GET /", 5, 200))
    server.wait_log(line(r"GET /status\?code=404", 8, 404))
    server.wait_log(line("POST /echo", 5, 200))


def test_a_unix_socket_has_no_address(uwsgi: Servers) -> None:
    server = uwsgi()
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


def test_an_app_that_spoils_its_scope_loses_its_own_line_only(uwsgi: Servers) -> None:
    server = uwsgi(processes=1)
    ask(server, "/before", "/spoil", "/after")
    server.wait_log("ERROR .*a request cannot be logged")
    server.wait_log(line("GET /before", 5, 200))
    server.wait_log(line("GET /after", 5, 200))
    assert server.count("spoil") == 0


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
@pytest.mark.engines("express")
def test_disable_logging(uwsgi: Servers, options: dict[str, Any], logged: tuple[str, ...]) -> None:
    server = uwsgi(disable_logging=True, **options)
    ask(server, *PATHS)
    server.end()
    lines = re.findall(r"^\[pid: .*", server.log, re.MULTILINE)
    assert len(lines) == len(logged)
    assert all(part in each for part, each in zip(logged, lines, strict=True))


def test_a_websocket_session_is_logged_at_its_end(uwsgi: Servers) -> None:
    server = uwsgi()
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
def test_no_line_can_be_forged(uwsgi: Servers, forgery: str) -> None:
    """A client cannot begin a line of the log, nor put a control character into one."""
    server = uwsgi(log_format="LINE %(method) %(uri) %(uagent) %(var.HTTP_X_A)")
    with Http1(server.address) as client:
        client.send(FORGERIES[forgery])
        client.head()
    with Http1(server.address) as client:
        client.get("/after")
    server.wait_log("^LINE GET /after")
    assert not [each for each in server.log.splitlines() if re.match(r"\[pid: |.{0,5}forged", each)]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028]", server.log)


@pytest.mark.parametrize("path", ["/%0Aforged", "/%0D%0Aforged", "/%1B%5B31mforged"])
def test_no_error_can_be_forged(uwsgi: Servers, path: str) -> None:
    """Where the worker itself names a path in the log, it is the decoded one."""
    server = uwsgi(module="broken:always_raises")
    with Http1(server.address) as client:
        assert client.get(path).status == 500
    server.wait_log("ERROR .*exception in GET ")
    assert not [each for each in server.log.splitlines() if each.startswith("forged")]
    assert "\x1b" not in server.log
