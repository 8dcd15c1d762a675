"""The service: what every connection of a worker shares, one object, made at start and passed down."""

import copy
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import trio

from trio_worker.application.fence import Application
from trio_worker.application.recent import Recent
from trio_worker.application.request_id import Marker, marker
from trio_worker.http.response_head import HeadWriter
from trio_worker.master.metrics import Counters
from trio_worker.options import Options
from trio_worker.options.protocols import HTTP2_CLEAR, WEBSOCKET
from trio_worker.transport.connections import Connections, Work
from trio_worker.transport.deadlines import Clock
from trio_worker.transport.lingering import Lingering
from trio_worker.transport.readiness import Readiness
from trio_worker.transport.spoken import Sockets
from trio_worker.transport.tls_sockets import Tls
from trio_worker.transport.tls_sockets import load as load_certificates
from trio_worker.transport.turns import Turns


class Tasks(Protocol):
    """The pool of tasks that serve connections."""

    def start(self, work: Work) -> None:
        """Give the work to a task that has nothing to do, or to a new one; it begins in a fresh context."""


class Stream(Protocol):
    """A request that is run in a task that may run others: a stream of HTTP/2, or a packet that came whole."""

    def run(self, cancel_scope: trio.CancelScope) -> Coroutine[Any, Any, None]:
        """Return the run of the app for it, in a task that is in this cancel scope."""

    def wait(self) -> None:
        """Take note that the app waits for something, for the first time."""

    def finish(self) -> None:
        """End it with the app, however that has ended."""


class Streams(Protocol):
    """The tasks that run streams."""

    def start(self, stream: Stream) -> None:
        """Have the stream run soon, in a fresh context."""


@dataclass(slots=True)
class Service:
    """The worker as its connections see it.

    Attributes:
        options: what the ini says.
        counters: what the metrics and SIGUSR1 show.
        application: the app, fenced and counted.
        draining: set when the worker takes no new connections any more.
        state: copied into every scope; what lifespan startup left there, and `draining`.
        clock: the sweeper of all deadlines, and its time.
        connections: the open ones.
        readiness: who is told by the kernel that more has come on one, or that its client has gone.
        hypercorn: the configuration of the other engine.
        turns: of those who have more to do than the others should wait for.
        lingering: the connections that are about to close.
        recent: what has ended badly or late, None where nobody can ask for it.
        heads: writes the heads of responses.
        mark: gives requests that no app sees their ids.
        tls: the certificates.
        sockets: the protocols of each socket, None where each speaks all of them.
        bare: whether a connection begins with the bytes of its protocol, with no layer around them, in every case.
        websockets: whether a request may become a WebSocket.
        views: of this service, by the protocols that are spoken; see `speaking`.
        tasks: does what a connection leaves to others; there once the worker accepts.
        streams: runs the streams of a connection that has many at a time; as `tasks`.
    """

    options: Options
    counters: Counters
    application: Application
    draining: trio.Event
    state: dict[str, Any]
    hypercorn: Any
    recent: Recent | None = None
    clock: Clock = field(default_factory=Clock)
    turns: Turns = field(default_factory=Turns)
    lingering: Lingering = field(init=False)
    connections: Connections = field(default_factory=Connections)
    readiness: Readiness = field(init=False)
    heads: HeadWriter = field(init=False)
    mark: Marker = field(init=False)
    tls: Tls = field(init=False)
    sockets: Sockets | None = field(init=False)
    bare: bool = field(init=False)
    websockets: bool = True
    views: "dict[frozenset[str], Service]" = field(default_factory=dict)
    tasks: Tasks = field(init=False)
    streams: Streams = field(init=False)

    def __post_init__(self) -> None:
        self.readiness = Readiness(self.connections, self.options.half_close)
        self.lingering = Lingering(self.turns)
        self.heads = HeadWriter(self.options.date_header, self.options.server_header)
        self.mark = marker(self.options.request_id)
        self.tls = load_certificates(self.options)
        self.sockets = Sockets(self.options.protocols) if self.options.protocols else None
        self.bare = not (self.tls or self.sockets or self.options.enable_proxy_protocol)
        self.bare = self.bare and self.options.engine != "hypercorn"

    def speaking(self, protocols: frozenset[str]) -> "Service":
        """Return this service, the same in all it holds, for a socket that speaks no more than these protocols."""
        view = self.views.get(protocols)
        if view is None:
            view = self.views[protocols] = copy.copy(self)
            view.websockets = WEBSOCKET in protocols
            view.options = replace(self.options, h2c_upgrade=self.options.h2c_upgrade and HTTP2_CLEAR in protocols)
        return view
