"""A client of the status socket, for the command: by the address, or by an ini that names it."""

import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from trio_worker.options import ini

# Seconds that the socket has to answer; a worker that hangs takes half a second of them.
TIMEOUT = 5.0

# The environment variable with the token, where no ini has it: a command line can be read by anybody on the machine.
TOKEN = "TRIO_STATUS_TOKEN"


class StatusError(Exception):
    """The status cannot be asked, or has refused; the message says why."""


@dataclass(frozen=True)
class Place:
    """The place where an instance is asked.

    Attributes:
        address: of the socket, as an ini has it.
        token: of those who act, "" without one.
        certificate: of a socket that speaks TLS; "" where it is to be one of a known authority.
        base: the directory that a relative path begins at.
        tls: whether the socket speaks TLS.
    """

    address: str
    token: str = ""
    certificate: str = ""
    base: str = ""
    tls: bool = False

    def ask(self, path: str, method: str = "GET") -> Any:
        """Return what the status answers.

        Raises:
            StatusError: see there.
        """
        try:
            status, body = self._ask(path, method)
        except (OSError, http.client.HTTPException) as error:
            raise StatusError(f"the status on {self.address} does not answer: {error}") from error
        if status != 200:
            raise StatusError(body.decode("utf-8", "replace").strip() or f"status {status}")
        return json.loads(body)

    def _ask(self, path: str, method: str) -> tuple[int, bytes]:
        try:
            return self._ask_once(path, method)
        except (ConnectionResetError, http.client.IncompleteRead):
            if method != "GET":
                raise
        # The worker that was asked has ended meanwhile, as in a reload; another one accepts.
        return self._ask_once(path, method)

    def _ask_once(self, path: str, method: str) -> tuple[int, bytes]:
        connection = _Connection(self)
        try:
            headers = {"host": "localhost", "authorization": f"Bearer {self.token}"}
            connection.request(method, path, headers=headers if self.token else {"host": "localhost"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def find(name: str) -> Place:
    """Return the place for an ini (perhaps with :section), or for an address as an ini or the log has it.

    Raises:
        StatusError: the ini cannot be read, or has no `trio-status`.
    """
    token = os.environ.get(TOKEN, "")
    if not os.path.isfile(name) and not os.path.isfile(name.partition(":")[0]):
        # The log of a worker calls its status unix:PATH, http://HOST:PORT/ or https://HOST:PORT/.
        address = name.removeprefix("unix:").removeprefix("http://").removeprefix("https://")
        return Place(address.rstrip("/"), token, tls=name.startswith("https://"))
    try:
        settings = [each for each in ini.read(name) if each.entered]
    except (OSError, ValueError) as error:
        raise StatusError(f"{name}: {error}") from error
    given = {each.key: each.value for each in settings}
    if "trio-status" not in given:
        raise StatusError(f"{name} has no trio-status: without it nobody can ask its workers")
    address, base = given["trio-status"], given.get("chdir", "")
    sockets = [each.value for each in settings if each.key == "https-socket"]
    certificate = _certificate(address, sockets) or given.get("trio-certfile", "")
    path = os.path.join(base, certificate) if certificate else ""
    return Place(address, given.get("trio-status-token", token), path, base, bool(certificate))


def _certificate(address: str, sockets: Iterable[str]) -> str:
    """Return the certificate of the `https-socket` with this address, "" where none has it."""
    for each in sockets:  # ADDRESS,CERTIFICATE,KEY
        its_address, certificate, *_ = [*map(str.strip, each.split(",")), ""]
        if its_address == address:
            return certificate
    return ""


class _Connection(http.client.HTTPConnection):
    """A connection to an address as an ini has it.

    Args:
        place: of the socket.
    """

    def __init__(self, place: Place) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._place = place

    def connect(self) -> None:
        """Connect to host and port, the path of a UNIX socket, or an abstract name with its `@`."""
        host, colon, port = self._place.address.rpartition(":")
        if colon and port.isdigit():
            self.sock = socket.create_connection((host.strip("[]*") or "127.0.0.1", int(port)), TIMEOUT)
        else:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(TIMEOUT)
            self.sock.connect(_path(self._place))
        if self._place.tls:
            context = _context(self._place.certificate)
            self.sock = context.wrap_socket(self.sock, server_hostname=host.strip("[]*") or "localhost")


def _path(place: Place) -> str | bytes:
    # uWSGI counts the NUL that ends it in C as part of an abstract name.
    name = place.address
    return b"\0" + name[1:].encode() + b"\0" if name.startswith("@") else os.path.join(place.base, name)


def _context(certificate: str) -> ssl.SSLContext:
    """Return a context that takes this very certificate, whatever name is in it; without one, those of authorities."""
    context = ssl.create_default_context(cafile=certificate or None)
    if certificate:
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
