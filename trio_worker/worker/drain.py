"""The end of a worker's connections: gracefully, step by step within the mercy that uWSGI has, or at once.

Stop accepting comes before, exit after. In between: what is in flight finishes; idle keep-alive connections get one
more chance, because a request may be on its way already; then they end; and what is still there when the time is up
is aborted.
"""

import heapq
import logging
import operator
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import trio

from trio_worker.application.fence import Application
from trio_worker.application.gate import GatedApplication
from trio_worker.application.running import Running
from trio_worker.http.service import Service
from trio_worker.master.access_log.format import printable
from trio_worker.options import Options
from trio_worker.options.raw import RawOptions
from trio_worker.refusal import SHUTTING_DOWN
from trio_worker.transport.bounds import FIRST_BYTES_GRACE
from trio_worker.transport.connections import Connection

# To those who read the log it is the worker that drains.
log = logging.getLogger("trio_worker.worker")

T = TypeVar("T")

# The options by which an instance is in the pools of routers (uWSGI's subscription system).
SUBSCRIPTIONS = ("subscribe-to", "st", "subscribe", "subscribe2")

# Seconds for a router to take an instance out of its pool. The master tells it by a datagram just before it signals the
# workers, and the router goes on with this instance until it comes to read that.
LEAVE_POOL = 0.5

# Seconds after the linger that a drain may take before the log says what holds it, and of how many requests.
HOLD_GRACE = 0.5
NAMED = 20

# Connections and requests that are told of the end between two turns of the others: hundreds of them do something then.
AT_ONCE = 16

# Seconds that aborted connections have for their answers and cleanup before the worker goes on without them.
ABORT_GRACE = 1.5

# Seconds of the last one of the mercy for that. What is left then is for the shutdown of the app, whatever clients have
# not read.
LATE_ABORT = 0.5

# Seconds of them in which the answers to cancelled requests may leave, and between two looks whether they have.
ANSWER_GRACE = 0.3
ANSWER_POLL = 0.01


def is_awaited(options: Options, raw: RawOptions) -> bool:
    """Return True if a worker that is to drain goes on accepting, because somebody has to notice first."""
    return options.drain_delay > 0 or any(key in raw for key in SUBSCRIPTIONS)


async def leave_pool(raw: RawOptions, deadline: float) -> None:
    """Wait, while the worker still accepts, until the routers that the instance subscribes to have taken it out.

    What a router still sends would wait for the next worker otherwise, and be reset with the listening socket where the
    instance ends for good.

    Args:
        raw: the ini as uWSGI has it.
        deadline: when it has to be over in any case, on Trio's clock in seconds.
    """
    if any(key in raw for key in SUBSCRIPTIONS):
        with trio.move_on_at(deadline):
            await trio.sleep(LEAVE_POOL)


async def say_goodbye(service: Service, deadline: float) -> None:
    """Let the health check say that the worker drains, and go on accepting until those who ask it have noticed.

    Args:
        service: the worker's.
        deadline: when it has to be over in any case, on Trio's clock in seconds.
    """
    if isinstance(service.application, GatedApplication):
        service.application.serves = False
    with trio.move_on_at(deadline):
        await trio.sleep(service.options.drain_delay)


async def drain(service: Service, deadline: float) -> None:
    """End all connections gracefully; returns when none is left.

    Args:
        service: the worker's.
        deadline: when what is still running is cancelled, on Trio's clock in seconds.
    """
    service.draining.set()
    with trio.move_on_at(deadline):
        await _part(service)
        with trio.move_on_after(HOLD_GRACE):
            await _wait_done(service)
            return
        log.info("the drain waits for %s", _holders(service, deadline))
        with trio.move_on_after(FIRST_BYTES_GRACE):
            await _wait_done(service)
            return
        # Some had no protocol at the first time, and none has come since.
        await _tell_all(service, operator.methodcaller("end_linger"))
        await _wait_done(service)
    with trio.move_on_at(deadline + LATE_ABORT):
        await abort(service)


