"""An app that lives by uWSGI's signals: each handler says in the log where and how it ran."""

import os
import sys
import threading
import time
from typing import Any

import trio
import uwsgi
from uwsgidecorators import cron, filemon, rbtimer, signal, timer

from trio_worker import async_handler, on_signal

ASYNC, ASYNC_ALL, SLOW, FAILING, ASYNC_FAILING = 101, 102, 103, 104, 105


def tell(text: str) -> None:
    """A line in uWSGI's log."""
    where = "loop" if threading.current_thread() is threading.main_thread() else "thread"
    print(f"{text} in worker {uwsgi.worker_id()} in a {where}", file=sys.stderr, flush=True)


@timer(1, target="workers")
def tick(number: int) -> None:
    tell("timer")


@rbtimer(1, target="worker1")
def tock(number: int) -> None:
    tell("rbtimer")


@cron(-1, -1, -1, -1, -1, target="worker1")
def each_minute(number: int) -> None:
    tell("cron")


@filemon(os.environ["MONITORED"], target="worker2")
def changed(number: int) -> None:
    tell("filemon")


@signal(SLOW, target="worker1")
def slow(number: int) -> None:
    tell("slow begins")
    time.sleep(2)
    tell("slow ends")


@signal(FAILING, target="worker1")
def failing(number: int) -> None:
    raise ValueError("raised by a handler")


@timer(1, target="worker2")
@async_handler
async def async_tick(number: int) -> None:
    tell("async timer")


@on_signal(ASYNC, target="worker1")
async def in_nursery(number: int) -> None:
    tell(f"async {number} begins")
    try:
        await trio.sleep_forever()
    finally:
        tell("async cancelled")


@on_signal(ASYNC_ALL, target="workers")
async def in_every_nursery(number: int) -> None:
    await trio.lowlevel.checkpoint()
    tell(f"async {number}")


@on_signal(ASYNC_FAILING, target="worker1")
async def failing_in_nursery(number: int) -> None:
    raise ValueError("raised in the nursery")


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """`/signal?N` raises a signal; everything else is answered at once."""
    if scope["type"] != "http":
        raise RuntimeError("no lifespan here")
    if scope["path"] == "/signal":
        uwsgi.signal(int(scope["query_string"]))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
