"""Forwarded headers: believed from trio-proxy-allow, and from nobody else."""

import json
from typing import Any

import pytest
from support.http1 import Http1, Target, connect
from support.http2 import Http2
from support.packets import USUAL, ask, block, packet, request
from support.uwsgi import Server, Servers
from websockets.sync.client import connect as connect_websocket

SPOOFED = {
    "X_Forwarded_For": "203.0.113.7",
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "spoofed.test",
}


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="mirror:app", trio_proxy_allow="127.0.0.1, 10.0.0.0/8, unix")


def scope(target: Target, **headers: str) -> Any:
    with Http1(target) as client:
        return json.loads(client.get("/scope", **headers).body)


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ({"X_Forwarded_For": "203.0.113.7"}, "203.0.113.7"),
        ({"X_Forwarded_For": "6.6.6.6, 203.0.113.7, 10.0.0.2"}, "203.0.113.7"),
        ({"X_Forwarded_For": "10.0.0.3, 10.0.0.2"}, "10.0.0.3"),
        ({"X_Forwarded_For": "2001:db8::7"}, "2001:db8::7"),
        ({"X_Forwarded_For": "203.0.113.7:4711"}, "203.0.113.7"),
        ({"X_Forwarded_For": "unknown"}, None),
        ({"X_Forwarded_For": "203.0.113.7, nonsense"}, None),
        ({"Forwarded": 'for=6.6.6.6, for="[2001:db8::7]:4711";proto=https, FOR=10.0.0.2'}, "2001:db8::7"),
        ({"Forwarded": 'for="_hid\\"den", for=unknown'}, None),
        ({"Forwarded": "for=203.0.113.7;;;=broken"}, None),
        ({"Forwarded": "for=203.0.113.7", "X_Forwarded_For": "203.0.113.7"}, "203.0.113.7"),
    ],
)
def test_the_client_is_the_first_who_is_no_proxy(server: Server, headers: dict[str, str], client: str | None) -> None:
    told = scope(server.address, **headers)["client"]
    assert told[0] == (client or "127.0.0.1")
    port = 4711 if "4711" in str(headers) else 0
    assert scope(server.unix_path, **headers)["client"] == ([client, port] if client else None)


@pytest.mark.parametrize(
    ("headers", "scheme", "host"),
    [
        ({"X_Forwarded_Proto": "https"}, "https", "test"),
        ({"X_Forwarded_Proto": "HTTPS", "X_Forwarded_Host": "example.org:8443"}, "https", "example.org:8443"),
        ({"X_Forwarded_For": "6.6.6.6, 203.0.113.7", "X_Forwarded_Proto": "http, https"}, "https", "test"),
        ({"X_Forwarded_For": "203.0.113.7, 10.0.0.2", "X_Forwarded_Proto": "https"}, "https", "test"),
        ({"X_Forwarded_Proto": "gopher", "X_Forwarded_Host": "a b"}, "http", "test"),
        ({"Forwarded": 'for=203.0.113.7;proto=https;host="example.org"'}, "https", "example.org"),
    ],
)
def test_scheme_and_host(server: Server, headers: dict[str, str], scheme: str, host: str) -> None:
    told = scope(server.address, **headers)
    assert told["scheme"] == scheme
    assert [value for name, value in told["headers"] if name == "host"] == [host]


@pytest.mark.parametrize(
    ("headers", "host", "port"),
    [
        ({"X_Forwarded_Port": "8443", "X_Forwarded_Proto": "https"}, "test:8443", 8443),
        ({"X_Forwarded_Port": "443", "X_Forwarded_Proto": "https"}, "test", 443),
        ({"X_Forwarded_Port": "8443", "X_Forwarded_Host": "a.test:80"}, "a.test:80", 8443),
        ({"X_Forwarded_Port": "8443", "X_Forwarded_Host": "[::1]"}, "[::1]:8443", 8443),
        ({"X_Forwarded_Port": "99999"}, "test", None),
        ({"X_Forwarded_Port": "-1"}, "test", None),
    ],
)
def test_the_port_of_the_front(server: Server, headers: dict[str, str], host: str, port: int | None) -> None:
    told = scope(server.address, **headers)
    assert [value for name, value in told["headers"] if name == "host"] == [host]
    assert told["server"][1] == (port or server.address[1])


