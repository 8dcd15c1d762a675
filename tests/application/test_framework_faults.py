"""Apps of frameworks that fail in middleware, hooks and dependencies: the client hears of it, and the log once."""

import re
from collections.abc import Iterator

import pytest
from support.certificates import Authority
from support.http1 import Http1, connect
from support.one_rule import PROTOCOLS, Secure, verdict_of
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.sync.client import connect as connect_websocket

RECORD = re.compile(r"^\[worker 1\] (?:ERROR|CRITICAL) ", re.MULTILINE)

# What the client gets at each point, and how many records the log has of it. Where a framework ends the answer itself
# it is whole: Starlette's BaseHTTPMiddleware does so whatever its app raises, and so do a background task and what
# FastAPI leaves behind the answer. Quart writes a second record when its `after_request` fails for a 500.
REQUESTS = {
    "/starlette/whole": ("200", 0),
    "/starlette/handler": ("500", 1),
    "/starlette/error-handler": ("500", 1),
    "/starlette/background": ("200", 1),
    "/starlette/amid": ("200", 1),
    "/starlette/middleware-before": ("500", 1),
    "/starlette/middleware-behind": ("500", 1),
    "/fastapi/dependency": ("500", 1),
    "/fastapi/exit": ("200", 1),
    "/fastapi/exit-amid": ("200", 1),
    "/quart/whole": ("200", 0),
    "/quart/before": ("500", 1),
    "/quart/after": ("500", 2),
    "/quart/teardown": ("500", 1),
    "/quart/handler": ("500", 1),
    "/quart/error-handler": ("500", 1),
    "/quart/amid": ("cut", 1),
    "/quart/background": ("200", 1),
}
# Quart closes a session that has failed by 1000.
SESSIONS = {
    "/starlette/session/first": ("500", 1),
    "/starlette/session/accepted": ("1011", 1),
    "/quart/session/first": ("500", 1),
    "/quart/session/accepted": ("1000", 1),
}
# An answer to a packet that announces no length ends with its connection, and so does one that is cut off.
WITHOUT_AN_END = {("packet", "/quart/amid"): "200"}

EACH = [
    pytest.param(protocol, target, WITHOUT_AN_END.get((protocol, target), verdict), records, id=f"{protocol}-{target}")
    for protocol, told in PROTOCOLS.items()
    for target, (verdict, records) in (SESSIONS if told.opened else REQUESTS).items()
]


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Secure:
    return Secure(authority)


@pytest.fixture(scope="module")
def shared(module_uwsgi: Servers, secure: Secure) -> Iterator[Server]:
    """A worker that is the same one afterwards, with a session that nothing has happened to."""
    server = module_uwsgi(module="framework_faults:app", https_socket=secure.option)
    pids = server.worker_pids()
    with connect_websocket("ws://test/quart/session/waits", sock=connect(server.address)) as session:
        yield server
        session.send("go on")
        assert session.recv(timeout=5) == "went on"
    assert server.worker_pids() == pids


@pytest.mark.parametrize(("protocol", "target", "verdict", "records"), EACH)
def test_it_ends_there(shared: Server, secure: Secure, protocol: str, target: str, verdict: str, records: int) -> None:
    before = len(shared.log)
    assert verdict_of(shared, secure, protocol, target) == verdict, shared.log[before:]
    eventually(lambda: len(RECORD.findall(shared.log[before:])) >= records, why=lambda: shared.log[before:])
    with Http1(shared.address) as client:
        assert client.get("/quart/whole").text == "halfhalf"
    assert len(RECORD.findall(shared.log[before:])) == records, shared.log[before:]