async def _part(service: Service) -> None:
    """Tell each connection that it ends, and end it when its linger is over: all at once, or spread over some time.

    It may go on in another protocol meanwhile, so whoever has its descriptor then is told.
    """
    began, descriptors = trio.current_time(), [each.wire.fileno() for each in service.connections]
    step = service.options.drain_spread / max(1, len(descriptors))
    linger = service.options.drain_linger
    told = ((number * step, operator.methodcaller("start_drain"), each) for number, each in enumerate(descriptors))
    ended = (
        (number * step + linger, operator.methodcaller("end_linger"), each) for number, each in enumerate(descriptors)
    )
    calls = heapq.merge(told, ended, key=operator.itemgetter(0))
    for number, (after, call, descriptor) in enumerate(calls, 1):
        if trio.current_time() < began + after:
            with trio.move_on_at(began + after):
                await service.connections.wait_empty()
                return
        if (connection := service.connections.get(descriptor)) is not None:
            call(connection)
        if not number % AT_ONCE:
            await trio.lowlevel.checkpoint()


async def _wait_done(service: Service) -> None:
    await service.connections.wait_empty()
    await service.application.wait_idle()  # Apps may go on after their answers, without a connection.


def _holders(service: Service, deadline: float) -> str:
    """Return which requests hold the drain, the oldest first, and for how long they still may."""
    requests = sorted(service.application.in_flight, key=lambda each: each.began)
    names = [_name(each) for each in requests[:NAMED]]
    if len(requests) > NAMED:
        names.append(f"{len(requests) - NAMED} more")
    left = f"at most {max(0.0, deadline - trio.current_time()):.1f} s"
    counts = f"{len(requests)} requests on {service.connections.count} connections"
    return ": ".join([f"{counts}, {left}", *([", ".join(names)] if names else [])])


def _name(request: Running) -> str:
    """Return method, path, client and age; no query, which may hold what is secret."""
    scope, age = request.scope, time.perf_counter() - request.began
    client = scope.get("client")
    address = f"{client[0]}:{client[1]}" if client else "a client without an address"
    return f"{scope['method']} {printable(scope['path'])} of {printable(address)} for {age:.1f} s"


async def abort(service: Service) -> None:
    """Cancel every request (503 where the response has not begun) and end every connection; bounded."""
    service.draining.set()
    await _refuse(service)
    await _tell_all(service, operator.methodcaller("abort"))
    with trio.move_on_after(ABORT_GRACE):
        await service.connections.wait_empty()


async def _refuse(service: Service) -> None:
    """Cancel every request, and let the answers leave before their connections end under them.

    An app that does not let itself be cancelled is not waited for: its client is answered without it.
    """
    application = service.application
    await _cancel_all(application)
    with trio.move_on_after(ANSWER_GRACE):
        while application.in_flight:
            await trio.sleep(ANSWER_POLL)
            await _cancel_all(application)  # Those as well that have begun meanwhile.
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await _each(
                application.in_flight,
                lambda request: nursery.start_soon(application.give_up, request, SHUTTING_DOWN),
            )
            scope.deadline = trio.current_time() + ANSWER_GRACE


async def _cancel_all(application: Application) -> None:
    await _each(application.in_flight, lambda request: request.cancel(SHUTTING_DOWN))


async def _tell_all(service: Service, call: Callable[[Connection], None]) -> None:
    """Tell each connection, or whatever goes on with its descriptor meanwhile."""

    def tell(descriptor: int) -> None:
        if (connection := service.connections.get(descriptor)) is not None:
            call(connection)

    await _each([each.wire.fileno() for each in service.connections], tell)


async def _each(things: Iterable[T], call: Callable[[T], None]) -> None:
    """Call this with all that there are now, a few in a turn of the loop."""
    for number, thing in enumerate(list(things), 1):
        call(thing)
        if not number % AT_ONCE:
            await trio.lowlevel.checkpoint()
