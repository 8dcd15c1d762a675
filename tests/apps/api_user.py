"""An app whose routes use uWSGI's api from async code."""

import os
import sys
from typing import Any
from urllib.parse import parse_qsl

import trio
import uwsgi

from trio_worker import get_logvar, set_logvar, uwsgi_api


def tell(text: str) -> None:
    """A line in uWSGI's log."""
    print(text, file=sys.stderr, flush=True)


def reverse(text: bytes) -> bytes:
    return text[::-1]


def spooler(job: dict[bytes, bytes]) -> int:
    tell(f"spooled {job[b'what'].decode()}")
    result: Any = uwsgi.SPOOL_OK
    return int(result)


uwsgi.register_rpc("reverse", reverse)
uwsgi.spooler = spooler


async def hold(seconds: str, number: str = "0") -> str:
    async with uwsgi_api.lock(int(number)):
        tell(f"held by {os.getpid()}")
        await trio.sleep(float(seconds))
        tell(f"released by {os.getpid()}")
    return str(uwsgi.is_locked(int(number)))


async def give_up(seconds: str, number: str = "0") -> str:
    with trio.move_on_after(float(seconds)) as scope:
        async with uwsgi_api.lock(int(number)):
            return "held"
    return f"gave up {scope.cancelled_caught}"


async def is_locked(number: str = "0") -> str:
    return str(uwsgi.is_locked(int(number)))


async def no_such_lock() -> str:
    try:
        async with uwsgi_api.lock(99):
            return "held"
    except ValueError as error:
        return str(error)


async def in_order(count: str) -> str:
    """Tasks that ask for one lock: how many were in it at the same time, at most."""
    inside = most = 0

    async def enter() -> None:
        nonlocal inside, most
        async with uwsgi_api.lock():
            inside += 1
            most = max(most, inside)
            await trio.sleep(0.001)
            inside -= 1

    async with trio.open_nursery() as nursery:
        for _ in range(int(count)):
            nursery.start_soon(enter)
    return str(most)


async def add(count: str) -> str:
    """Add to a number in the shared area that every worker adds to; between reading and writing nobody else may."""
    view = uwsgi.sharedarea_memoryview(0)
    for _ in range(int(count)):
        async with uwsgi_api.sharedarea_lock(0):
            before = int.from_bytes(view[:8], "little")
            await trio.lowlevel.checkpoint()
            view[:8] = (before + 1).to_bytes(8, "little")
    return "added"


async def total() -> str:
    return str(int.from_bytes(uwsgi.sharedarea_memoryview(0)[:8], "little"))


async def rpc() -> str:
    local = await uwsgi_api.rpc(None, "reverse", "abc")
    called = await uwsgi_api.call("reverse", "def")
    assert local
    assert called
    return f"{local.decode()} {called.decode()}"


async def remote(node: str, seconds: str = "9") -> str:
    """A call to a node that does not answer: others are served meanwhile, and it can be cancelled."""
    with trio.move_on_after(float(seconds)) as scope:
        await uwsgi_api.rpc(node, "reverse", "abc")
    return f"cancelled {scope.cancelled_caught}"


async def cache() -> str:
    found: list[Any] = [await uwsgi_api.cache_clear()]
    found += [await uwsgi_api.cache_set("key", "one"), await uwsgi_api.cache_set("key", "two")]
    found += [await uwsgi_api.cache_update("key", "three", 60), await uwsgi_api.cache_get("key")]
    found += [await uwsgi_api.cache_exists("key"), await uwsgi_api.cache_keys()]
    found += [await uwsgi_api.cache_del("key"), await uwsgi_api.cache_get("key"), await uwsgi_api.cache_exists("key")]
    found += [await uwsgi_api.cache_inc("n", 5), await uwsgi_api.cache_dec("n", 2), await uwsgi_api.cache_num("n")]
    return repr(found)


async def queue() -> str:
    found: list[Any] = [await uwsgi_api.queue_push(each) for each in ("one", "two", "three")]
    found += [await uwsgi_api.queue_pull(), await uwsgi_api.queue_pop()]
    found += [await uwsgi_api.queue_set(7, "seven"), await uwsgi_api.queue_get(7)]
    return repr(found)


async def spool(what: str) -> str:
    path = await uwsgi_api.spool(what=what)
    return str(os.path.basename(path.decode()).startswith("uwsgi_spoolfile_on_"))


async def mule(count: str) -> str:
    for number in range(int(count)):
        await uwsgi_api.mule_msg(f"message {number}", 1)
    return "sent"


async def logvars(name: str) -> str:
    set_logvar("who", name)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 0.05)
    await trio.to_thread.run_sync(uwsgi.set_logvar, "thread", name.upper())
    return repr([get_logvar("who"), uwsgi.get_logvar("thread"), uwsgi.get_logvar("nothing")])


async def log_this() -> str:
    uwsgi.log_this_request()
    return "logged"


async def plain() -> str:
    return "plain"


ROUTES: dict[str, Any] = {
    f"/{each.__name__}": each
    for each in (
        *(hold, give_up, is_locked, no_such_lock, in_order, add, total, rpc, remote, cache, queue, spool, mule),
        *(logvars, log_this, plain),
    )
}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise RuntimeError("no lifespan here")
    body = (await ROUTES[scope["path"]](**dict(parse_qsl(scope["query_string"].decode())))).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
