"""h2load, for HTTP/2 and as a second opinion on HTTP/1.1, while something happens to the server.

Of its report only some counts can be used, and only when the run ended by itself:

- *failed* and *errored* are no losses: in a timed run they cancel out to 0; a status line without a reason
  phrase (RFC 9112 section 4 allows it, Hypercorn sends it) counts as failed; and so does the request that it
  could not send any more on a connection which a GOAWAY has ended in good order.
- Requests *started* less requests *done*, in a run that counts requests and not seconds, have never been
  answered; with the answers of 4xx and 5xx they are what was lost over HTTP/1.1.
- Over HTTP/2 its log says which requests have left: one that waited in its queue when the GOAWAY came has a
  time of 0 there, and a client that is no benchmark sends it on another connection (RFC 9113 section 6.8).
"""

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .cores import on_client_core

CONNECTIONS = 32
STREAMS = 4
# More than any server answers before the reload that ends the run.
ENDLESS = 3_200_000
# A reload slows the load down; a run that is not over so long after its time never ends.
END_SECONDS = 60.0

_COUNTS = re.compile(r"(\d+) started, (\d+) done.*?(\d+) 4xx, (\d+) 5xx", re.DOTALL)


@dataclass(frozen=True)
class Counts:
    """What h2load reports of its requests, two of them by their status, and those its log shows to be lost."""

    started: int
    done: int
    of_4xx: int
    of_5xx: int
    lost_over_http2: int

    @property
    def lost_over_http1(self) -> int:
        return self.started - self.done + self.of_4xx + self.of_5xx


class Background:
    """An h2load that is running."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process = process
        self._log = log
        self._counts: Counts | None = None

    def is_running(self) -> bool:
        return self._process.poll() is None

    def run_for(self, seconds: float) -> bool:
        """Let it load the server for so long; whether it is still at it then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.is_running()

    def finish(self) -> None:
        output, _ = self._process.communicate(timeout=END_SECONDS)
        found = _COUNTS.search(output)
        if found is None:
            raise subprocess.SubprocessError(f"h2load reported no counts: {output[-200:]!r}")
        lost = sum(map(_is_lost, self._log.read_text().splitlines()))
        started, done, of_4xx, of_5xx = map(int, found.groups())
        self._counts = Counts(started, done, of_4xx, of_5xx, lost)

    def result(self) -> Counts:
        """What it counted; after its with block."""
        assert self._counts is not None
        return self._counts


def h2load_http1(url: str, requests: int) -> contextlib.AbstractContextManager[Background]:
    """So many requests over keep-alive connections; the with block ends when the run does."""
    return _running(["--h1", "-n", str(requests), url])


def h2load_http2(url: str) -> contextlib.AbstractContextManager[Background]:
    """HTTP/2 by prior knowledge until the server has ended every connection; the with block ends then."""
    return _running(["-m", str(STREAMS), "-n", str(ENDLESS), url])


def _is_lost(line: str) -> bool:
    """Whether a line of its log (when it left in microseconds, status, how long it took) tells of a loss."""
    left, status, _ = line.split()
    return int(left) > 0 and not 200 <= int(status) < 400


@contextlib.contextmanager
def _running(options: list[str]) -> Iterator[Background]:
    with tempfile.NamedTemporaryFile(prefix="trio-worker-h2load-") as log:
        command = ["h2load", "-t1", f"-c{CONNECTIONS}", f"--log-file={log.name}", *options]
        process = subprocess.Popen(
            on_client_core(command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            load = Background(process, Path(log.name))
            yield load
            load.finish()
        finally:
            process.kill()
            process.wait()
