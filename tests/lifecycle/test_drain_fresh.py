"""What becomes in a drain of connections of which nothing has come yet: their clients have connected to ask.

Those in clear text come over the UNIX socket: uWSGI has the kernel keep back a TCP connection that says nothing
(TCP_DEFER_ACCEPT, core/socket.c), so that a worker has it only once its first bytes are there, or some seconds later.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import psutil
import pytest
from support.certificates import Authority, connect_tls
from support.http1 import Http1, Response
from support.http2 import Http2
from support.https import Https
from support.uwsgi import Server, Servers
from support.waiting import eventually

pytestmark = pytest.mark.long

LINGER = 0.2

# Seconds after the beginning of the drain at which clients send their first bytes, at which a request of the first
# moment ends, and within which all is over: FIRST_BYTES_GRACE of transport/bounds.py lies between the first two.
LATE, WORK, OVER = 3.5, 7.0, 9.0


@dataclass
class Drain:
    """One worker's drain, and what each client saw of it."""

    answers: dict[str, Response] = field(default_factory=dict)
    silent: bytes = b"?"
    http2: tuple[int, bytes] = 0, b""
    seconds: dict[str, float] = field(default_factory=dict)


@pytest.fixture(scope="module")
def drain(module_uwsgi: Servers, authority: Authority) -> Iterator[Drain]:
    certificate, key = authority.serve("localhost")
    server = module_uwsgi(trio_drain_linger=LINGER, trio_certfile=certificate, trio_keyfile=key, trio_clear_text=True)
    with ExitStack() as clients:
        yield _drain(server, authority, clients)


def _drain(server: Server, authority: Authority, clients: ExitStack) -> Drain:
    found = Drain()
    (pid,) = server.worker_pids()
    descriptors = psutil.Process(pid).num_fds()
    names = ("clear text", "handshake", "slow", "silent")
    clear = {name: clients.enter_context(Http1(server.unix_path)) for name in names}
    secured = clients.enter_context(Https(connect_tls(server.address, authority.client_context())))
    http2 = clients.enter_context(Http2(server.address))
    http2.socket = authority.client_context("h2").wrap_socket(http2.socket)
    eventually(lambda: psutil.Process(pid).num_fds() >= descriptors + len(clear) + 2)
    server.fifo("r")
    server.wait_log("draining")
    began = time.monotonic()
    clear["slow"].request(f"/sleep?seconds={WORK}")
    http2.begin()
    found.http2 = http2.response(http2.request("/pid"))
    http2.read_to_end()
    found.seconds["http2"] = time.monotonic() - began
    time.sleep(max(0.0, began + LATE - time.monotonic()))
    found.answers["clear text"] = clear["clear text"].get("/pid")
    found.answers["TLS"] = secured.get("/pid")
    tls = authority.client_context().wrap_socket(clear["handshake"].socket, server_hostname="127.0.0.1")
    found.answers["handshake"] = clients.enter_context(Https(tls)).get("/pid")
    found.silent = clear["silent"].rest()
    found.seconds["silent"] = time.monotonic() - began
    found.answers["slow"] = clear["slow"].response()
    for each in clear.values():
        each.close()
    tls.close()
    secured.close()
    eventually(lambda: server.worker_pids() not in ([], [pid]))
    found.seconds["all"] = time.monotonic() - began
    return found


@pytest.mark.parametrize("name", ["clear text", "TLS", "handshake"])
def test_a_request_is_answered_long_after_the_linger(drain: Drain, name: str) -> None:
    """One of which nothing had come, one that had its handshake behind it, and one that had it before it."""
    answer = drain.answers[name]
    assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_a_request_has_the_time_that_it_takes(drain: Drain) -> None:
    """The end of the time for first bytes is none of a request's that has come meanwhile."""
    assert (drain.answers["slow"].status, drain.answers["slow"].text) == (200, "slept")


def test_http2_ends_with_the_linger_though_its_client_does_not_mind_the_goaway(drain: Drain) -> None:
    assert drain.http2[0] == 200
    assert drain.seconds["http2"] < LATE


def test_one_that_sends_nothing_is_closed_and_holds_nobody_longer(drain: Drain) -> None:
    assert drain.silent == b""
    assert LATE < drain.seconds["silent"] < WORK
    assert drain.seconds["all"] < OVER
