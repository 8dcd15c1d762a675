"""The signals of uWSGI's master and of persons, and what each makes a worker do.

| signal | sent by | the worker |
|---|---|---|
| SIGINT, SIGTERM | destroy, brutal reload | cancels everything, exits |
| SIGHUP | graceful reload | drains, exits |
| SIGWINCH | max-worker-lifetime, cheaper | drains, exits |
| SIGTSTP | pause, resume | stops or starts accepting |
| SIGUSR1 | a person | writes its counters to the log |
| SIGUSR2 | a person | writes its task tree with stacks to the log |
"""

import _thread
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

# As it was before the app could call one in its place.
exit_now = os._exit

DESTROY = (signal.SIGINT, signal.SIGTERM)
RELOAD = signal.SIGHUP
MAKE_WAY = signal.SIGWINCH
PAUSE = signal.SIGTSTP
COUNTERS = signal.SIGUSR1
TASKS = signal.SIGUSR2

_STDERR = 2

ALL = (*DESTROY, RELOAD, MAKE_WAY, PAUSE, COUNTERS, TASKS)


def take_over() -> None:
    """Take the signals from Python, which would raise KeyboardInterrupt where Trio does not listen any more."""
    for number in ALL:
        signal.signal(number, lambda number, frame: None)
    # The handler that Python knows of, and not what the master has besides.
    signal.signal(signal.SIGCHLD, signal.getsignal(signal.SIGCHLD))


def bound(seconds: float, code: int) -> None:
    """Exit so many seconds after the first graceful signal, even where the loop is stuck and hears of none.

    A master that reloads kills such a worker at the end of its mercy; one that stops gracefully would wait for ever.
    (core/uwsgi.c, gracefully_kill_them_all)
    """

    def exit_later() -> None:
        time.sleep(seconds)
        os.write(_STDERR, b"a worker was still running at the end of its mercy: its loop is stuck\n")
        exit_now(code)

    def begin(number: int, frame: FrameType | None) -> None:
        for each, handler in before.items():
            signal.signal(each, handler)
        # threading has locks that the code in which the signal has come may hold.
        _thread.start_new_thread(exit_later, ())
        before[number](number, frame)

    before: dict[int, Any] = {number: signal.getsignal(number) for number in (RELOAD, MAKE_WAY)}
    for number in before:
        signal.signal(number, begin)


def nudge(master: int) -> None:
    """Have the master look at once for a worker that has changed, if it listens: else it does within a second.

    It waits for events of descriptors, which a signal interrupts; `hook-master-start = unix_signal:17 worker_wakeup`
    gives it a handler that does nothing else. Without one the kernel drops SIGCHLD.
    """
    with suppress(OSError):  # The master may be another user's.
        os.kill(master, signal.SIGCHLD)


def unblock() -> None:
    """Let the signals come that override.py has blocked while nobody listened."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())


@contextmanager
def ending(exits: Mapping[int, int], before_exit: Callable[[], None]) -> Iterator[None]:
    """Let these signals end the process at once, each with its code: what blocks here listens to nothing else."""

    def end(number: int, frame: FrameType | None) -> None:
        before_exit()
        exit_now(exits[number])

    before = {number: signal.getsignal(number) for number in exits}
    try:
        for number in exits:
            signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_at(code: int) -> None:
    """Exit with this code at once when asked to end again; let other signals come to nothing, as Trio has ended."""
    for number in (RELOAD, MAKE_WAY, PAUSE, COUNTERS, TASKS):
        signal.signal(number, signal.SIG_IGN)
    for number in DESTROY:
        signal.signal(number, lambda number, frame: exit_now(code))


async def dispatch(received: AsyncIterator[int], handlers: Mapping[int, Callable[[], None]]) -> None:
    """Call the handler of each signal as it comes, until cancelled. A handler must not block."""
    async for number in received:
        handlers[number]()
