"""Cases drawn by a seed: what the app `scripted` sends, in which protocol, to whom; and whether what came is right."""

import json
import random
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import delivery
from support.bodies import body_of
from support.certificates import Authority
from support.delivery import Came, Reading
from support.uwsgi import Server

KINDS = (
    *("HTTP/1.0", "HTTP/1.0 TLS", "HTTP/1.0 UNIX", "HTTP/1.1", "HTTP/1.1 TLS", "HTTP/1.1 UNIX", "HTTP/1.1 pipelined"),
    *("packet", "packet UNIX", "HTTP/2", "HTTP/2 TLS"),
    *("WebSocket", "WebSocket deflate", "WebSocket TLS", "WebSocket UNIX", "WebSocket packet"),
)

# What a client asks a front in; HTTP/2 would be the front's own. No early hints, which nginx before 1.29 takes for the
# answer.
FRONT_KINDS = ("HTTP/1.0", "HTTP/1.1", "HTTP/1.1 pipelined", "WebSocket", "WebSocket deflate")

# A client that closes its side can say no more: windows of HTTP/2 and closes of WebSockets need that.
HALF_CLOSING_KINDS = (
    "HTTP/1.0",
    "HTTP/1.0 UNIX",
    "HTTP/1.1",
    "HTTP/1.1 UNIX",
    "HTTP/1.1 pipelined",
    "packet",
    "packet UNIX",
)

# Clients at a time.
_CLIENTS = 12

_SIZES = (0, 1, 10, 100, 5000, 16383, 16385, 65536, 100_000, 300_000)
_WAITS = (0, 1, 10, 60, 150)

# Seconds after an answer that its app has to say what it has sent.
_TOLD = 5.0


@dataclass
class Way:
    """What is between the client and the app.

    Attributes:
        front: an address in the place of the worker's own sockets.
        hides_cuts: whether the front brings an answer whose length it was not told to an end as if it were whole.
        cuts: whether the worker may go away at any time, so that what it has accepted need not all arrive.
        half_closes: whether clients close their side as soon as they have asked.
    """

    front: tuple[str, int] | None = None
    hides_cuts: bool = False
    cuts: bool = False
    half_closes: bool = False


DIRECT = Way()


class Case:
    """One connection.

    Args:
        seed: draws all of it.
        first: the number of its first request; those of the next case are ten further on.
        kind: of KINDS; drawn without one.
        last: steps in the place of the last ones of each answer.
        way: to the app.
    """

    def __init__(self, seed: str, first: int, kind: str = "", last: str = "", way: Way = DIRECT) -> None:
        self._way = way
        self._rng = rng = random.Random(seed)
        self._seed, self._last = seed, last
        self.kind = kind or rng.choice(KINDS)
        self._has_hints = way.front is None and "HTTP/1.0" not in self.kind
        self._is_session = self.kind.startswith("WebSocket")
        self.is_slow = slow = rng.random() < 0.6
        self._reading = Reading(
            rng.choice((0, 2304, 65536)),
            rng.choice((0, 0.1, 0.4, 1.2)) if slow else 0,
            rng.choice((1000, 4096, 65536, 262_144)),
            rng.choice((0.001, 0.02, 0.2)) if slow else 0,
            rng.choice((0, 3, 5, 12)),
            way.half_closes,
        )
        count = 3 if "pipelined" in self.kind or "HTTP/2" in self.kind else 1
        self.numbers = list(range(first, first + count))
        make = self._session if self._is_session else self._answer
        self.paths = [f"/?id={number}&do={make()}" for number in self.numbers]

    def __str__(self) -> str:
        return f"seed {self._seed}: {self.kind} {self._reading} {self.paths}"

    def _answer(self) -> str:
        rng, steps = self._rng, []
        for _ in range(rng.randint(1, 8)):
            what = rng.choices("pvfwj", (12, 2, 2, 3, 1))[0]
            size = rng.choice(_WAITS if what == "w" else (3, 70, 300) if what == "j" else _SIZES)
            steps.append(f"{what}{size}")
        end = rng.choices("PFnxq", (14, 1, 1, 2, 2))[0]
        steps.append(self._last or (end if end in "xq" else f"{end}{rng.choice(_SIZES)}"))
        more = rng.random()
        if more < 0.25:
            size = sum(int(each[1:]) * (16 if each[0] == "j" else 1) for each in steps if each[0] in "pPvfFnj")
            return ".".join(steps) + f"&length={size if steps[-1][0] in 'PFn' else size + 5}"
        if more < 0.35 and steps[-1][0] in "PFn":
            return ".".join([*steps, "t"]) + "&trailers=1"
        return ".".join(["h", *steps] if more > 0.9 and self._has_hints else steps)

    def _session(self) -> str:
        rng = self._rng
        steps = [f"{what}{rng.choice(_WAITS if what == 'w' else _SIZES)}" for what in rng.choices("mmsggw", k=10)]
        return ".".join([*steps, rng.choice(("x", "z1000", "z1001", "w1", "w1"))])

    def run(self, server: Server, authority: Authority) -> list[str]:
        """Ask, and return what is wrong."""
        context = None
        if "TLS" in self.kind:
            context = authority.client_context("h2" if "HTTP/2" in self.kind else "http/1.1")
        target = self._way.front or (server.unix_path if "UNIX" in self.kind else server.address)
        try:
            with delivery.open_socket(target, self._reading, context) as sock:
                came = self._ask(sock)
        except (OSError, AssertionError, ValueError) as error:
            return [] if self._way.cuts and isinstance(error, OSError) else [f"{error!r}: {self}"]
        faults = []
        for number, each in zip(self.numbers, came, strict=False):
            said = told(server.directory, number, _TOLD if each.status else 0)
            if said is not None:
                faults += [f"{fault}: {said}, {self}" for fault in self._judge(each, said)]
            elif each.status and not (self._way.cuts and each.status == 503):
                faults.append(f"the app says nothing: {number} of {self}")
        return faults

    def _ask(self, sock: Any) -> list[Came]:
        path, reading = self.paths[0], self._reading
        if self._is_session:
            receives = sum(each.startswith("g") for each in path.partition("do=")[2].split("."))
            return delivery.ask_websocket(
                sock, path, reading, "deflate" in self.kind, receives, as_packet="packet" in self.kind
            )
        if "packet" in self.kind:
            return delivery.ask_packet(sock, path, reading)
        if "HTTP/2" in self.kind:
            return delivery.ask_http2(sock, self.paths, reading)
        return delivery.ask_http1(sock, self.paths, self.kind[5:8], reading)

    def _judge(self, came: Came, said: dict[str, Any]) -> list[str]:
        way = self._way
        if self._is_session:
            return judge_session(came, said, way.cuts)
        if way.hides_cuts and "length" not in self.paths[said["number"] - self.numbers[0]]:
            came.whole = None
        return judge_answer(came, said, way.cuts, way.front is not None)


