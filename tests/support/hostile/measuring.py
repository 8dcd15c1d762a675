"""An attack on a worker beside honest clients: how long they wait before and during, and what memory it takes."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from support.hostile.attack import KIBI, Attack
from support.hostile.honest import Address, Thread, Waits, ask_for
from support.http1 import Http1
from support.ini import CHECKOUT
from support.uwsgi import Server

# Seconds that honest clients are watched before, during an attack, and beside as many bytes of honest requests.
BEFORE, DURING, BESIDE = 1.0, 2.5, 1.0

# Connections at most that these come on.
CONNECTIONS = 50

# Seconds between two looks at the worker's memory.
LOOK = 0.05


@dataclass(frozen=True)
class Cost:
    """What an attack has cost.

    Attributes:
        attack: see above.
        before, during, beside: how long honest clients waited before, during, and beside honest requests of as many
            bytes a second as the attack has sent.
        rate: bytes a second that the attack has sent.
        memory: bytes that the worker's resident memory has grown by, at its height.
        turn: CPU seconds of the longest turn of the worker's loop, in which it served nobody else.
        busy: the part of the time in which the worker ran.
        ended: how many connections have ended with which word of the worker's.
    """

    attack: Attack
    before: Waits
    during: Waits
    beside: Waits
    rate: float
    memory: int
    turn: float
    busy: float
    ended: dict[str, int]

    def row(self) -> str:
        """A row of the table."""
        before, during = self.before, self.during
        said = ", ".join(f"{word} {count}x" for word, count in sorted(self.ended.items()))
        waits = before.at(0.99), during.at(0.5), during.at(0.99), self.beside.at(0.99), during.at(1), during.wall(0.99)
        figures = " | ".join(f"{each * 1000:5.1f}" for each in (*waits, self.turn))
        each = self.memory / KIBI / self.attack.connections
        return (
            f"| {self.attack.name} | {self.attack.connections} | {self.rate / 1e6:.1f} | {figures} | {self.busy:4.0%}"
            f" | {self.memory / KIBI:,.0f} | {each:,.1f} | {self.attack.memory} | {said or '-'} |"
        )


HEAD = (
    "| attack | connections | MB/s | p99 before, ms | p50 during | p99 during"
    " | p99 beside an honest load of as many MB/s | longest | p99 by the wall | longest turn, ms"
    " | worker busy | KiB in all | KiB each | bound"
    " | ended with |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


@contextmanager
def _sending(address: Address, told: list[Any], *what: object) -> Iterator[None]:
    command = [sys.executable, "-m", "support.hostile", *map(str, (*address, *what))]
    tests: Path = CHECKOUT / "tests"
    with subprocess.Popen(command, cwd=tests, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "begun\n"
            yield
            process.stdin.close()
            told += json.loads(process.stdout.readline())
        finally:
            process.kill()


class _Watch:
    """The memory of a worker at its height, looked at in a thread."""

    def __init__(self, worker: psutil.Process) -> None:
        self.worker = worker
        self.height = worker.memory_info().rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(LOOK):
            self.height = max(self.height, self.worker.memory_info().rss)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()


def _wait_for_calm(worker: psutil.Process) -> None:
    """Wait until the worker has done with the last attack, for at most five seconds."""
    for _ in range(25):
        if worker.cpu_percent(0.2) < 10:
            return


def measure(attack: Attack, server: Server, address: Address) -> Cost:
    """Attack this address of the server once; honest clients ask at its first one."""
    worker = psutil.Process(server.worker_pids()[0])
    _wait_for_calm(worker)
    before = ask_for(server.address, BEFORE, worker.pid)
    rest, told, loop = worker.memory_info().rss, list[Any](), Thread(f"{worker.pid}")
    with _Watch(worker) as watch, _sending(address, told, attack.name):
        _longest_turn(server.address)
        ran = loop.times()[0]
        during = ask_for(server.address, DURING, worker.pid)
        busy = (loop.times()[0] - ran) / DURING
        turn = _longest_turn(server.address)
    loop.close()
    sent, ended = told
    _wait_for_calm(worker)
    with _sending(address, [], sent / DURING, min(CONNECTIONS, attack.connections), attack.secure):
        beside = ask_for(server.address, BESIDE, worker.pid)
    return Cost(attack, before, during, beside, sent / DURING, watch.height - rest, turn, busy, ended)


def _longest_turn(address: Address) -> float:
    """CPU seconds of the longest turn of the worker's loop since this was asked last; all of them take a few ms."""
    with Http1(address) as client:
        return float(client.get("/turn").body)
