"""The clients: each does one thing again and again, says how long it took, and what failed.

An answer that is late is no failure; one that is wrong, or does not come, is.
"""

import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial

import httpx
import trio
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

from .http2 import http2_transfers
from .server import Server
from .tally import PATIENCE, PAUSE, Tally

BODY = b"b" * 100_000

Step = Callable[[], Awaitable[None]]


class Wrong(Exception):
    """An answer that is not the right one."""


class Clients:
    """All of them.

    Args:
        server: to be asked.
        tally: of what they see.
    """

    def __init__(self, server: Server, tally: Tally) -> None:
        self._server = server
        self._tally = tally
        self._address = f"127.0.0.1:{server.port}"
        self._port = server.port
        self._trust = ssl.create_default_context(cafile=str(server.folder / "ca.pem"))
        self._ended = threading.Event()

    async def run(self) -> None:
        """Ask until cancelled."""
        clear, secure = f"http://{self._address}", f"https://{self._address}"
        kept = [self._client(clear) for _ in range(2)]
        lone = self._client(clear, keep=False)
        steps: dict[str, Step] = {
            "kept": partial(self._get, kept[0]),
            "upload": partial(self._upload, kept[1]),
            "stream": partial(self._stream, kept[1]),
            "TLS": partial(self._get, self._client(secure)),
            "a connection each": partial(self._get, lone),
            "packet": self._packet,
            "tasks": partial(self._count_tasks, lone),
        }
        async with trio.open_nursery() as nursery:
            for name, step in steps.items():
                nursery.start_soon(self._repeat, name, step)
            nursery.start_soon(self._give_up, kept[0])
            for transfers in http2_transfers(self._server):
                nursery.start_soon(transfers.run, self._tally)
            for scheme in ("ws", "wss"):
                nursery.start_soon(self._sessions, scheme)

    def _client(self, url: str, *, keep: bool = True) -> httpx.AsyncClient:
        limits = httpx.Limits(max_keepalive_connections=None if keep else 0)
        return httpx.AsyncClient(base_url=url, verify=self._trust, timeout=PATIENCE, limits=limits)

    async def _repeat(self, name: str, step: Step) -> None:
        while True:
            began = time.perf_counter()
            try:
                await step()
            except (httpx.HTTPError, OSError, trio.BrokenResourceError, Wrong) as error:
                self._tally.failed(name, repr(error))
            else:
                self._tally.answered(time.perf_counter() - began)
            await trio.sleep(PAUSE)

    async def _get(self, client: httpx.AsyncClient) -> None:
        _expect(await client.get("/"), "hello")

    async def _upload(self, client: httpx.AsyncClient) -> None:
        _expect(await client.post("/length", content=BODY), str(len(BODY)))

    async def _stream(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/stream")
        if answer.status_code != 200 or len(answer.content) != 16 * 65536:
            raise Wrong(f"{answer.status_code} and {len(answer.content)} bytes")

    async def _give_up(self, client: httpx.AsyncClient) -> None:
        while True:
            try:
                with trio.move_on_after(PAUSE):
                    await client.get("/slow")
            except httpx.HTTPError as error:
                self._tally.failed("gives up", repr(error))
            else:
                self._tally.gave_up()
            await trio.sleep(PAUSE)

    async def _count_tasks(self, client: httpx.AsyncClient) -> None:
        answer = (await client.get("/tasks")).json()
        self._tally.tasks[answer["pid"]] = answer["tasks"]

    async def _packet(self) -> None:
        variables = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "soak"}
        texts = [text.encode() for pair in variables.items() for text in pair]
        block = b"".join(len(text).to_bytes(2, "little") + text for text in texts)
        stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        async with stream:
            await stream.send_all(b"\0" + len(block).to_bytes(2, "little") + b"\0" + block)
            answer = b"".join([piece async for piece in stream])
        if not (answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\nhello")):
            raise Wrong(repr(answer[:80]))

    async def _sessions(self, scheme: str) -> None:
        try:
            await trio.to_thread.run_sync(self._hold_sessions, scheme, abandon_on_cancel=True)
        finally:
            self._ended.set()

    def _hold_sessions(self, scheme: str) -> None:
        """Open one session after the other; each ends with 1012 when its worker goes."""
        while not self._ended.is_set():
            try:
                self._hold_session(scheme)
            except ConnectionClosed as closed:
                if closed.rcvd is None or closed.rcvd.code != 1012:
                    self._tally.failed(scheme, repr(closed))
            except (OSError, WebSocketException, Wrong) as error:
                self._tally.failed(scheme, repr(error))

    def _hold_session(self, scheme: str) -> None:
        trust = self._trust if scheme == "wss" else None
        with connect(f"{scheme}://{self._address}/ws", ssl=trust, open_timeout=PATIENCE) as session:
            while not self._ended.wait(PAUSE):
                began = time.perf_counter()
                session.send("hello")
                if session.recv(timeout=PATIENCE) != "hello":
                    raise Wrong("another message came back")
                self._tally.answered(time.perf_counter() - began)


def _expect(answer: httpx.Response, text: str) -> None:
    if answer.status_code != 200 or answer.text != text:
        raise Wrong(f"{answer.status_code} {answer.text[:80]!r}")
