"""Honest clients, some of which keep their connections while one opens ever new ones, and how long they wait.

On a busy machine most of a wait is for a processor, and says nothing about the worker. The kernel counts it, for the
worker's loop and for this process, and it is taken off each wait: what is left is what an idle machine would show.
"""

import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

Address = tuple[str, int]

REQUEST = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
ANSWER = b"\r\n\r\nhello"

# How many keep their connection, and the seconds between an answer and the next request of each.
KEPT, PAUSE = 3, 0.006

# Seconds that one waits for an answer.
PATIENCE = 10.0


@dataclass
class Waits:
    """How long honest clients waited.

    Attributes:
        seconds: of each answer, without those in which the worker or the client could have run and did not.
        by_the_wall: seconds of each answer.
        failures: of requests without one.
    """

    seconds: list[float] = field(default_factory=list)
    by_the_wall: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def at(self, part: float) -> float:
        """The seconds within which this part of the answers came, on an idle machine."""
        return _at(self.seconds, part)

    def wall(self, part: float) -> float:
        """The seconds within which this part of the answers came."""
        return _at(self.by_the_wall, part)


def _at(seconds: list[float], part: float) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else PATIENCE


class Thread:
    """What the kernel counts of a thread (schedstat of proc(5)).

    Args:
        path: of it below /proc.
    """

    def __init__(self, path: str) -> None:
        self._file = (Path("/proc") / path / "schedstat").open("rb")

    def times(self) -> tuple[float, float]:
        """Seconds in which it has run, and in which it could have run."""
        ran, waited, _ = os.pread(self._file.fileno(), 64, 0).split()
        return int(ran) / 1e9, int(waited) / 1e9

    def close(self) -> None:
        """Ask no more."""
        self._file.close()


class _Client:
    """One honest client.

    Args:
        address: that it asks.
        keeps: whether it keeps its connection.
        times: tells the seconds that the worker has run, and that it and this process could have run.
        waits: where its waits go.
    """

    def __init__(self, address: Address, keeps: bool, times: Callable[[], tuple[float, float]], waits: Waits) -> None:
        self._address, self._keeps, self._times, self._waits = address, keeps, times, waits
        self.socket: socket.socket | None = None
        self._answer = b""
        self._began, self._at = 0.0, (0.0, 0.0)
        self.asks_at, self._ends_at = 0.0, inf

    def begin(self, epoll: select.epoll) -> None:
        """Ask, on a new connection where there is none."""
        self._began, self._at, self.asks_at = time.perf_counter(), self._times(), inf
        self._ends_at = self._began + PATIENCE
        if self.socket is None:
            self.socket = socket.socket()
            self.socket.setblocking(False)
            self.socket.connect_ex(self._address)
            epoll.register(self.socket, select.EPOLLOUT)
        else:
            self.socket.send(REQUEST)

    def act(self, epoll: select.epoll, events: int) -> None:
        """Send the request on a new connection, or read the answer."""
        assert self.socket is not None
        try:
            if events & select.EPOLLOUT and not events & select.EPOLLERR:
                self.socket.send(REQUEST)
                epoll.modify(self.socket, select.EPOLLIN)
                return
            data = self.socket.recv(4096)
            self._answer += data
            if self._answer.endswith(ANSWER):
                self._note()
                self._rest(self._keeps)
            elif not data:
                self._fail(f"closed after {self._answer!r}")
        except OSError as error:
            self._fail(repr(error))

    def look(self) -> None:
        """Give up where the answer does not come."""
        if time.perf_counter() > self._ends_at:
            self._fail("no answer")

    def _note(self) -> None:
        (ran, held_up), now = self._times(), time.perf_counter()
        wall = now - self._began
        self._waits.by_the_wall.append(wall)
        self._waits.seconds.append(max(0.0, min(wall, ran - self._at[0]), wall - (held_up - self._at[1])))

    def _fail(self, why: str) -> None:
        self._waits.failures.append(why)
        self._waits.seconds.append(PATIENCE)
        self._rest(keep=False)

    def _rest(self, keep: bool) -> None:
        self._answer, self._ends_at, self.asks_at = b"", inf, time.perf_counter() + PAUSE
        if not keep:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def ask_for(address: Address, seconds: float, worker: int) -> Waits:
    """Ask this worker for so long, and return how long the answers took."""
    waits, loop, ours = Waits(), Thread(f"{worker}"), Thread("thread-self")

    def times() -> tuple[float, float]:
        ran, held_up = loop.times()
        return ran, held_up + ours.times()[1]

    clients = [_Client(address, number < KEPT, times, waits) for number in range(KEPT + 1)]
    with select.epoll() as epoll:
        _take_turns(clients, epoll, time.perf_counter() + seconds)
    for each in clients:
        each.close()
    loop.close()
    ours.close()
    return waits


def _take_turns(clients: list[_Client], epoll: select.epoll, until: float) -> None:
    """Let each ask and be answered, until the time is over and nobody waits."""
    while (now := time.perf_counter()) < until or any(each.asks_at == inf for each in clients):
        for each in clients:
            if each.asks_at <= now < until:
                each.begin(epoll)
            each.look()
        by_descriptor = {each.socket.fileno(): each for each in clients if each.socket is not None}
        for descriptor, events in epoll.poll(min(0.05, max(0.001, min(each.asks_at for each in clients) - now))):
            by_descriptor[descriptor].act(epoll, events)
