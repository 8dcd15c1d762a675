"""The server of the status socket: a service of its own beside the app's, with its own connections and counts.

It serves while the worker drains, and while the app's requests are as many as they may be.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import trio

from trio_worker.application.fence import Application
from trio_worker.asgi import App
from trio_worker.http.service import Service
from trio_worker.master.figures.counters import FigureCounters
from trio_worker.master.metrics import Counters
from trio_worker.options import Options
from trio_worker.serving.accepting import open_listeners
from trio_worker.status.agent import Agent
from trio_worker.status.app import Status
from trio_worker.status.instance import Instance
from trio_worker.status.live import Live
from trio_worker.status.metrics import make_page
from trio_worker.status.pages import acting, know, reading
from trio_worker.status.sockets import split
from trio_worker.status.watch import Watch

log = logging.getLogger(__name__)

# Connections that are open at a time, in each worker; others wait in the kernel's queue.
MOST = 64


async def serve_status(service: Service, uwsgi: Any, flush: Callable[[], None]) -> None:
    """Serve the status until cancelled, if the ini names a socket for it.

    Args:
        service: the app's.
        uwsgi: uWSGI's module.
        flush: has this worker write what others are to see of it.
    """
    options, counters = service.options, service.counters
    if not isinstance(counters, FigureCounters) or service.recent is None:
        return
    live = Live(service, uwsgi.worker_id(), service.recent)
    instance = Instance(uwsgi, counters.regions, live)
    watch = Watch(instance)
    pages = reading(instance, watch) | {"/metrics": make_page(counters.regions, uwsgi, flush)}
    app = Status(pages, options.status_hosts, acting(instance, uwsgi.reload), options.status_token, {"/token": know})
    _, descriptors = split(uwsgi.sockets, options.status)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Agent(live, uwsgi.masterpid()).run)
        nursery.start_soon(watch.run)
        await _serve(descriptors, uwsgi.numproc == 1, options, app, service.draining)


async def _serve(descriptors: Sequence[int], alone: bool, options: Options, app: App, draining: trio.Event) -> None:
    counters = Counters()
    service = Service(
        options=replace(options, engine="express", h2c_upgrade=False, protocols=()),
        counters=counters,
        # A page that is open when the worker ends is cut off, and no fault of anybody's. Until then connections of
        # the status are served like those of any other time.
        application=Application(app, counters, draining),
        draining=trio.Event(),
        state={},
        hypercorn=None,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(service.readiness.run)
        nursery.start_soon(service.clock.sweep, service.connections)
        with open_listeners(service, nursery, descriptors, alone, MOST) as listeners:
            log.info("the status is on %s", listeners.describe(service.tls.is_required))
            await listeners.run()
