"""A request to Quart and all that can be seen of it: the response, what the app noted, what was logged.

The app is `quart_cases`, which notes for every request what has been called in which order.
"""

import json
import re
import socket
from dataclasses import dataclass, field
from typing import Any

from support.http1 import Http1
from support.uwsgi import Server
from support.waiting import eventually

# The status of a case that is another one in other versions of Quart.
ANY = -1

# Headers that differ from one response to the next, or from one second to the next.
VOLATILE = ("date", "expires")

# What stays of a `set-cookie`: a session is signed together with the time.
COOKIE = re.compile(r"^(session=[^.]*)\.[^;]*|Expires=[^;]*")

# The lines of a log that tell of something wrong: a message with its level, or the last line of a traceback.
TROUBLE = re.compile(
    r"(?:ERROR|CRITICAL|WARNING)\b.*?: (.*)|^[\s|+]*((?:\w+\.)*\w+(?:Error|Disconnect|Cancelled|Exit)\b.*)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Case:
    """A request, and what is known of it beforehand.

    Attributes:
        target: of the request.
        status: of the response; 0 when there is none.
        method, headers, body, version: of the request. A body that is a list is sent in chunks, or in pieces if there
            is a Content-Length, each in a write of its own when the handler is running.
        at_once: whether the list is sent in one write together with the head.
        interim: whether a 100 comes before the response.
        half: whether the client closes its side of the connection behind the request.
        cut: whether the response ends with the connection, before it is complete.
        hangs_up: the note upon which the client hangs up.
        until: how the last note begins.
        differs: what the direct way does in another manner: the value, or what makes it of the stock way's. Why that
            is meant stands beside the case.
    """

    target: str
    status: int = 200
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | list[bytes] = b""
    version: str = "1.1"
    at_once: bool = False
    interim: bool = False
    half: bool = False
    cut: bool = False
    hangs_up: str = ""
    until: str = "teardown_appcontext"
    differs: dict[str, Any] = field(default_factory=dict)

    @property
    def has_body(self) -> bool:
        """Whether the response has a body that can be read to its end."""
        return self.method != "HEAD" and self.status not in (204, 304) and not self.cut

    def request(self, name: str) -> tuple[bytes, list[bytes]]:
        """Its head and the pieces of its body as bytes."""
        fields = {"Host": "test", "X-Case": name, **self.headers}
        pieces = [self.body] if isinstance(self.body, bytes) else self.body
        if isinstance(self.body, list) and "Content-Length" not in fields:
            fields["Transfer-Encoding"] = "chunked"
            pieces = [*[b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces], b"0\r\n\r\n"]
        elif self.method == "POST":
            fields.setdefault("Content-Length", str(len(self.body)))
        lines = [f"{self.method} {self.target} HTTP/{self.version}", *[f"{key}: {fields[key]}" for key in fields]]
        return "\r\n".join([*lines, "", ""]).encode("latin-1"), pieces


def post(
    target: str, body: bytes | list[bytes], status: int = 200, /, *, at_once: bool = False, **headers: str
) -> Case:
    """A POST; an underscore in a header's name stands for a hyphen."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Case(target, status, "POST", fields, body, at_once=at_once)


class Outcome:
    """One case on one server.

    Attributes:
        seen: all that could be seen of it, by what it is.
    """

    def __init__(self, server: Server, name: str, case: Case) -> None:
        self.case = case
        self.seen: dict[str, Any] = {}
        self._server = server
        self._slug = re.sub(r"\W+", "-", name)
        with Http1(server.address) as self._control:
            self._ask(f"begin-{self._slug}")
            self._run()
            self.seen["notes"] = eventually(self._all_notes, why=lambda: f"{case.until} in {self._notes()}")
            self._ask(f"end-{self._slug}")
        self.seen["log"] = self._trouble()

    def _run(self) -> None:
        with Http1(self._server.address) as client:
            self._send(client)
            if self.case.hangs_up:
                self._hang_up(client)
            else:
                self._read(client)

    def _ask(self, name: str) -> list[str]:
        found: list[str] = json.loads(self._control.get(f"/notes/{name}").body)
        return found

    def _notes(self) -> list[str]:
        return self._ask(self._slug)

    def _all_notes(self) -> list[str]:
        found = self._notes()
        return found if any(each.startswith(self.case.until) for each in found) else []

    def _wait_note(self, beginning: str) -> None:
        eventually(lambda: any(each.startswith(beginning) for each in self._notes()))

    def _trouble(self) -> list[str]:
        log = self._server.log
        log = log[log.index(f"the notes of begin-{self._slug}\n") : log.index(f"the notes of end-{self._slug}\n")]
        return [message for found in TROUBLE.findall(log) if (message := "".join(found))]

    def _send(self, client: Http1) -> None:
        head, pieces = self.case.request(self._slug)
        if isinstance(self.case.body, bytes) or self.case.at_once:
            client.send(head + b"".join(pieces))
            if self.case.half:
                client.socket.shutdown(socket.SHUT_WR)
            return
        client.send(head)
        self._wait_note("App before_request")
        for piece in pieces:
            client.send(piece)

    def _hang_up(self, client: Http1) -> None:
        self._wait_note(self.case.hangs_up)
        if self.case.status:
            self.seen["status"] = client.head().status
            client.chunk()

    def _read(self, client: Http1) -> None:
        case = self.case
        if case.interim:
            self.seen["interim"] = client.head().status
        response = client.response() if case.has_body else client.head()
        self.seen["status"] = response.status
        fields = [(name.lower(), COOKIE.sub(r"\1", value)) for name, value in response.headers.items()]
        self.seen["headers"] = [field for field in fields if field[0] not in VOLATILE]
        self.seen["body"] = client.rest() if case.cut else response.body
        self.seen["goes on"] = _goes_on(client)


def _goes_on(client: Http1) -> bool:
    """Whether the connection takes another request; with anything left of a body it would answer nonsense."""
    try:
        return client.get("/text").body == b"text"
    except ConnectionError:
        return False
