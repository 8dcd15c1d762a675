"""A Hypercorn configuration where our own lanes serve: the keys that have an effect there have it in each of them."""

import json
from pathlib import Path

import pytest
from support.http1 import Http1
from support.http2 import Http2
from support.packets import ask, request
from support.uwsgi import Server, Servers
from support.websocket import open_
from websockets.exceptions import InvalidStatus

FILE = """\
server_names = ["test", "other.test:8080"]
alt_svc_headers = ['h2=":8443"']
root_path = "/shop/"
workers = 3
keep_alive_timeout = 7
"""


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, tmp_path_factory: pytest.TempPathFactory) -> Server:
    file = tmp_path_factory.mktemp("hypercorn") / "hypercorn.toml"
    file.write_text(FILE)
    return module_uwsgi(module="mirror:app", trio_hypercorn_config=file)


def test_what_has_no_effect_is_named(server: Server) -> None:
    server.wait_log("without effect under trio-engine = express: keep_alive_timeout, workers")


@pytest.mark.parametrize(("host", "status"), [("test", 200), ("other.test:8080", 200), ("t", 404), ("", 404)])
def test_hosts_over_http1(server: Server, host: str, status: int) -> None:
    with Http1(server.address) as client:
        client.send(b"GET /scope HTTP/1.1\r\nHost: %b\r\n\r\n" % host.encode())
        response = client.response()
    assert response.status == status
    assert response.headers["alt-svc"] == 'h2=":8443"'
    if status == 200:
        assert json.loads(response.text)["root_path"] == "/shop"


def test_hosts_over_http2(server: Server) -> None:
    with Http2(server.address).begin() as client:
        assert client.response(client.request("/scope"))[0] == 200
        stream = client.connection.get_next_available_stream_id()
        pseudo = [(":method", "GET"), (":path", "/scope"), (":scheme", "http"), (":authority", "t")]
        client.connection.send_headers(stream, pseudo, end_stream=True)
        client.flush()
        assert client.response(stream)[0] == 404


def test_hosts_in_packets(server: Server) -> None:
    assert ask(server.unix_path, request("/scope")).status == 200
    assert ask(server.unix_path, request("/scope", HTTP_HOST="t")).status == 404


def test_hosts_of_websockets(server: Server) -> None:
    with pytest.raises(InvalidStatus) as caught:
        open_(server, "/ws")
    assert caught.value.response.status_code == 404


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('server_names = "test"', "a list of texts for server_names"),
        ("root_path = 3", "a text for root_path, not 3"),
        ("server_names = [", "a Hypercorn TOML file"),
    ],
)
def test_a_file_that_cannot_be_used(uwsgi: Servers, tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "hypercorn.toml"
    file.write_text(text)
    server = uwsgi(ready=False, need_app=True, trio_hypercorn_config=file)
    server.wait_log(f"trio-hypercorn-config = {file}: allowed is {reason}")