def draw(seed: str, count: int, kinds: Iterable[str] = KINDS, way: Way = DIRECT) -> list[Case]:
    """Return so many cases of these kinds."""
    rng, among = random.Random(seed), list(kinds)
    return [Case(f"{seed}-{number}", number * 10 + 1, rng.choice(among), way=way) for number in range(count)]


def faults_of(cases: Iterable[Case], server: Server, authority: Authority) -> list[str]:
    """Run the cases, several at a time, and return what is wrong with each."""
    with ThreadPoolExecutor(_CLIENTS) as pool:
        return [fault for each in pool.map(lambda case: case.run(server, authority), cases) for fault in each]


def told(directory: Path, number: int, timeout: float) -> dict[str, Any] | None:
    """Return what the app says of a request; None where it says nothing in this time."""
    end = time.monotonic() + timeout
    while True:
        said = all_told(directory).get(number)
        if said is not None or time.monotonic() > end:
            return said
        time.sleep(0.02)


def all_told(directory: Path) -> dict[int, dict[str, Any]]:
    """Return what the app says of all requests, by their numbers."""
    file = directory / "told"
    lines = file.read_text().splitlines() if file.exists() else []
    return {line["number"]: line for line in map(json.loads, lines)}


def judge_answer(came: Came, said: dict[str, Any], cuts: bool = False, by_front: bool = False) -> list[str]:
    """Return what is wrong with an answer; one that may be cut off may end anywhere, if its client sees it."""
    accepted, size = said["accepted"], len(came.body)
    if (came.status in (500, 504) and not said["given"]) or (cuts and came.status in (0, 503)):
        return []
    faults = [] if came.body == body_of(said["number"], 0, size) else ["other bytes"]
    if said["whole"] and (came.whole is False or size != accepted) and not (cuts and not came.whole):
        faults.append(f"of the whole came {size} bytes, as a whole: {came.whole}")
    # A front drops what it keeps for a slow client when it finds that the rest does not come.
    is_short = size < accepted and not (cuts or by_front)
    # An app may be cancelled in its last message, of which all has left.
    is_last = cuts and said["ended"] == "Cancelled" and size == said["given"]
    if not said["whole"] and ((came.whole and not is_last) or is_short):
        faults.append(f"of a part came {size} bytes, as a whole: {came.whole}")
    return faults


def judge_session(came: Came, said: dict[str, Any], cuts: bool = False) -> list[str]:
    """Return what is wrong with a session, whose messages are bytes, or characters of Latin-1."""
    faults = []
    for at, message in enumerate(came.messages):
        data = body_of(said["number"], at * 1009, len(message))
        if message != data and message != data.decode("latin-1").encode()[: len(message)]:
            faults.append(f"message {at} has other bytes")
    if len(came.messages) < said["accepted"] and not cuts:
        faults.append(f"{len(came.messages)} messages came")
    return faults
