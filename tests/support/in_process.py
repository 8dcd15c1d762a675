"""A service without a uWSGI around it, for what is seen only from within: calls, tasks, turns."""

import trio

from trio_worker.application.fence import Application
from trio_worker.asgi import App
from trio_worker.http.service import Service
from trio_worker.master.metrics import Counters
from trio_worker.options import parse
from trio_worker.protocols.hypercorn.config import make_config
from trio_worker.serving.accepting import open_listeners
from trio_worker.transport.socket_wire import SocketWire


def make_service(app: App, **given: str) -> Service:
    """Return a service with these options, and the others as they are by default; an underscore stands for a hyphen."""
    options = parse({key.replace("_", "-"): value for key, value in given.items()})
    counters, draining = Counters(), trio.Event()
    return Service(options, counters, Application(app, counters, draining), draining, {}, make_config(options))


def start(service: Service, nursery: trio.Nursery, *wires: SocketWire) -> None:
    """Serve these connections, as if they had been accepted in one go."""
    nursery.start_soon(service.readiness.run)
    open_listeners(service, nursery, [], alone=True, most=len(wires))
    for wire in wires:
        accept(service, wire)


def accept(service: Service, wire: SocketWire) -> None:
    """Serve a connection; the service has been started."""
    service.connections.opened()
    service.tasks.start(wire)  # type: ignore[arg-type]


async def serve(service: Service, *wires: SocketWire) -> None:
    """Serve connections one after another, each until it is closed."""
    async with trio.open_nursery() as nursery:
        start(service, nursery)
        for wire in wires:
            accept(service, wire)
            while service.connections.count:
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
