"""A load and what it counted; and wrk, a closed-loop client: each connection asks again as soon as it is answered."""

import contextlib
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .cores import on_client_core

SCRIPT = Path(__file__).with_name("wrk.lua")
CONNECTIONS = 32
# wrk counts an answer later than its timeout as an error, and its default of 2 s is about what a reload of a
# whole uWSGI instance takes: nothing is lost there, it is late.
TIMEOUT = "30s"
# Longer than any measurement that is ended by stop().
OPEN_END_SECONDS = 3600


@dataclass(frozen=True)
class Target:
    """An address on the loopback, what to ask for there, and the file to post, if any."""

    port: int
    path: str = "/"
    tls: bool = False
    body: Path | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{self.path}"


@dataclass(frozen=True)
class Load:
    """The counts of a client, and the processor time that the server's workers took meanwhile."""

    requests: int
    seconds: float
    bytes: int
    p50_ms: float
    p99_ms: float
    connect: int
    read: int
    write: int
    timeout: int
    status: int
    cpu_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_micros(self) -> float:
        """Processor time of a request."""
        return self.cpu_seconds / self.requests * 1e6 if self.requests else 0.0

    @property
    def failed(self) -> int:
        """Socket errors, timeouts and answers that are not 2xx or 3xx."""
        return self.connect + self.read + self.write + self.timeout + self.status


# Loads a target for so many seconds.
Client = Callable[[Target, float], Load]

# What wrk sends: the same GET again and again, a browser's with another head each time, or a POST with this file.
Requests = Path | Literal["browser"] | None


def wrk(url: str, seconds: float, requests: Requests = None) -> Load:
    """Load the URL for so many whole seconds."""
    command = _command(url, max(1, round(seconds)), requests)
    return _parse(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def wrk_as_browser(target: Target, seconds: float) -> Load:
    """Load the target with a browser's heads, none of which repeats; for TLS, which the loader does not speak."""
    return wrk(target.url, seconds, "browser")


class Background:
    """A wrk that runs until `stop()`, which returns what it counted."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run_for(self, seconds: float) -> None:
        """Let it load the server for so long. Raises CalledProcessError when it has ended before its time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise subprocess.CalledProcessError(self._process.wait(seconds), "wrk")

    def stop(self) -> Load:
        self._process.send_signal(signal.SIGINT)
        output, _ = self._process.communicate(timeout=30)
        return _parse(output)


@contextlib.contextmanager
def wrk_in_background(url: str, requests: Requests = None) -> Iterator[Background]:
    command = _command(url, OPEN_END_SECONDS, requests)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield Background(process)
    finally:
        process.kill()
        process.wait()


def _command(url: str, seconds: int, requests: Requests) -> list[str]:
    shape = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", TIMEOUT]
    arguments = ["--", str(requests)] if requests else []
    return on_client_core(["wrk", *shape, "--latency", "-s", str(SCRIPT), url, *arguments])


def _parse(output: str) -> Load:
    return Load(**json.loads(output.strip().splitlines()[-1]))
