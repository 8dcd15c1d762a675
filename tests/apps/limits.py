"""The probe app with routes that misbehave, for limits, harakiri and statistics."""

import os
import threading
import time
from typing import Any

import probe
import trio
from probe import Receive, Scope, Send, _answer, app, query

__all__ = ["app"]

_kept: list[bytes] = []


class Forbidden(Exception):
    """One that an ini may name."""


async def _block(scope: Scope, receive: Receive, send: Send) -> None:
    """Keep the loop from turning."""
    probe.tell("blocking")
    time.sleep(query(scope, "seconds", 1))  # noqa: ASYNC251 - that is the point
    await _answer(send, b"blocked")


async def _grow(scope: Scope, receive: Receive, send: Send) -> None:
    """Take resident memory and keep it."""
    _kept.append(b"x" * (int(query(scope, "megabytes", 64)) << 20))
    await _answer(send, b"%d" % os.getpid())


async def _forbidden(scope: Scope, receive: Receive, send: Send) -> None:
    raise Forbidden("not here")


async def _forbidden_in_a_group(scope: Scope, receive: Receive, send: Send) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_forbidden, scope, receive, send)


async def _deadline(scope: Scope, receive: Receive, send: Send) -> None:
    """Set a deadline for this request, and another one if asked, and sleep."""
    import uwsgi

    uwsgi.set_user_harakiri(int(query(scope, "harakiri", 1)))
    if "then" in scope["query_string"].decode():
        uwsgi.set_user_harakiri(int(query(scope, "then", 0)))
    await trio.sleep(query(scope, "seconds", 1))
    await _answer(send, b"slept")


async def _deadline_in_a_thread(scope: Scope, receive: Receive, send: Send) -> None:
    import uwsgi

    await trio.to_thread.run_sync(uwsgi.set_user_harakiri, 1)
    await trio.sleep(query(scope, "seconds", 1))
    await _answer(send, b"slept")


async def _wait_in_a_thread(scope: Scope, receive: Receive, send: Send) -> None:
    def waits_here() -> None:
        probe.tell(f"waiting in {threading.current_thread().name}")
        time.sleep(query(scope, "seconds", 1))

    await trio.to_thread.run_sync(waits_here)
    await _answer(send, b"waited")


async def _sleep_in_a_nursery(scope: Scope, receive: Receive, send: Send) -> None:
    async def sleeps_here() -> None:
        await trio.sleep(query(scope, "seconds", 1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeps_here)
    await _answer(send, b"slept")


async def _status(scope: Scope, receive: Receive, send: Send) -> None:
    """What uWSGI says this worker does, seen from within a request."""
    import uwsgi

    worker: dict[str, Any] = uwsgi.workers()[uwsgi.worker_id() - 1]
    await _answer(send, worker["status"])


probe.ROUTES |= {
    "/block": _block,
    "/grow": _grow,
    "/forbidden": _forbidden,
    "/forbidden/group": _forbidden_in_a_group,
    "/deadline": _deadline,
    "/deadline/thread": _deadline_in_a_thread,
    "/thread": _wait_in_a_thread,
    "/nursery": _sleep_in_a_nursery,
    "/worker-status": _status,
}
