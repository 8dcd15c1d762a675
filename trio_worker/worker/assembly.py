"""The assembly of a worker before it serves: the layers around the app, and the service on top of them.

From the app outwards: its responses compressed, files that are served in its place, the names that a front gives to its
clients, the ids of requests, and the fence that counts and logs.
"""

import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import trio
import uwsgi

from trio_worker import quart
from trio_worker.application import forwarded, request_id
from trio_worker.application.compress.layer import Compression
from trio_worker.application.fence import Application
from trio_worker.application.gate import GatedApplication, Room
from trio_worker.application.kinds import AppError
from trio_worker.application.live_reload import LiveReload
from trio_worker.application.loading import Mounts, load, read_mounts
from trio_worker.application.recent import Recent
from trio_worker.application.root_path import RootPath, restoring
from trio_worker.application.running import Running
from trio_worker.application.server_names import ServerNames
from trio_worker.application.static.layer import StaticFiles
from trio_worker.asgi import App
from trio_worker.http.service import Service
from trio_worker.master.access_log import Given, RequestLog
from trio_worker.master.accounting import Ledger
from trio_worker.master.figures.counters import FigureCounters
from trio_worker.master.figures.file import open_regions
from trio_worker.master.metrics import Counters
from trio_worker.master.native import Native, PluginRefused
from trio_worker.master.native import load as load_plugin
from trio_worker.options import Options
from trio_worker.options.raw import RawOptions
from trio_worker.options.values import OptionError
from trio_worker.protocols.hypercorn.file import HypercornFile, read
from trio_worker.serving.addresses import find
from trio_worker.status.sockets import split
from trio_worker.transport.turns import Turns
from trio_worker.worker import signals
from trio_worker.worker.ending import QUIET, Reason
from trio_worker.worker.limits import Limits
from trio_worker.worker.siblings import Siblings

log = logging.getLogger("trio_worker.worker")

# The exit codes of a worker that is asked to end while it loads its app: nothing is lost, so nobody waits.
ENDED_EARLY: dict[int, int] = dict.fromkeys(signals.DESTROY, int(Reason.DESTROY))
ENDED_EARLY |= dict.fromkeys((signals.RELOAD, signals.MAKE_WAY), QUIET)


def load_native() -> Native | None:
    """Return the plugin's side of this worker, None where uWSGI has not loaded it or it is another version's."""
    try:
        return load_plugin()
    except PluginRefused as refused:
        log.error("%s; going on without it", refused)
        return None


def load_app(options: Options, raw: RawOptions, siblings: Siblings) -> App:
    """Load the app, and let Quart tell of itself what others want to know.

    Raises:
        AppError: it cannot be loaded, or the workers before this one have died of it.
        OptionError: the ini names none.
    """
    if siblings.has_crashed:
        raise AppError(f"the last {siblings.crashes} workers have died before they accepted")
    with signals.ending(ENDED_EARLY, siblings.end_start):
        app = load(options, read_mounts(raw))
    if options.quart_direct:
        quart.install(app)
    if options.status and options.metrics_routes:
        quart.tell_routes(app)
    quart.show_faults(app)
    return app


def make_limits(options: Options) -> Limits:
    """Return the limits of this worker."""
    number = uwsgi.worker_id()
    return Limits(options, number, uwsgi.workers()[number - 1]["last_spawn"])


def make_counters(options: Options) -> Counters:
    """Return the counters of this worker, in memory that all workers share where somebody may ask for them."""
    if not options.status:
        return Counters()
    regions = open_regions(uwsgi.masterpid(), uwsgi.numproc, options.metrics_routes)
    return FigureCounters(regions, uwsgi.worker_id(), options.metrics_routes)


