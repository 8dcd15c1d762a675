"""An attack on a worker beside honest clients: how long they wait before and during, and what memory it takes."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from support.hostile.attack import KIBI, Attack
from support.hostile.honest import Address, Waits, ask_for
from support.http1 import Http1
from support.ini import CHECKOUT
from support.uwsgi import Server

# Seconds that honest clients are watched before, and during an attack.
BEFORE, DURING = 1.0, 2.5

# Seconds between two looks at the worker's memory.
LOOK = 0.05


@dataclass(frozen=True)
class Cost:
    """What an attack has cost.

    Attributes:
        attack: see above.
        before, during: how long honest clients waited.
        memory: bytes that the worker's resident memory has grown by, at its height.
        turn: CPU seconds of the longest turn of the worker's loop, in which it served nobody else.
        busy: the part of the time in which the worker ran.
        stretch: how much longer all of it took because the machine ran something else while the worker could have run.
        ended: how many connections have ended with which word of the worker's.
    """

    attack: Attack
    before: Waits
    during: Waits
    memory: int
    turn: float
    busy: float
    stretch: float
    ended: dict[str, int]

    def row(self) -> str:
        """A row of the table."""
        before, during = self.before, self.during
        said = ", ".join(f"{word} {count}x" for word, count in sorted(self.ended.items()))
        figures = f"{before.at(0.99) * 1000:6.1f} | {during.at(0.5) * 1000:6.1f} | {during.at(0.99) * 1000:6.1f}"
        figures += f" | {during.noise(0.99) * 1000:6.1f} | {during.at(1) * 1000:6.0f}"
        figures += f" | {self.turn * 1000:6.1f} | {self.busy:4.0%} | {self.stretch:4.1f}"
        each = self.memory / KIBI / self.attack.connections
        return (
            f"| {self.attack.name} | {self.attack.connections} | {figures} | {self.memory / KIBI:,.0f} |"
            f" {each:,.1f} | {self.attack.memory} | {said or '-'} |"
        )


HEAD = (
    "| attack | connections | p99 before, ms | p50 during | p99 during | of an echo | worst | longest turn, ms"
    " | worker busy | stretch | KiB in all | KiB each | bound"
    " | ended with |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


@contextmanager
def _attacking(attack: Attack, address: Address, ended: dict[str, int]) -> Iterator[None]:
    command = [sys.executable, "-m", "support.hostile", attack.name, *map(str, address)]
    tests: Path = CHECKOUT / "tests"
    with subprocess.Popen(command, cwd=tests, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "begun\n"
            yield
            process.stdin.close()
            ended.update(json.loads(process.stdout.readline()))
        finally:
            process.kill()


@contextmanager
def _echoing() -> Iterator[Address]:
    command = [sys.executable, "-m", "support.hostile.echo"]
    with subprocess.Popen(command, cwd=CHECKOUT / "tests", stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield "127.0.0.1", int(process.stdout.readline())
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
    with _echoing() as echo:
        return _measure(attack, server, address, worker, echo)


def _measure(attack: Attack, server: Server, address: Address, worker: psutil.Process, echo: Address) -> Cost:
    before = ask_for(server.address, BEFORE, echo)
    rest, ended = worker.memory_info().rss, dict[str, int]()
    with _Watch(worker) as watch, _attacking(attack, address, ended):
        _longest_turn(server.address)
        ran, waited = _scheduled(worker.pid)
        during = ask_for(server.address, DURING, echo)
        ran, waited = (now - then for now, then in zip(_scheduled(worker.pid), (ran, waited), strict=True))
        turn = _longest_turn(server.address)
    return Cost(attack, before, during, watch.height - rest, turn, ran / DURING, (ran + waited) / ran, ended)


def _longest_turn(address: Address) -> float:
    """CPU seconds of the longest turn of the worker's loop since this was asked last; all of them take a few ms."""
    with Http1(address) as client:
        return float(client.get("/turn").body)


def _scheduled(pid: int) -> tuple[float, float]:
    """Seconds in which the worker's loop has run, and in which it could have run (schedstat of proc(5))."""
    ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(ran) / 1e9, int(waited) / 1e9
