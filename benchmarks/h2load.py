"""h2load, for HTTP/2 and as a second opinion on HTTP/1.1, also while something happens to the server.

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
from .load import Load, Target

CONNECTIONS = 32
STREAMS = 4
# More than any server answers before the reload that ends the run.
ENDLESS = 3_200_000
# A reload slows the load down; a run that is not over so long after its time never ends.
END_SECONDS = 60.0

# As many connections as a browser's site has visitors at a time, each with a few requests at once.
BROWSERS = 8
# So many different targets that a server which remembers heads gains nothing.
TARGETS = 20_000
BROWSER = (
    'sec-ch-ua: "Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
    "sec-ch-ua-mobile: ?0",
    'sec-ch-ua-platform: "Linux"',
    "upgrade-insecure-requests: 1",
    "user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "referer: https://127.0.0.1/articles",
    "accept-encoding: gzip, deflate, br, zstd",
    "accept-language: en-GB,en;q=0.9,de;q=0.8",
    "cookie: session=9e3779b97f4a7c15; theme=dark",
)

_PROTOCOL = re.compile(r"Application protocol: (\S+)")
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


def h2load_as_browser(target: Target, seconds: float) -> Load:
    """Load a server over HTTP/2 with a browser's headers: another target each time, for so many seconds."""
    with tempfile.TemporaryDirectory(prefix="trio-worker-h2load-") as name:
        log, targets = Path(name, "log"), Path(name, "targets")
        targets.write_text("".join(f"{target.url}?n={number}\n" for number in range(TARGETS)))
        headers = [word for header in BROWSER for word in ("-H", header)]
        shape = ["-t1", f"-c{BROWSERS}", f"-m{STREAMS}", f"-D{round(seconds * 1000)}ms"]
        command = ["h2load", *shape, *headers, "-i", str(targets), f"--log-file={log}"]
        _run(command, seconds + END_SECONDS)
        return as_load([line.split() for line in log.read_text().splitlines()], seconds)


def _run(command: list[str], limit: float) -> None:
    """Run it to its end. SubprocessError when the server has agreed to another protocol than HTTP/2."""
    done = subprocess.run(on_client_core(command), capture_output=True, text=True, check=True, timeout=limit)
    agreed = _PROTOCOL.search(done.stdout)
    if agreed and agreed[1] not in ("h2", "h2c"):
        raise subprocess.SubprocessError(f"h2load was served {agreed[1]}")


def as_load(answers: list[list[str]], seconds: float) -> Load:
    """Count the answers in its log: status -1 is a stream that failed, 0 one that the end of the run cut off."""
    whole = [(int(status), int(micros) / 1000) for _, status, micros in answers if int(status)]
    took = sorted(millis for _, millis in whole) or [0.0]
    bad = sum(not 200 <= status < 400 for status, _ in whole)
    p50, p99 = (took[int((len(took) - 1) * share)] for share in (0.5, 0.99))
    return Load(len(whole), seconds, 0, p50, p99, connect=0, read=0, write=0, timeout=0, status=bad)
