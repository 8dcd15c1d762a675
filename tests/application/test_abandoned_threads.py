"""Threads that an app abandons and that never end: they keep their places, and the worker has others."""

import gzip
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from support.certificates import Authority
from support.http1 import Http1
from support.ini import APPS, free_port
from support.uwsgi import Server, Servers
from support.waiting import took

# More than Trio has places for.
MANY = 45

# Seconds; and those until another worker accepts, which starts when the master has noticed.
MERCY, START = 4, 10

SECURE = free_port()

APP = APPS / "abandoning.py"

# As the app has it.
LARGE = b"a line of text\n" * 20_000


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, authority: Authority) -> Server:
    secure = ",".join([f"127.0.0.1:{SECURE}", *map(str, authority.serve("server.test"))])
    server = module_uwsgi(
        module="abandoning:app",
        https_socket=secure,
        static_map=f"/s={APPS}",
        trio_compress="gzip",
        worker_reload_mercy=MERCY,
    )
    server.may_outstay = True
    exhaust(server)
    return server


def exhaust(server: Server) -> None:
    """Have the app abandon threads until none is left to it."""

    def abandon(_: int) -> str:
        with Http1(server.address) as client:
            return client.get("/abandon").text

    with ThreadPoolExecutor(MANY) as pool:
        assert "40 of 40" in pool.map(abandon, range(MANY))


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("path", ["/s/abandoning.py", "/file"])
def test_files_are_sent_over_tls(server: Server, authority: Authority, path: str, http2: bool) -> None:
    context = authority.client_context(*(["h2"] if http2 else []), "http/1.1")
    with httpx.Client(http1=not http2, http2=http2, verify=context) as client:
        assert client.get(f"https://127.0.0.1:{SECURE}{path}").content == APP.read_bytes()


@pytest.mark.parametrize("path", ["/s/abandoning.py", "/file"])
def test_files_are_sent(server: Server, path: str) -> None:
    with Http1(server.address) as client:
        assert client.get(path).body == APP.read_bytes()


def test_a_large_body_is_compressed(server: Server) -> None:
    with Http1(server.address) as client:
        assert gzip.decompress(client.get("/large", Accept_Encoding="gzip").body) == LARGE


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM], ids=["reload", "destroy"])
def test_the_worker_leaves_in_time(uwsgi: Servers, number: signal.Signals) -> None:
    server = uwsgi(module="abandoning:app", worker_reload_mercy=MERCY)
    server.may_outstay = True
    exhaust(server)
    [worker] = server.worker_pids()
    began = time.monotonic()
    server.signal(number, worker)
    server.wait_accepting(2, MERCY + START)
    assert took(began) < MERCY + START
    assert not server.count("SIGKILL|killing worker")
    with Http1(server.address) as client:
        assert client.get("/").text == "hello"
