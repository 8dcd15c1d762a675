"""uWSGI's options of the request log beyond the line itself: what is logged, where to, and that no line is lost."""

import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from support.http1 import Http1
from support.uwsgi import Server, Servers
from support.waiting import eventually

FORMAT = "line %(method) %(uri) %(status)"


def get(server: Server, *paths: str, **headers: str) -> None:
    """Ask for one path after the other on one connection."""
    with Http1(server.address) as client:
        for path in paths:
            client.get(path, **headers)


def logged(server: Server, last: str, prefix: str = "line") -> list[str]:
    """The paths of all lines, once the one of `last` is there."""
    server.wait_log(f"^{prefix} .*{re.escape(last)}")
    return re.findall(rf"^{prefix} \w+ (\S+)", server.log, re.MULTILINE)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({"log_zero": True}, "/big?size=0"),
        ({"log_big": 5000}, "/big?size=6000"),
        ({"log_4xx": True}, "/status?code=404"),
        ({"log_5xx": True}, "/status?code=500"),
        ({"log_slow": 200}, "/sleep?seconds=0.3"),
    ],
)
def test_logged_in_spite_of_disable_logging(uwsgi: Servers, option: dict[str, Any], expected: str) -> None:
    server = uwsgi(disable_logging=True, log_format=FORMAT, **option)
    others = ("/big?size=0", "/big?size=6000", "/status?code=404", "/status?code=500", "/sleep?seconds=0.3")
    get(server, "/big?size=1", *[path for path in others if path != expected], expected)
    assert logged(server, expected) == [expected]


