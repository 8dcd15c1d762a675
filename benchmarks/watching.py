"""What it costs to be looked at: the figures that `trio-status` keeps, and its page when five have it open."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from .load import Load
from .loader import Loader
from .plan import Plan
from .rates import Rounds, as_raw
from .report import Finding, Table
from .rows import WARM_UP_SECONDS
from .running import QUART, running
from .servers import STATUS_SOCKET, WITH_STATUS, WORKER

# Browsers that have the page open; each of them reads its events once a second.
PAGES = 5

PLAIN, KEPT, WATCHED = "without trio-status", "with trio-status", f"and the page open {PAGES} times"


def measure_watching(plan: Plan) -> Finding:
    """Measure Quart hello without a status, with one, and with its page open; rates and processor time."""
    loads: dict[str, list[Load]] = {}
    for _ in range(plan.rounds):
        for name in (PLAIN, KEPT, WATCHED):
            loads.setdefault(name, []).append(_measure(plan, name))
            plan.say(f"watching {name}: {loads[name][-1].per_second:,.0f}/s, {loads[name][-1].cpu_micros:.1f} us")
    return Finding("watching", [_table(loads)], {"quart": as_raw(loads)})


def _measure(plan: Plan, name: str) -> Load:
    server = WORKER if name == PLAIN else WITH_STATUS
    with running(server, QUART, plan.override) as started:
        browser = Loader()
        browser(started.target, WARM_UP_SECONDS)
        with open_pages(started.site.folder / STATUS_SOCKET, PAGES if name == WATCHED else 0):
            return started.measure(partial(browser, started.target, plan.seconds))


@contextlib.contextmanager
def open_pages(path: Path, count: int) -> Iterator[None]:
    """Read the page's events as so many browsers do, while the block runs."""
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(count):
            page = stack.enter_context(socket.socket(socket.AF_UNIX))
            page.connect(str(path))
            page.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if not page.recv(65536).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("the status page has no events")
            selector.register(page, selectors.EVENT_READ)
        over = threading.Event()
        reader = threading.Thread(target=_read, args=(selector, over))
        reader.start()
        try:
            yield
        finally:
            over.set()
            reader.join()


def _read(selector: selectors.BaseSelector, over: threading.Event) -> None:
    while not over.is_set():
        for key, _ in selector.select(0.1):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.recv(1 << 20)


def _table(loads: Rounds) -> Table:
    table = Table("Quart hello, looked at", ["", "requests/s", "of the rate without", "CPU us", "of the time without"])
    for name, measured in loads.items():
        pairs = list(zip(measured, loads[PLAIN], strict=True))
        rate = median(each.per_second / plain.per_second for each, plain in pairs)
        cost = median(each.cpu_micros / plain.cpu_micros for each, plain in pairs)
        micros = median(each.cpu_micros for each in measured)
        per_second = median(each.per_second for each in measured)
        table.add(name, f"{per_second:,.0f}", f"{rate:.3f}x", f"{micros:.1f}", f"{cost:.3f}x")
    return table