@pytest.mark.parametrize(
    ("prefix", "root_path"),
    [
        ("/shop", "/shop"),
        ("/shop/", "/shop"),
        ("/a/b", "/a/b"),
        ("/", ""),
        ("shop", ""),
        ("//evil.test", ""),
        ("/a/../b", ""),
        ("/a%2fb", ""),
        ("/client, /front", "/front"),
    ],
)
def test_the_prefix_that_a_front_has_taken_away(server: Server, prefix: str, root_path: str) -> None:
    told = scope(server.address, X_Forwarded_Prefix=prefix)
    assert (told["root_path"], told["path"]) == (root_path, f"{root_path}/scope")


def test_the_root_path_of_the_ini(uwsgi: Servers) -> None:
    server = uwsgi(module="mirror:app", trio_root_path="/shop/", trio_proxy_allow="unix")
    told = scope(server.address, X_Forwarded_Prefix="/from-a-stranger")
    assert (told["root_path"], told["path"]) == ("/shop", "/shop/scope")
    told = scope(server.unix_path, X_Forwarded_Prefix="/other")
    assert (told["root_path"], told["path"]) == ("/other", "/other/scope")


def test_what_a_client_smuggles_into_a_packet(server: Server) -> None:
    """`X_Forwarded_For` has the same name in CGI as what the front's front has written."""
    smuggled = [("HTTP_X_FORWARDED_FOR", "203.0.113.7"), ("HTTP_X_FORWARDED_FOR", "6.6.6.6")]
    variables = {**USUAL, "REQUEST_URI": "/scope", "PATH_INFO": "/scope", "REMOTE_ADDR": "10.0.0.2"}
    assert ask(server.unix_path, packet(block([*variables.items(), *smuggled]))).status == 400
    server.wait_log("the forwarded headers disagree")


def test_on_every_protocol(server: Server) -> None:
    with Http2(server.address).begin() as client:
        stream = client.connection.get_next_available_stream_id()
        names = [(":method", "GET"), (":path", "/scope"), (":scheme", "http"), (":authority", "test")]
        client.connection.send_headers(stream, [*names, ("x-forwarded-for", "203.0.113.7")], end_stream=True)
        client.flush()
        assert json.loads(client.response(stream)[1])["client"][0] == "203.0.113.7"
    headers = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    with connect_websocket("ws://test/scope", sock=connect(server.address), additional_headers=headers) as session:
        told = json.loads(session.recv())
    assert (told["client"][0], told["scheme"]) == ("203.0.113.7", "wss")


def test_a_packet_names_its_client_first(server: Server) -> None:
    """So its headers are believed if that one is a proxy."""
    variables = {"HTTP_X_FORWARDED_FOR": "203.0.113.7", "HTTP_X_FORWARDED_PROTO": "https"}
    told = json.loads(ask(server.unix_path, request("/scope", REMOTE_ADDR="10.0.0.2", **variables)).body)
    assert (told["client"], told["scheme"]) == (["203.0.113.7", 0], "https")
    told = json.loads(ask(server.unix_path, request("/scope", REMOTE_ADDR="6.6.6.6", **variables)).body)
    assert (told["client"][0], told["scheme"]) == ("6.6.6.6", "http")


def test_headers_that_disagree_get_400(server: Server) -> None:
    """A proxy writes one kind of them; the other kind is the client's invention."""
    with Http1(server.address) as client:
        assert client.get("/scope", Forwarded="for=6.6.6.6", X_Forwarded_For="203.0.113.7").status == 400
    server.wait_log("trio-proxy-headers says which kind of them to believe")


@pytest.mark.parametrize(("kind", "client"), [("x-forwarded", "203.0.113.7"), ("forwarded", "198.51.100.1")])
def test_the_kind_that_the_proxies_write_can_be_named(uwsgi: Servers, kind: str, client: str) -> None:
    server = uwsgi(module="mirror:app", trio_proxy_allow="127.0.0.1", trio_proxy_headers=kind)
    told = scope(server.address, Forwarded="for=198.51.100.1", X_Forwarded_For="203.0.113.7")
    assert told["client"][0] == client


@pytest.mark.parametrize("allow", [None, "192.0.2.1"])
def test_from_others_they_are_without_effect(uwsgi: Servers, allow: str | None) -> None:
    server = uwsgi(module="mirror:app", trio_proxy_allow=allow)
    for target in (server.address, server.unix_path):
        told = scope(target, **SPOOFED, Forwarded="for=203.0.113.7;proto=https;host=spoofed.test")
        assert told["client"] is None or told["client"][0] == "127.0.0.1"
        assert told["scheme"] == "http"
        assert ["host", "test"] in told["headers"]
