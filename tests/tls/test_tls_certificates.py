"""Which certificates TLS takes: of clients, renewed ones after a reload, a socket's own; and which stop the start."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import h2.events
import pytest
from support.certificates import Authority, connect_tls
from support.http1 import Http1
from support.https import Https, Https2
from support.uwsgi import Server, Servers

RELOADS = pytest.mark.parametrize("how", ["r", "c"], ids=["reload", "chain reload"])


def common_name(sock: socket.socket) -> str:
    """Of the server: the first host's name in its certificate."""
    tls: Any = sock
    name: str = tls.getpeercert()["subjectAltName"][0][1]
    return name


def serial(sock: socket.socket) -> str:
    """Of the server's certificate."""
    tls: Any = sock
    number: str = tls.getpeercert()["serialNumber"]
    return number


def test_client_certificates(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    options: Any = {"trio_certfile": certificate, "trio_keyfile": key, "trio_ca_certs": authority.file}
    server = uwsgi(module="mirror:app", **options)
    context = authority.client_context(common_name='a "name", quoted')
    with Https(connect_tls(server.address, context)) as client:
        extension = json.loads(client.get("/scope").body)["extensions"]["tls"]
    assert extension["client_cert_chain"][0].startswith("-----BEGIN CERTIFICATE-----")
    assert 'CN=a \\"name\\"\\, quoted' in extension["client_cert_name"]
    assert extension["client_cert_error"] is None
    # TLS 1.3 refuses a client after its side of the handshake.
    with connect_tls(server.address, authority.client_context()) as sock, pytest.raises(ssl.SSLError):
        sock.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        sock.recv(1)
    server.wait_log("no TLS with .*: PEER_DID_NOT_RETURN_A_CERTIFICATE")


def test_client_certificates_that_are_optional(uwsgi: Servers, authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.serve("server.test")
    options: Any = {"trio_certfile": certificate, "trio_keyfile": key, "trio_ca_certs": authority.file}
    server = uwsgi(module="mirror:app", trio_client_certificates="optional", **options)
    with Https(connect_tls(server.address, authority.client_context())) as client:
        assert json.loads(client.get("/scope").body)["extensions"]["tls"]["client_cert_chain"] == []
    stranger = Authority(tmp_path).client_context(common_name="stranger")
    stranger.load_verify_locations(str(authority.file))
    with connect_tls(server.address, stranger) as sock, pytest.raises((ssl.SSLError, ConnectionError)):
        sock.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        sock.recv(1)


@RELOADS
def test_a_reload_takes_up_renewed_certificates(uwsgi: Servers, authority: Authority, how: str) -> None:
    """Whoever is connected finishes with the old one."""
    certificate, key = authority.serve("old.test", "renewed")
    server = uwsgi(module="mirror:app", trio_certfile=certificate, trio_keyfile=key)
    with Https(connect_tls(server.address, authority.client_context())) as client:
        old = serial(client.socket)
        assert common_name(client.socket) == "old.test"
        client.request("/sleep?seconds=1")
        server.wait_log("sleeping")
        authority.serve("new.test", "renewed")
        server.reload(how)
        response = client.response()
    assert (response.body, response.headers["connection"]) == (b"slept", "close")
    with connect_tls(server.address, authority.client_context()) as sock:
        assert common_name(sock) == "new.test"
        assert serial(sock) != old


@RELOADS
def test_http2_streams_finish_in_a_reload(uwsgi: Servers, authority: Authority, how: str) -> None:
    certificate, key = authority.serve("server.test")
    server = uwsgi(module="mirror:app", trio_certfile=certificate, trio_keyfile=key)
    with Https2(server.address, authority.client_context("h2")) as client:
        streams = [client.request("/sleep?seconds=1") for _ in range(3)]
        server.wait_log("sleeping", 3)
        server.fifo(how)
        assert client.wait(h2.events.ConnectionTerminated).error_code == 0
        assert [client.response(each) for each in streams] == [(200, b"slept")] * 3
        client.read_to_end()


Talk = Callable[[], Iterator[str]]


def talk_http1(target: tuple[str, int], context: ssl.SSLContext) -> Iterator[str]:
    """One request after the other on kept connections; what became of each."""
    with closing(http.client.HTTPSConnection(*target, timeout=30, context=context)) as client:
        while True:
            client.request("GET", "/")
            response = client.getresponse()
            yield f"{response.status} {response.read().decode()}"


def talk_http2(target: tuple[str, int], context: ssl.SSLContext) -> Iterator[str]:
    """Four streams at a time, on another connection when the server says GOAWAY."""
    while True:
        with Https2(target, context) as client:
            while not client.is_leaving:
                client.events.clear()
                for stream in [client.request("/") for _ in range(4)]:
                    status, body = client.response(stream)
                    yield f"{status} {body.decode()}"


@contextmanager
def load(talk: Talk, clients: int = 4) -> Iterator[Counter[str]]:
    """Counts what becomes of the requests of several clients while the block runs."""
    counted: Counter[str] = Counter()
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            try:
                for outcome in talk():
                    counted[outcome] += 1
                    if stop.is_set():
                        break
            except (OSError, http.client.HTTPException) as error:
                counted[repr(error)] += 1

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for each in threads:
        each.start()
    try:
        yield counted
    finally:
        stop.set()
        for each in threads:
            each.join()


@pytest.mark.parametrize(
    ("talk", "how"),
    [
        pytest.param(talk_http1, "r", id="http1-reload"),
        pytest.param(talk_http1, "c", id="http1-chain reload", marks=pytest.mark.long),
        pytest.param(talk_http2, "r", id="http2-reload", marks=pytest.mark.long),
        pytest.param(talk_http2, "c", id="http2-chain reload", marks=pytest.mark.long),
    ],
)
def test_no_request_fails_while_certificates_are_renewed(
    uwsgi: Servers, authority: Authority, how: str, talk: Callable[..., Iterator[str]]
) -> None:
    certificate, key = authority.serve("0.test", "renewed")
    server = uwsgi(module="mirror:app", processes=2, trio_certfile=certificate, trio_keyfile=key, disable_logging=True)
    context = authority.client_context("h2" if talk is talk_http2 else "http/1.1")
    with load(lambda: talk(server.address, context)) as counted:
        for name in ("1.test", "2.test"):
            enough = counted.total() + 50
            while counted.total() < enough:
                time.sleep(0.01)
            authority.serve(name, "renewed")
            server.reload(how)
    assert set(counted) == {"200 hello"}, counted
    for _ in range(8):  # More often than there are workers.
        with connect_tls(server.address, authority.client_context()) as sock:
            assert common_name(sock) == "2.test"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"trio_certfile": "/missing.pem"}, "trio-certfile = /missing.pem,/missing.pem: allowed is"),
        ({"trio_keyfile": "/missing.key"}, "trio-keyfile = /missing.key: allowed is a file beside a trio-certfile"),
        ({"trio_certificate": "a.test=only.pem"}, "trio-certificate = a.test=only.pem: allowed is NAME=CERT,KEY"),
        ({"trio_certificate": "a.test=a,b"}, "trio-certificate = a.test: allowed is a name beside a trio-certfile"),
        ({"trio_client_certificates": "some"}, "trio-client-certificates = some: allowed is required or optional"),
    ],
)
def test_certificates_that_cannot_be_used_stop_the_start(uwsgi: Servers, options: dict[str, str], line: str) -> None:
    server = uwsgi(ready=False, need_app=True, **options)
    server.wait_log(line)


