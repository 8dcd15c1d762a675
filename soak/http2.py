"""HTTP/2 over TLS by curl, which keeps its connection, and opens another when that says GOAWAY.

httpx would not do: it fails requests that a GOAWAY lets end.
"""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import trio

from .server import Server
from .tally import PATIENCE, PAUSE, Tally

# For each transfer: curl's exit code, the status, the bytes of the answer, the seconds that it took.
REPORT = "%{exitcode} %{http_code} %{size_download} %{time_total}\\n"

# curl's exit code where --max-time has passed.
TIMED_OUT = "28"


@dataclass(frozen=True)
class Transfers:
    """One curl, and what is to come of each of its transfers.

    Attributes:
        name: of the client.
        command: of curl.
        expected: its exit code, the status, and the bytes of the answer.
    """

    name: str
    command: list[str]
    expected: tuple[str, str, str]

    async def run(self, tally: Tally) -> None:
        """Run curl until cancelled."""
        async with trio.open_nursery() as nursery:
            run = partial(trio.run_process, self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            process = await nursery.start(run)
            rest = b""
            async for piece in process.stdout:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._count(line.decode(), tally)

    def _count(self, line: str, tally: Tally) -> None:
        *outcome, seconds = line.split()
        if tuple(outcome) != self.expected:
            tally.failed(self.name, line)
        elif outcome[0] == TIMED_OUT:
            tally.gave_up()
        else:
            tally.answered(float(seconds))


def http2_transfers(server: Server) -> Iterator[Transfers]:
    """Return the curls, whose files lie in the server's folder."""
    body = server.folder / "body"
    body.write_bytes(b"b" * 100_000)
    yield _transfers(server, "HTTP/2", "", ("0", "200", "5"))
    yield _transfers(server, "HTTP/2 stream", "stream", ("0", "200", str(16 * 65536)))
    yield _transfers(server, "HTTP/2 upload", "length", ("0", "200", "6"), ["--data-binary", f"@{body}"])
    yield _transfers(server, "HTTP/2 gives up", "slow", (TIMED_OUT, "000", "0"), patience=PAUSE)


def _transfers(
    server: Server,
    name: str,
    path: str,
    expected: tuple[str, str, str],
    more: Sequence[str] = (),
    patience: float = PATIENCE,
) -> Transfers:
    options = {
        "--rate": f"{round(1 / PAUSE)}/s",
        "--cacert": str(server.folder / "ca.pem"),
        "--output": str(server.folder / "transfer"),
        "--write-out": REPORT,
        "--max-time": str(patience),
    }
    words = [word for option in options.items() for word in option]
    url = f"https://127.0.0.1:{server.port}/{path}?number=[1-10000000]"
    return Transfers(name, ["curl", "--silent", "--http2", *words, *more, url], expected)
