"""What every connection of a worker shares: one object, made at start and passed down."""

from dataclasses import dataclass, field
from typing import Any

import trio

from trio_worker.application.fence import Application
from trio_worker.http.response_head import HeadWriter
from trio_worker.master.metrics import Counters
from trio_worker.options import Options
from trio_worker.transport.certificates import Tls
from trio_worker.transport.certificates import load as load_certificates
from trio_worker.transport.connections import Connections
from trio_worker.transport.deadlines import Clock
from trio_worker.transport.disconnects import Disconnects


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
        disconnects: who watches them for hang-ups.
        hypercorn: the configuration of the general engine.
        heads: writes the heads of responses.
        tls: the certificates.
    """

    options: Options
    counters: Counters
    application: Application
    draining: trio.Event
    state: dict[str, Any]
    hypercorn: Any
    clock: Clock = field(default_factory=Clock)
    connections: Connections = field(default_factory=Connections)
    disconnects: Disconnects = field(init=False)
    heads: HeadWriter = field(init=False)
    tls: Tls = field(init=False)

    def __post_init__(self) -> None:
        self.disconnects = Disconnects(self.connections)
        self.heads = HeadWriter(self.options.date_header, self.options.server_header)
        self.tls = load_certificates(self.options)