def make_service(
    app: App,
    counters: Counters,
    options: Options,
    ledger: Ledger,
    request_log: RequestLog,
    raised: Callable[[BaseException], object],
    begun: Callable[[Running], object],
) -> Service:
    """Return the service of a worker.

    Args:
        app: as it was loaded.
        counters: of this worker.
        options: the parsed ini.
        ledger: where uWSGI's master looks whether the worker is busy.
        request_log: of this worker.
        raised: called with every exception that leaves the app.
        begun: called with every request before its app is, where the ini counts them.

    Raises:
        OptionError: a file or a socket that the ini names cannot be used.
    """
    split(uwsgi.sockets, options.status)
    _check_protocols(uwsgi.sockets, options)
    draining, turns = trio.Event(), Turns()
    file = HypercornFile() if options.engine == "hypercorn" else read(options)
    added = (*options.add_headers, *file.added_headers)
    recent = _keep_recent(app, counters, options)
    if recent is not None:
        raised = recent.raising(raised)
    return Service(
        options=options,
        counters=counters,
        application=_gated(options, begun, turns)(
            _layers(app, options, file), counters, draining, request_log.chooser(), added, ledger, raised
        ),
        draining=draining,
        state={"draining": draining},
        hypercorn=_configure_hypercorn(options),
        recent=recent,
        turns=turns,
    )


def _layers(app: App, options: Options, file: HypercornFile) -> App:
    """Return the app in all that the ini puts around it."""
    own = _compressed(_in_its_place(app, options, file), options)
    return request_id.layer(_behind_fronts(_behind_files(own, options), options, file), options)


def _keep_recent(app: App, counters: Counters, options: Options) -> Recent | None:
    """Return what keeps the requests that the status shows, where there is one."""
    if not options.status:
        return None
    recent = Recent(options.log_slow)
    counters.hand_over(recent.slow, recent.raised, recent.keep)
    quart.tell_exceptions(app, recent.remember)
    return recent


def _check_protocols(descriptors: Sequence[int], options: Options) -> None:
    """Hold `trio-protocols` against the sockets that there are, and against the engine, which has to know of it.

    Raises:
        OptionError: it names another, or Hypercorn serves.
    """
    for each in options.protocols:
        if options.engine == "hypercorn":
            raise OptionError("trio-protocols", " ".join(sorted(each.protocols)), "none with trio-engine = hypercorn")
        if each.address:
            find(descriptors, "trio-protocols", each.address)


def _gated(options: Options, begun: Callable[[Running], object], turns: Turns) -> Callable[..., Application]:
    """Return the class of the application, with a gate where the ini asks for one."""
    if not (options.health or options.max_requests_in_flight or options.max_requests):
        return Application
    size = options.max_requests_in_flight
    return partial(
        GatedApplication,
        health=options.health,
        room=Room(size, options.queue_timeout, turns.pause) if size else None,
        begun=begun if options.max_requests else None,
        mark=request_id.marker(options.request_id),
    )


def _in_its_place(app: App, options: Options, file: HypercornFile) -> App:
    """Return the app with the whole path, where a front may have taken a part of it; mounts see to that themselves."""
    if isinstance(app, Mounts) or not (options.root_path or file.root_path or options.proxy_allow):
        return app
    return restoring(app)


def _behind_fronts(app: App, options: Options, file: HypercornFile) -> App:
    app = forwarded.layer(app, options)
    root_path = options.root_path or file.root_path
    app = RootPath(app, root_path) if root_path else app
    return ServerNames(app, file.server_names) if file.server_names else app


def _configure_hypercorn(options: Options) -> Any:
    """Return Hypercorn's configuration where it serves."""
    if options.engine != "hypercorn":
        return None
    # Imported where it is used: it would be a quarter of what every worker's start takes.
    from trio_worker.protocols.hypercorn.config import make_config

    return make_config(options)


def _compressed(app: App, options: Options) -> App:
    return Compression(app, options) if options.compress else app


def _behind_files(app: App, options: Options) -> App:
    has_files = options.check_static or options.static_maps or options.static_maps2
    app = StaticFiles(app, options) if has_files else app
    return LiveReload(app) if options.live_reload else app


def open_request_log(options: Options, native: Native | None) -> RequestLog:
    """The log of this worker's requests; what it keeps for a moment is written when the worker waits."""
    own: dict[str, Given] = {"pid": os.getpid(), "wid": uwsgi.worker_id()}
    write_request = None if native is None else native.log_request
    request_log = RequestLog(options, own, uwsgi.metric_get, write_request)
    if request_log.buffer is not None:
        trio.lowlevel.add_instrument(request_log.buffer)
    return request_log