def test_log_sendfile(uwsgi: Servers, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("0123456789")
    map = f"/files={tmp_path}"
    server = uwsgi(disable_logging=True, log_sendfile=True, static_map=map, log_format="line %(method) %(uri) %(rsize)")
    get(server, "/pid", "/files/file")
    assert logged(server, "/files/file 10") == ["/files/file"]


def test_the_default_line_says_how_a_file_went(uwsgi: Servers, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("0123456789")
    server = uwsgi(static_map=f"/files={tmp_path}")
    get(server, "/files/file")
    server.wait_log(r"GET /files/file => generated 10 bytes in \d+ msecs via sendfile\(\) \(HTTP/1.1 200\)")


def test_log_ioerror(uwsgi: Servers) -> None:
    server = uwsgi(disable_logging=True, log_ioerror=True, log_format=FORMAT)
    get(server, "/pid")
    with Http1(server.address) as client:
        client.request("/sleep?seconds=20")
        server.wait_log("sleeping")
    server.wait_log("sleep cancelled")
    assert logged(server, "/sleep") == ["/sleep?seconds=20"]


def test_log_micros(uwsgi: Servers) -> None:
    server = uwsgi(log_micros=True)
    get(server, "/sleep?seconds=0.1")
    line = server.wait_log(r"GET /sleep.* in \d+ micros \(HTTP/1.1 200\)")
    assert int(re.findall(r"(\d+) micros", line)[0]) >= 100_000


def test_log_x_forwarded_for(uwsgi: Servers) -> None:
    server = uwsgi(log_x_forwarded_for=True)
    get(server, "/pid", X_Forwarded_For="192.0.2.7")
    server.wait_log(r"\] 192\.0\.2\.7 \(\) \{.*GET /pid")
    get(server, "/status")
    server.wait_log(r"\] 127\.0\.0\.1 \(\) \{.*GET /status")


def test_memory_report(uwsgi: Servers) -> None:
    server = uwsgi(memory_report=True)
    get(server, "/pid")
    server.wait_log(r"^\{address space usage: \d{7,} bytes/\d+MB\} \{rss usage: \d{7,} bytes/\d+MB\} \[pid: ")


def test_logformat_strftime(uwsgi: Servers) -> None:
    server = uwsgi(log_format="line %(ftime) end", log_format_strftime=True, log_date="%%Y<%%j>")
    get(server, "/pid")
    now = time.strftime("%Y<%j>")
    server.wait_log(f"^line {now} end$")


def test_format_variables(uwsgi: Servers) -> None:
    request = "%(var.REQUEST_METHOD) %(var.PATH_INFO) %(var.QUERY_STRING) %(var.HTTP_X_SOME)"
    form = f"line {request} %(secs) %(metric.mine) %(no)"
    server = uwsgi(log_format=form, metric="name=mine,type=gauge,initial_value=7")
    get(server, "/pid?a=b", X_Some="some")
    server.wait_log(r"^line GET /pid a=b some 0\.\d{6} 7 -$")


def test_a_client_cannot_write_lines_of_its_own(uwsgi: Servers) -> None:
    server = uwsgi(log_format="line %(uagent) end")
    get(server, "/pid", User_Agent="a\x85b")  # NEL, which some take for the end of a line.
    server.wait_log(r"^line a\S*\\x85b end$")


def test_log_encoder_makes_json_of_each_line(uwsgi: Servers) -> None:
    encoder = 'json {"msg":"${msg}"}'
    server = uwsgi(log_master=True, log_encoder=[encoder, "nl"], log_format='a "%(uri)"', processes=1)
    get(server, *[f"/pid?{number}" for number in range(20)])
    for number in (0, 19):
        server.wait_log(re.escape(r'{"msg":"a \"/pid?') + rf'{number}\\""\}}$')
    assert server.count(r'^\{"msg":"a ') == 20


def test_req_logger_with_the_plugin(uwsgi: Servers, plugin: Path) -> None:
    server = uwsgi(plugin=plugin, req_logger="file:requests.log", log_format=FORMAT)
    get(server, *[f"/pid?{number}" for number in range(20)])
    file = server.directory / "requests.log"
    eventually(lambda: file.read_text().count("\n") == 20)
    assert "line GET" not in server.log


def test_log_req_encoder_encodes_what_the_request_logger_gets(uwsgi: Servers, plugin: Path) -> None:
    encoders = ['json {"line":"${msg}"}', "nl"]
    server = uwsgi(
        plugin=plugin, log_master=True, req_logger="file:requests", log_req_encoder=encoders, log_format=FORMAT
    )
    get(server, "/pid")
    eventually(lambda: (server.directory / "requests").read_text() == '{"line":"line GET /pid 200"}\n')


def test_req_logger_without_the_plugin(uwsgi: Servers) -> None:
    server = uwsgi(req_logger="file:requests.log", log_format=FORMAT)
    get(server, "/pid")
    assert logged(server, "/pid") == ["/pid"]
    server.wait_log(r"these options need the plugin.*req-logger \(.*common log\)")


# Gathering.


def load(server: Server, seconds: int) -> int:
    """Ask as fast as 16 clients can; returns how many answers they got, whole."""
    url = server.url + "/pid"
    command = ["wrk", "-t1", "-c16", f"-d{seconds}s", url]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+) requests in", shown)
    assert found
    return int(found[1])


def test_lines_come_together_under_load_and_none_is_lost(uwsgi: Servers) -> None:
    server = uwsgi(log_format=FORMAT)
    answered = load(server, 1)
    eventually(lambda: server.count("^line GET /pid 200$") >= answered)
    # What wrk has asked for and not waited for is answered, and logged, as well.
    eventually(lambda: server.metrics()["requests"] == server.count("^line GET /pid 200$"))
    assert not server.count("line.*line")


def test_an_idle_worker_keeps_no_line(uwsgi: Servers) -> None:
    server = uwsgi(log_format=FORMAT)
    get(server, "/pid")
    began = time.monotonic()
    server.wait_log("^line GET /pid 200$")
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGINT])
def test_no_line_is_lost_at_the_end(uwsgi: Servers, how: signal.Signals) -> None:
    server = uwsgi(log_format=FORMAT, processes=2)
    for round in range(5):
        get(server, *[f"/pid?{round}-{number}" for number in range(10)])
    server.signal(how)
    if how is signal.SIGHUP:
        server.wait_accepting(4)
    else:
        server.end()
    assert server.count("^line GET /pid.* 200$") == 50
