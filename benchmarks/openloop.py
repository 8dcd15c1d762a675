"""An open-loop client: requests are sent when they are due, whatever became of the ones before.

`python -m benchmarks.openloop PORT RATE SECONDS` prints latencies as JSON. A closed-loop client like wrk asks
less often while the server is slow, and so leaves the worst moments out ("coordinated omission"); here a
request's latency counts from the moment it was due. Due times follow a Poisson process, as independent users
do, from a fixed seed: every server meets the same arrivals. (h2load --rps will not do: its timer ticks
every 10 ms or slower, and it counts from the moment a request was sent.)

One thread polls without sleeping, since the client has a core of its own and a sleep would be off by its
wake-up.
"""

import contextlib
import gc
import json
import random
import select
import socket
import sys
from collections import deque
from collections.abc import Iterator
from time import perf_counter

import httptools

from .clients import REQUEST

CONNECTIONS = 32
SEED = 20_240_229
# Answers to the last requests may take so long.
GRACE_SECONDS = 5.0


class Connection:
    """A keep-alive connection with at most one request on it; `due` is that request's moment."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self.answered = False
        self._parser = httptools.HttpResponseParser(self)

    def ask(self, due: float) -> None:
        self.due, self.answered = due, False
        self.socket.send(REQUEST)

    def read(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed a connection")
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() != 200:
            raise ConnectionError(f"status {self._parser.get_status_code()}")
        self.answered = True


def arrivals(rate: float, seconds: float) -> Iterator[float]:
    """The moments, in seconds from the start, at which `rate` requests per second are due."""
    chance, moment = random.Random(SEED), 0.0
    while (moment := moment + chance.expovariate(rate)) < seconds:
        yield moment


def run(port: int, rate: float, seconds: float) -> list[float]:
    """The latency in seconds of every request; one without an answer has waited until the end of the run."""
    gc.disable()
    with contextlib.ExitStack() as stack:
        connections = [Connection(port) for _ in range(CONNECTIONS)]
        for connection in connections:
            stack.enter_context(connection.socket)
        return _Run(connections, deque(arrivals(rate, seconds)), seconds + GRACE_SECONDS).latencies()


class _Run:
    """The state of one run: what is due, who is idle, who awaits an answer."""

    def __init__(self, connections: list[Connection], due: deque[float], limit: float) -> None:
        self._idle, self._due, self._limit = deque(connections), due, limit
        self._busy: set[Connection] = set()
        self._by_descriptor = {connection.socket.fileno(): connection for connection in connections}
        self._latencies: list[float] = []

    def latencies(self) -> list[float]:
        began = perf_counter()
        with contextlib.closing(select.epoll()) as epoll:
            for descriptor in self._by_descriptor:
                epoll.register(descriptor, select.EPOLLIN)
            while (self._due or self._busy) and (now := perf_counter() - began) < self._limit:
                self._send_what_is_due(now)
                for descriptor, _ in epoll.poll(0):
                    self._read(self._by_descriptor[descriptor], began)
        waiting = [*self._due, *(connection.due for connection in self._busy)]
        return [*self._latencies, *(self._limit - due for due in waiting)]

    def _send_what_is_due(self, now: float) -> None:
        while self._idle and self._due and self._due[0] <= now:
            connection = self._idle.popleft()
            connection.ask(self._due.popleft())
            self._busy.add(connection)

    def _read(self, connection: Connection, began: float) -> None:
        connection.read()
        if connection.answered:
            self._latencies.append(perf_counter() - began - connection.due)
            self._busy.discard(connection)
            self._idle.append(connection)


def percentile(latencies: list[float], share: float) -> float:
    """The latency that so great a share of the requests did not exceed, in milliseconds."""
    ordered = sorted(latencies)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3


if __name__ == "__main__":
    port, rate, seconds = sys.argv[1:]
    measured = run(int(port), float(rate), float(seconds))
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999}
    percentiles = {key: percentile(measured, share) for key, share in shares.items()}
    print(json.dumps({"requests": len(measured), **percentiles}))
