"""What one started server is to serve, and where: made by `running.py`, read by the command lines."""

from dataclasses import dataclass
from pathlib import Path

# More than the 32 connections of a load, and what uWSGI accepts where net.core.somaxconn is at Linux's
# default.
BACKLOG = 1024
# No measurement leaves a connection idle for this long, so a server that closes one has failed, not timed
# out.
IDLE_SECONDS = 300


@dataclass(frozen=True)
class Site:
    """One application on one TCP port of the loopback, or on the UNIX socket `unix` where that is given.

    Its configuration and sockets go to `folder`; a request log goes to standard output or error, which is a
    file. `connections` is how many clients it must be able to hold.
    `certificate` is a PEM file that holds a key as well, for a server that is to speak TLS.
    """

    app: str
    folder: Path
    override: Path
    port: int
    unix: Path | None = None
    workers: int = 1
    connections: int = 1024
    logs_requests: bool = False
    uwsgi_protocol: bool = False
    certificate: Path | None = None
