"""Reloads behind nginx under a load that does not wait for answers: 200 requests a second, whoever accepts or not.

A client of its own for each request: those of a second in which nobody accepts wait in the queue (`listen`), and more
of them than it holds get a 502. TRIO_TEST_RELOADS says how many reloads of each kind; 10 is the real thing.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from support.front import Address
from support.nginx import NGINX, nginx
from support.uwsgi import Server, Servers
from support.waiting import eventually

RELOADS = int(os.environ.get("TRIO_TEST_RELOADS", "2"))
RATE = 200

# Seconds that an answer may take; a reload of all workers at once is silent for two or three on a busy machine.
PATIENCE = 30.0

REQUEST = b"GET /%d HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


class OpenLoad:
    """Requests that begin at a fixed rate, in a thread of its own, and how each ended."""

    def __init__(self, address: Address) -> None:
        self.answers: Counter[str] = Counter()
        self._address = address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._run,))

    @contextmanager
    def running(self) -> Iterator["OpenLoad"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()

    async def _run(self) -> None:
        began, number = trio.current_time(), 0
        async with trio.open_nursery() as nursery:
            while not self._stop.is_set():
                nursery.start_soon(self._ask, number)
                number += 1
                await trio.sleep_until(began + number / RATE)

    async def _ask(self, number: int) -> None:
        outcome = "no answer in time"
        with trio.move_on_after(PATIENCE):
            try:
                async with await trio.open_tcp_stream(*self._address) as stream:
                    await stream.send_all(REQUEST % number)
                    outcome = b"".join([part async for part in stream])[9:12].decode()
            except OSError as error:
                outcome = repr(error)
        self.answers[outcome] += 1


def chain(server: Server) -> None:
    server.reload("c")


def hangup(server: Server) -> None:
    server.signal(signal.SIGHUP)


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
@pytest.mark.parametrize("way", [chain, hangup])
@pytest.mark.parametrize("site", ["proxy_pass.conf", "uwsgi_pass.conf"])
def test_nothing_is_lost(uwsgi: Servers, tmp_path: Path, site: str, way: Callable[[Server], None]) -> None:
    server = uwsgi(
        processes=2,
        lazy_apps=True,
        listen=1024,
        disable_logging=True,
        hook_master_start=["unix_signal:17 worker_wakeup"],
        worker_reload_mercy=30,
    )
    with nginx(tmp_path / "n", site, f"unix:{server.unix_path}") as address:
        with OpenLoad(address).running() as load:
            for number in range(RELOADS):
                done = load.answers.total()
                eventually(lambda done=done: load.answers.total() > done + RATE, 30)  # type: ignore[misc]
                way(server)
                server.wait_accepting(2 * (number + 2), timeout=60)
        assert load.answers.keys() == {"200"}, load.answers
        assert load.answers.total() > RATE * RELOADS
