"""A bare request, or message of a WebSocket, costs a bounded number of calls: each is 0.3 to 1 us with cold caches.

The accept of its connection is counted with a packet, which has one to itself.
"""

import socket
import ssl
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from types import FrameType
from typing import Any

import trio
from support import packets
from support.certificates import Authority
from support.in_process import accept, make_service, start
from support.websocket import HANDSHAKE
from websockets.frames import Frame, Opcode

from trio_worker.http.service import Service
from trio_worker.serving.accepting import open_listeners
from trio_worker.transport.certificates import Certificates, Source
from trio_worker.transport.gathering import GatheringWire
from trio_worker.transport.tls import TlsWire

# As a browser sends it, and no two the same.
HEAD = b"""GET /items/%d?page=%d HTTP/1.1\r
Host: example.org\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r
Accept-Language: en-US,en;q=0.5\r
Accept-Encoding: gzip, deflate, br, zstd\r
Connection: keep-alive\r
Cookie: session=%032d\r
Upgrade-Insecure-Requests: 1\r
Sec-Fetch-Dest: document\r
Sec-Fetch-Mode: navigate\r
Sec-Fetch-Site: none\r
\r
"""

# Calls of our own code, each resumption of a coroutine counted as one.
MOST = 27
MOST_BY_TLS = 28
MOST_BY_PACKET = 33
MOST_BY_ECHO = 25

# Requests that come at a time.
AT_ONCE = 4

BODY = b"hello"

SHAKE = HANDSHAKE.format(path="/", more="").encode()


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await echo(receive, send)
        return
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


async def echo(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


Client = Callable[[int], Awaitable[None]]


def count_calls(requests: int, serve: Callable[[Service, trio.Nursery], Client]) -> Counter[str]:
    """Return the Python functions that are called while so many requests are served.

    Args:
        requests: how many, after some that are not counted.
        serve: begins to serve what a client sends, and returns what sends the request of a number and reads its answer.
    """
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            calls[f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"] += 1

    async def main() -> None:
        service = make_service(app)
        async with trio.open_nursery() as nursery:
            ask = serve(service, nursery)
            for number in range(requests // AT_ONCE + 20):
                await ask(number)
                if number == 20:  # The first ones have taught the worker what is remembered.
                    sys.setprofile(note)
            sys.setprofile(None)
            nursery.cancel_scope.cancel()

    trio.run(main)
    return calls


def of_ours(calls: Counter[str], requests: int) -> dict[str, int]:
    """Return those of our code that come more often than once in eight requests."""
    return {name: count for name, count in calls.items() if name.startswith("trio_worker.") and count > requests / 8}


def keep_some(service: Service, nursery: trio.Nursery) -> Client:
    """Serve requests on connections that are kept; they come some at a time."""
    pairs = [socket.socketpair() for _ in range(AT_ONCE)]
    start(service, nursery, *(GatheringWire(ours, "", 5) for ours, _ in pairs))

    async def ask(number: int) -> None:
        for count, (_, client) in enumerate(pairs):
            client.sendall(HEAD % (number, count, number))
        for _, client in pairs:
            await trio.lowlevel.wait_readable(client)
            client.recv(65536)

    return ask


def keep_some_over_tls(authority: Authority) -> Callable[[Service, trio.Nursery], Client]:
    """Return what does the same over TLS."""
    certificate, key = authority.serve("localhost")
    certificates = Certificates(Source("https", str(certificate), str(key)))
    context = authority.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # Nothing comes behind its handshake but answers.

    def serve(service: Service, nursery: trio.Nursery) -> Client:
        clients: list[ssl.SSLSocket] = []

        async def connect() -> None:
            ours, theirs = socket.socketpair()
            wire = TlsWire(GatheringWire(ours, "", 5), certificates)
            async with trio.open_nursery() as shaking:
                shaking.start_soon(wire.handshake)
                clients.append(await trio.to_thread.run_sync(partial(wrap, theirs)))
            accept(service, wire)

        def wrap(theirs: socket.socket) -> ssl.SSLSocket:
            return context.wrap_socket(theirs, server_hostname="localhost")

        async def ask(number: int) -> None:
            if not clients:
                start(service, nursery)
                for _ in range(AT_ONCE):
                    await connect()
            for count, client in enumerate(clients):
                client.sendall(HEAD % (number, count, number))
            for client in clients:
                await trio.lowlevel.wait_readable(client)
                client.recv(65536)

        return ask

    return serve


def open_some(service: Service, nursery: trio.Nursery) -> Client:
    """Serve packets, each on a connection of its own, that come some at a time."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        listeners = open_listeners(service, nursery, [listening.fileno()], alone=True, most=100)
    nursery.start_soon(service.readiness.run)
    nursery.start_soon(listeners.run)

    async def ask(number: int) -> None:
        clients = [socket.create_connection(address) for _ in range(AT_ONCE)]
        for count, client in enumerate(clients):
            client.sendall(packets.request(f"/items/{number}?page={count}", HTTP_COOKIE=f"session={number:032}"))
        for client in clients:
            with client:
                while await trio.socket.from_stdlib_socket(client).recv(1000):
                    pass

    return ask


def echo_some(service: Service, nursery: trio.Nursery) -> Client:
    """Serve messages on WebSockets; they come some at a time."""
    pairs = [socket.socketpair() for _ in range(AT_ONCE)]
    start(service, nursery, *(GatheringWire(ours, "", 5) for ours, _ in pairs))

    async def ask(number: int) -> None:
        for _, client in pairs:
            client.sendall(Frame(Opcode.TEXT, b"%032d" % number).serialize(mask=True) if number else SHAKE)
        for _, client in pairs:
            await trio.lowlevel.wait_readable(client)
            client.recv(65536)

    return ask


def test_one_bare_request() -> None:
    requests = 25 * AT_ONCE
    ours = of_ours(count_calls(requests, keep_some), requests)
    assert sum(ours.values()) / requests <= MOST, ours


def test_one_bare_request_over_tls(authority: Authority) -> None:
    requests = 25 * AT_ONCE
    ours = of_ours(count_calls(requests, keep_some_over_tls(authority)), requests)
    assert sum(ours.values()) / requests <= MOST_BY_TLS, ours


def test_one_packet() -> None:
    requests = 25 * AT_ONCE
    ours = of_ours(count_calls(requests, open_some), requests)
    assert sum(ours.values()) / requests <= MOST_BY_PACKET, ours


def test_one_echo() -> None:
    messages = 25 * AT_ONCE
    ours = of_ours(count_calls(messages, echo_some), messages)
    assert sum(ours.values()) / messages <= MOST_BY_ECHO, ours
