"""What was sent, what came of it, what the app has written down, and which fault explains a failure."""

import itertools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

# Seconds in which a request that waits for nothing is answered while nothing but the log is at fault.
PROMPT = 3.0


class Outcome(Enum):
    """What a client has seen of its request in the end."""

    ANSWERED = "answered"
    CANCELLED = "cancelled by the client"
    # A WebSocket was closed by 1012 while the message was on its way; the app has not seen it, or knows that it could
    # not answer any more.
    TURNED_AWAY = "closed by 1012"
    FAILED = "failed"


@dataclass
class Entry:
    """One request or message.

    Attributes:
        number: its id.
        client: who sent it.
        kind: what the app was to do.
        sent: when, as `time.monotonic` has it in every process of the machine.
        pid: the worker at the other end of the connection, None where the client does not know it yet.
        ended: when the client knew its outcome.
        outcome: None as long as it waits.
        why: what the client saw of a failure.
    """

    number: str
    client: str
    kind: str
    sent: float
    pid: int | None
    ended: float = 0.0
    outcome: Outcome | None = None
    why: str = ""


@dataclass
class Fault:
    """One fault.

    Attributes:
        name: which.
        began: when.
        ended: when it was mended and every worker served again.
        victims: workers that were killed; what they had in hand may fail, and nothing else may.
        hurts_log: only the log was at fault, which may not hold a request up.
    """

    name: str
    began: float
    ended: float = float("inf")
    victims: set[int] = field(default_factory=set)
    hurts_log: bool = False

    def explains(self, entry: Entry, pid: int | None) -> bool:
        """Return True if the request may have failed by this fault; `pid` is the worker that was given it."""
        worker = pid or entry.pid
        if worker is not None:  # Its client may find out long after its death.
            return worker in self.victims and entry.ended >= self.began
        return bool(self.victims) and entry.sent <= self.ended and entry.ended >= self.began


class Ledger:
    """The clients' side; threads write into it, each into entries of its own."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.faults: list[Fault] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def send(self, client: str, kind: str, pid: int | None = None) -> Entry:
        """Open an entry; the request leaves right after."""
        with self._lock:
            entry = Entry(str(next(self._numbers)), client, kind, time.monotonic(), pid)
            self.entries.append(entry)
        return entry

    @staticmethod
    def close(entry: Entry, outcome: Outcome, why: str = "") -> None:
        """Say what came of it, once."""
        assert entry.outcome is None, f"a second outcome of {entry}"
        entry.outcome, entry.why, entry.ended = outcome, why, time.monotonic()

    def counts(self) -> dict[str, Counter[Outcome | None]]:
        """How many requests of each client had each outcome."""
        found: dict[str, Counter[Outcome | None]] = defaultdict(Counter)
        for entry in self.entries:
            found[entry.client.partition(" ")[0]][entry.outcome] += 1
        return found

    def explained(self, entry: Entry, book: "Book") -> Fault | None:
        """The fault that explains a failure."""
        pid = book.worker(entry.number)
        return next((fault for fault in self.faults if fault.explains(entry, pid)), None)

    def faulty(self, book: "Book") -> list[str]:
        """All that does not balance, in words; empty when it does."""
        known = {entry.number for entry in self.entries}
        wrong = [f"the app was given {number}, which nobody sent" for number in book.begun if number not in known]
        killed = set().union(*(fault.victims for fault in self.faults))
        for entry in self.entries:
            wrong += [f"{complaint}: {entry}" for complaint in self._complaints(entry, book, killed)]
        return wrong

    def _complaints(self, entry: Entry, book: "Book", killed: set[int]) -> Iterator[str]:
        begun, answered = book.begun[entry.number], book.answered[entry.number]
        if entry.outcome is None:
            yield "no outcome"
        if len(begun) > 1 or len(answered) > 1:
            yield f"given to the app {len(begun)} times, answered {len(answered)} times"
        if entry.outcome is Outcome.ANSWERED and not begun:
            yield "answered, but not by the app"
        if entry.outcome is Outcome.ANSWERED and begun and not answered and not killed.intersection(begun):
            yield "answered, but the app was not told that it is through"
        if entry.outcome is Outcome.TURNED_AWAY and len(begun) != len(book.crossed[entry.number]):
            yield "closed by 1012 while the app has answered, or does not know that it cannot"
        if entry.outcome is Outcome.FAILED and not self.explained(entry, book):
            yield "failed without a fault that explains it"
        yield from self._held_up(entry)

    def _held_up(self, entry: Entry) -> Iterable[str]:
        for fault in self.faults:
            within = fault.began <= entry.sent and entry.ended <= fault.ended
            if fault.hurts_log and within and entry.kind == "hello" and entry.ended - entry.sent > PROMPT:
                yield f"held up for {entry.ended - entry.sent:.1f} s by a fault of the log ({fault.name})"


class Book:
    """The app's side: which worker was given an id, which has answered it, and which could not any more."""

    def __init__(self, path: Path) -> None:
        self.begun: dict[str, list[int]] = defaultdict(list)
        self.answered: dict[str, list[int]] = defaultdict(list)
        self.crossed: dict[str, list[int]] = defaultdict(list)
        events = {"begun": self.begun, "answered": self.answered, "crossed": self.crossed}
        for line in path.read_text().splitlines():
            event, number, pid, _ = line.split()
            events[event][number].append(int(pid))

    def worker(self, number: str) -> int | None:
        """The process that was given a request."""
        return self.begun[number][0] if self.begun[number] else None