def test_clear_text_and_required_client_certificates_exclude_each_other(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    files: Any = {"trio_certfile": certificate, "trio_keyfile": key, "trio_ca_certs": authority.file}
    server = uwsgi(ready=False, need_app=True, trio_clear_text=True, **files)
    server.wait_log("trio-clear-text = true: allowed is false where clients must have a certificate")


def test_required_client_certificates_cannot_be_gone_round(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    files: Any = {"trio_certfile": certificate, "trio_keyfile": key, "trio_ca_certs": authority.file}
    server = uwsgi(module="mirror:app", **files)
    for target in (server.address, server.unix_path):
        with Http1(target) as plain, pytest.raises((ConnectionError, AssertionError, ValueError)):
            plain.get("/")
    server.wait_log("it is no TLS, which alone is spoken here", 2)


def asked_for(server: Server, authority: Authority, name: str | None) -> tuple[str, Any]:
    """Returns the certificate's first name, and the scope, of a client that asks for a host."""
    context = authority.client_context()
    with Https(context.wrap_socket(socket.create_connection(server.address, 5), server_hostname=name)) as client:
        return common_name(client.socket), json.loads(client.get("/scope").body)


@RELOADS
def test_certificates_by_name(uwsgi: Servers, authority: Authority, how: str) -> None:
    certificate, key = authority.serve("default.test")
    named = {
        "one.test": authority.serve("one.test", "one"),
        "*.two.test": authority.serve("below.two.test", "two"),
    }
    server = uwsgi(
        module="mirror:app",
        trio_certfile=certificate,
        trio_keyfile=key,
        trio_certificate=[f"{name}={','.join(map(str, files))}" for name, files in named.items()],
    )

    def served() -> dict[str | None, str]:
        names = ("one.test", "ONE.test", "a.two.test", "two.test", "other.test", None)
        return {name: asked_for(server, authority, name)[0] for name in names}

    told: dict[str | None, str] = {"one.test": "one.test", "ONE.test": "one.test", "a.two.test": "below.two.test"}
    told |= dict.fromkeys(("two.test", "other.test", None), "default.test")
    assert served() == told
    _, scope = asked_for(server, authority, "one.test")
    shown = ssl.PEM_cert_to_DER_cert(scope["extensions"]["tls"]["server_cert"])
    assert shown == ssl.PEM_cert_to_DER_cert(
        named["one.test"][0].read_text().partition("-----END")[0] + "-----END CERTIFICATE-----\n"
    )
    authority.serve("renewed.test", "one")
    server.reload(how)
    assert served() == told | {"one.test": "renewed.test", "ONE.test": "renewed.test"}
