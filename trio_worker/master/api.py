"""The calls of the `uwsgi` module that can block, for async code.

A call that blocks holds up every request of the worker. These wrappers have the names, arguments and results of
uWSGI's own functions and run them in a thread; a call that is cancelled returns at once, goes on in its thread and may
still take effect. Locks are context managers:

    from trio_worker.master import api as uwsgi_api

    async with uwsgi_api.lock():
        balance = await uwsgi_api.cache_get("balance")

How to call each function of the `uwsgi` module:

| calls | from async code |
|---|---|
| lock, unlock | `lock()` here: it may wait for another process for ever |
| sharedarea_rlock, _wlock, _unlock | `sharedarea_lock()` here, for the same reason |
| rpc, call, signal to another node | here: they wait for a network or for another function |
| cache_* | here: they wait while another process copies a value, or for the network (`cache@host:port`) |
| queue_* | here: they wait while another process copies an item |
| spool, spooler_jobs, spooler_get_task | here: they work on files |
| mule_msg | here it waits for room in the mule's queue; uWSGI's own drops the message and says so in the log. \
uWSGI 2.0.31 cannot start mules together with py-call-uwsgi-fork-hooks, which Python 3.13 needs |
| mule_get_msg, farm_get_msg | in mules only, as ever: they wait for a message |
| sharedarea_read, _write, _inc64 ... | as they are: they copy a few bytes |
| metric_*, snmp_*, alarm, log, signal, farm_msg, is_locked | as they are: they do not wait |
| register_signal, register_rpc, add_timer, add_rb_timer, add_cron, add_file_monitor | as they are |
| reload, stop, workers, worker_id, masterpid, mem, listen_queue, total_requests, opt ... | as they are |
| set_logvar, get_logvar, log_this_request, set_user_harakiri | as they are: the worker makes them mean its request |
| signal_wait, accepting | not at all: the worker does it |
| send, recv, connect, close, is_connected, wait_fd_*, ready_fd, async_* | not at all: uWSGI's loop is not running |
| websocket_*, chunked_read*, sendfile, offload, disconnect, add_var, route ... | not at all: ASGI has the same |
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import trio

from trio_worker.master.locks import shared_lock

Data = str | bytes

# Seconds between the first two attempts to put a message into a full queue; it doubles up to the longest.
FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.5


def _function(name: str) -> Any:
    import uwsgi

    return getattr(uwsgi, name)


async def _in_thread(name: str, *args: Any) -> Any:
    return await trio.to_thread.run_sync(partial(_function(name), *args), abandon_on_cancel=True)


def _given(*args: Any) -> tuple[Any, ...]:
    """Return the arguments up to the first one that was left out."""
    return args[: args.index(None)] if None in args else args


# Locks.


def lock(number: int = 0) -> AbstractAsyncContextManager[None]:
    """Hold a lock shared by all processes of the instance (uWSGI's `locks`) in the body of `async with`.

    Waiting can be cancelled. A process that dies releases what it held.

    Args:
        number: the lock's number; `locks = N` in the ini makes 1 to N besides 0.

    Raises:
        ValueError: there is no such lock, on entering.
    """
    take, give = partial(_function("lock"), number), partial(_function("unlock"), number)
    return shared_lock("lock", number, take, give).holding()


def sharedarea_lock(area: int, write: bool = True) -> AbstractAsyncContextManager[None]:
    """Hold the lock of a shared area (uWSGI's `sharedarea`) in the body of `async with`.

    uWSGI's own functions for the area take the lock themselves: in the body use `uwsgi.sharedarea_memoryview`.

    Args:
        area: the area's number.
        write: whether to keep other readers out as well.
    """
    kind = "sharedarea_wlock" if write else "sharedarea_rlock"
    take, give = partial(_function(kind), area), partial(_function("sharedarea_unlock"), area)
    return shared_lock(kind, area, take, give).holding()


# Other processes and nodes.


async def rpc(node: Data | None, name: Data, *args: Data) -> bytes | None:
    """Call a registered function, here (`node` None or "") or on another node ("host:port", "/path")."""
    result: bytes | None = await _in_thread("rpc", _bytes(node or b""), *map(_bytes, (name, *args)))
    return result


async def call(name: Data, *args: Data) -> bytes | None:
    """Call a registered function; "name@host:port" calls it on another node."""
    result: bytes | None = await _in_thread("call", *map(_bytes, (name, *args)))
    return result


async def signal(number: int, node: Data | None = None) -> None:
    """Raise a uWSGI signal, here or on another node."""
    await _in_thread("signal", *_given(number, node))


async def mule_msg(message: Data, mule: int | str | None = None) -> None:
    """Send a message to a mule (its number), to a farm (its name) or to any mule; wait while its queue is full.

    Raises:
        ValueError: there is no such mule or farm.
    """
    pause = FIRST_PAUSE
    while not _function("mule_msg")(*_given(message, mule)):
        await trio.sleep(pause)
        pause = min(LONGEST_PAUSE, 2 * pause)
    await trio.lowlevel.checkpoint()


async def spool(job: Mapping[bytes, bytes] | None = None, /, **keys: Data) -> bytes:
    """Give a job to the spooler, and return the name of its file.

    Args:
        job: keys and values in bytes, as `uwsgi.spool` takes them.
        keys: the same as keyword arguments.

    Raises:
        ValueError: it cannot be spooled.
    """
    whole = {**(job or {}), **{key.encode(): _bytes(value) for key, value in keys.items()}}
    result: bytes = await _in_thread("spool", whole)
    return result


async def spooler_jobs() -> list[str]:
    """Return the paths of the jobs that wait."""
    result: list[str] = await _in_thread("spooler_jobs")
    return result


async def spooler_get_task(path: str) -> dict[bytes, bytes] | None:
    """Return a waiting job by its path."""
    result: dict[bytes, bytes] | None = await _in_thread("spooler_get_task", path)
    return result


# The cache. `cache` is a cache's name, perhaps with a node ("name@host:port"), by default the first one.


async def cache_get(key: Data, cache: str | None = None) -> bytes | None:
    """Return the value of a key, None without one."""
    result: bytes | None = await _in_thread("cache_get", *_given(key, cache))
    return result


async def cache_exists(key: Data, cache: str | None = None) -> bool:
    """Return True if the key has a value."""
    return bool(await _in_thread("cache_exists", *_given(key, cache)))


async def cache_set(key: Data, value: Data, expires: int = 0, cache: str | None = None) -> bool:
    """Set a value unless there is one; `expires` in seconds, 0 for never. False when it is not set."""
    return bool(await _in_thread("cache_set", *_given(key, value, expires, cache)))


async def cache_update(key: Data, value: Data, expires: int = 0, cache: str | None = None) -> bool:
    """Set a value, `expires` in seconds, 0 for never. False when there is no room for it."""
    return bool(await _in_thread("cache_update", *_given(key, value, expires, cache)))


async def cache_del(key: Data, cache: str | None = None) -> bool:
    """Remove a key. False when there is none."""
    return bool(await _in_thread("cache_del", *_given(key, cache)))


async def cache_clear(cache: str | None = None) -> bool:
    """Remove all keys."""
    return bool(await _in_thread("cache_clear", *_given(cache)))


async def cache_inc(key: Data, by: int = 1, expires: int = 0, cache: str | None = None) -> bool:
    """Add to a number in the cache (8 bytes; `cache_num` reads it). False when it cannot be done."""
    return bool(await _in_thread("cache_inc", *_given(key, by, expires, cache)))


async def cache_dec(key: Data, by: int = 1, expires: int = 0, cache: str | None = None) -> bool:
    """Subtract from a number in the cache. False when it cannot be done."""
    return bool(await _in_thread("cache_dec", *_given(key, by, expires, cache)))


async def cache_num(key: Data, cache: str | None = None) -> int:
    """Return a number in the cache, 0 without one."""
    result: int = await _in_thread("cache_num", *_given(key, cache))
    return result


async def cache_keys(cache: str | None = None) -> list[bytes]:
    """Return all keys of a local cache."""
    result: list[bytes] = await _in_thread("cache_keys", *_given(cache))
    return result


# The queue.


async def queue_push(item: Data) -> bool:
    """Put an item at the end. False when it is too large."""
    return bool(await _in_thread("queue_push", item))


async def queue_pull() -> bytes | None:
    """Take the oldest item, None without one."""
    result: bytes | None = await _in_thread("queue_pull")
    return result


async def queue_pop() -> bytes | None:
    """Take the newest item, None without one."""
    result: bytes | None = await _in_thread("queue_pop")
    return result


async def queue_get(slot: int) -> bytes | None:
    """Return the item in a slot, None without one."""
    result: bytes | None = await _in_thread("queue_get", slot)
    return result


async def queue_set(slot: int, item: Data) -> bool:
    """Write a slot. False when it cannot be done."""
    return bool(await _in_thread("queue_set", slot, item))


def _bytes(value: Data) -> bytes:
    return value.encode() if isinstance(value, str) else value
