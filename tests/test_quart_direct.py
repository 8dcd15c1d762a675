"""Quart's own behaviour, case by case with `trio-quart-direct` and without: a shorter way must lead to the same place.

Every case goes to two servers, and all that can be seen of it must be equal: the response, whether the connection goes
on, what hooks, signals and handlers noted in which order, and what was logged. A case says its status as well, and one
test shows that the direct class is really in use, so that nothing is equal for having failed twice.
"""

import hashlib
import json
import re
import socket
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from support.http1 import Http1, connect
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.sync.client import connect as connect_websocket

pytestmark = pytest.mark.engines("express")

MOUNTS = ("mounted", "hurried", "strict", "own", "split", "by_host", "by_name")

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


FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=limit"
PARTS = (
    b'--limit\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--limit\r\nContent-Disposition: form-data; name="f"; filename="n.bin"\r\n'
    b"Content-Type: image/png\r\n\r\n\0\1\2\r\n--limit--\r\n"
)

# The answer to a body that falls short of its Content-Length.
SHORT = {
    "status": 500,
    "headers": [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "42"),
        ("connection", "close"),
        ("server", "trio-worker"),
    ],
    "body": b"The server failed to answer this request.\n",
    "log": [
        "exception in GET /odd/10",
        "trio_worker.response.head.ResponseError: the body is 7 bytes shorter than its Content-Length",
    ],
}
GROUP = ["exception in GET /strict/raise/group", "ValueError: one of a group"]


def _announced(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [("content-length", "3") if name == "transfer-encoding" else (name, value) for name, value in headers]


PLAIN = {
    "text": Case("/text"),
    "text to HEAD": Case("/text", method="HEAD"),
    "text to OPTIONS": Case("/text", method="OPTIONS"),
    "text in 1.0": Case("/text", version="1.0"),
    "text and close": Case("/text", headers={"Connection": "close"}),
    "json": Case("/json"),
    "tuple": Case("/tuple", 201),
    "small bytes": Case("/bytes/100"),
    "bytes at the limit of the short way": Case("/bytes/65536"),
    "bytes above it": Case("/bytes/65537"),
    "many bytes": Case("/bytes/3000000"),
    "many bytes to HEAD": Case("/bytes/3000000", method="HEAD"),
    "empty": Case("/empty"),
    "204": Case("/empty?status=204", 204),
    "304": Case("/empty?status=304", 304),
    "headers": Case("/headers", 299),
    "template": Case("/template"),
    "sync": Case("/sync"),
    "None": Case("/none", 500),
    "redirect": Case("/redirect", 302),
    "permanent redirect": Case("/redirect?status=308", 308),
    "redirect to a slash": Case("/slash", 308),
    "method": Case("/methods", method="PUT"),
    "405": Case("/methods", 405, "POST"),
    "404": Case("/nowhere", 404),
    "404 with a NUL": Case("/no%00where", 404),
    "blueprint": Case("/nested/"),
    "mounted": Case("/mounted/text"),
    "mounted redirect": Case("/mounted/redirect", 302),
    "mounted context": Case("/mounted/context?a=1"),
    "mounted 404": Case("/mounted/nowhere", 404),
    "root of a mount": Case("/mounted", 404),
    "host": Case("/by_host/host", headers={"Host": "host.test"}),
    "host of nobody": Case("/by_host/host", 404, headers={"Host": "host.other"}),
    "subdomain": Case("/by_name/domain", headers={"Host": "sub.name.test"}),
    "no subdomain": Case("/by_name/domain", headers={"Host": "name.test"}),
    "another domain": Case("/by_name/domain", headers={"Host": "other.test"}),
    "own class": Case("/own/text"),
    "context": Case("/context?a=1&a=2&b=%C3%9F", headers={"Authorization": "Basic YTpi", "Cookie": "c=1; d=2"}),
    "context in 1.0": Case("/context", version="1.0"),
    "latin-1 in a header": Case("/context", headers={"X-Name": "gr\xf6\xdfe"}),
    "thread": Case("/thread"),
    "nursery": Case("/nursery"),
    "after_this_request": Case("/after-this"),
    "background task": Case("/background", until="background"),
    "the app's nursery": Case("/nursery/app", until="app's nursery"),
    "push": Case("/push"),
    "test client": Case("/self/client"),
    "ASGI client": Case("/self/transport"),
    "werkzeug response": Case("/odd/werkzeug", 203),
    "text as data": Case("/odd/text"),
    "bytearray as data": Case("/odd/bytearray"),
    "own body": Case("/odd/body"),
    # One message with all of the body says its length; three would need chunks.
    "no Content-Length": Case("/odd/unannounced", differs={"headers": _announced}),
    # What falls short is seen before anything has left, so the client gets an error instead of a part.
    "wrong Content-Length, above": Case("/odd/10", cut=True, differs=SHORT),
    "wrong Content-Length, below": Case("/odd/2", 500),
    # What needs no waiting is answered, whether the client has closed its side or not.
    "text to a closed side": Case("/text", half=True, version="1.0"),
    "text above the limit to a closed side": Case("/bytes/65537", half=True, version="1.0"),
    "body unread and a closed side": replace(post("/body/unread", b"unread"), half=True, version="1.0"),
    "time-out of 0": Case("/timeout/0"),
    "time-out of data": Case("/timeout/5"),
    "no time-out of data": Case("/timeout/none"),
}

HOOKS = ("before_request", "after_request", "teardown_request")

FAILURES = {
    "abort 404": Case("/abort/404", 404),
    "abort 403": Case("/abort/403", 403),
    "abort 500": Case("/abort/500", 500),
    "abort with a response": Case("/abort/response", 418),
    "exception": Case("/raise/value", 500),
    "exception to HEAD": Case("/raise/value", 500, "HEAD"),
    "exception that has a handler": Case("/raise/known", 409),
    "exception of a blueprint": Case("/nested/raise", 410),
    "exception group": Case("/raise/group", 500),
    "exception group that has a handler": Case("/raise/known%20group", 409),
    "exit": Case("/raise/exit", 500),
    "exit in a stream": Case("/stream/exit", 500),
    "cancelled scope": Case("/raise/cancelled", 500),
    "exception in a nursery": Case("/raise/nursery", 409),
    "propagated exception": Case("/strict/raise/value", 500),
    # Python tells the member of a group twice when a nursery has put the group into another one.
    "propagated exception group": Case("/strict/raise/group", 500, differs={"log": GROUP}),
    "propagated, with a handler": Case("/strict/raise/known", 409),
    "answered before the handler": Case("/nested/?answer=App"),
    "answered by the blueprint": Case("/nested/?answer=Nested"),
    **{
        f"failing {name} {hook}": Case(f"/nested/?fail={name}%20{hook}", 500)
        for name in ("App", "Nested")
        for hook in HOOKS
    },
}

EXPECTING = post("/body/data", [b"data"], Content_Length="4", Expect="100-continue")

BODIES = {
    "data": post("/body/data", b"data"),
    "data and close": post("/body/data", b"data", Connection="close"),
    "no data": post("/body/data", b""),
    "data of a GET": Case("/body/data"),
    "large data": post("/body/data", b"0123456789" * 30000),
    "data read twice": post("/body/twice", b"data"),
    "text in UTF-8": post("/body/text", "größe".encode()),
    "text not in UTF-8": post("/body/text", b"\xff", 500),
    "JSON": post("/body/json", b'{"a": [1]}', Content_Type="application/json"),
    "invalid JSON": post("/body/json", b"{", 400, Content_Type="application/json"),
    "invalid JSON in silence": post("/body/json?silent=1", b"{", Content_Type="application/json"),
    "no JSON": post("/body/json", b"{}", Content_Type="text/plain"),
    "form": post("/body/form?q=1", b"a=1&a=2&b=%C3%9F", Content_Type=FORM),
    "empty form": post("/body/form", b"", Content_Type=FORM),
    "files": post("/body/files", PARTS, Content_Type=MULTIPART),
    "broken files": post("/body/files", PARTS[:50], Content_Type=MULTIPART),
    "no files": post("/body/files", b"", Content_Type=MULTIPART),
    "iterated": post("/body/iterate", b"iterated"),
    "iterated, empty": post("/body/iterate", b""),
    "awaited": post("/body/await", b"awaited"),
    "unread": post("/body/unread", b"unread"),
    "large and unread": post("/body/unread", b"x" * 200000),
    "chunked, at once": post("/body/data", [b"one", b"two"], at_once=True),
    "chunked and iterated, at once": post("/body/iterate", [b"one", b"two"], at_once=True),
    "chunked and empty, at once": post("/body/data", [], at_once=True),
    "chunked": post("/body/data", [b"one", b"two"]),
    "chunked and iterated": post("/body/iterate", [b"one", b"two"]),
    "chunked and unread": post("/body/unread", [b"one", b"two"]),
    "chunked files": post("/body/files", [PARTS[:20], PARTS[20:100], PARTS[100:]], Content_Type=MULTIPART),
    "several writes": post("/body/data", [b"one", b"two"], Content_Length="6"),
    "several writes, iterated": post("/body/iterate", [b"one", b"two"], Content_Length="6"),
    "several writes of JSON": post(
        "/body/json", [b'{"a"', b": 1}"], Content_Length="8", Content_Type="application/json"
    ),
    "100-continue": replace(EXPECTING, interim=True),
    "100-continue, at once": replace(EXPECTING, at_once=True),
    "body at the limit": post("/mounted/body/data", b"x" * 100),
    "body above the limit": post("/mounted/body/data", b"x" * 101, 413),
    "form above the limit": post("/mounted/body/form", b"a=" + b"x" * 101, 413, Content_Type=FORM),
    "files above the limit": post("/mounted/body/files", PARTS, 413, Content_Type=MULTIPART),
    "iterated above the limit": post("/mounted/body/iterate", b"x" * 101, 413),
    "unread above the limit": post("/mounted/body/unread", b"x" * 101),
    "chunked above the limit": post("/mounted/body/data", [b"x" * 60, b"x" * 60], 413),
    "chunked above the limit, at once": post("/mounted/body/data", [b"x" * 60, b"x" * 60], 413, at_once=True),
    # Quart 0.23 holds only a body that is awaited to its limit.
    "chunked and iterated above the limit, at once": post("/mounted/body/iterate", [b"x" * 101], ANY, at_once=True),
    "body that does not come": post("/hurried/body/data", [], 408, Content_Length="4"),
    "body that comes in part": post("/hurried/body/data", [b"on"], 408, Content_Length="4"),
    "form that does not come": post("/hurried/body/form", [], 408, Content_Length="4", Content_Type=FORM),
    "split by middleware": post("/split/body/data", b"split by middleware"),
    "JSON split by middleware": post("/split/body/json", b'{"a": 1}', Content_Type="application/json"),
    "chunked, split by middleware": post("/split/body/data", [b"one", b"two"]),
    "no body for middleware": Case("/split/text"),
}

STREAMS = {
    "stream": Case("/stream/5", until="generator closed"),
    "stream to HEAD": Case("/stream/5", method="HEAD", until="generator closed"),
    "stream in 1.0": Case("/stream/5", version="1.0", until="generator closed"),
    "empty stream": Case("/stream/0", until="generator closed"),
    "long stream": Case("/stream/500", until="generator closed"),
    "stream of a thread": Case("/stream/sync"),
    "stream of a list": Case("/stream/list"),
    "stream with a length": Case("/stream/length", until="generator closed"),
    "stream in its context": Case("/stream/context"),
    "stream that fails at once": Case("/stream/raise/0", 500, until="generator closed"),
    "stream that fails": Case("/stream/raise/2", cut=True, until="generator closed"),
    "stream of a strict app that fails": Case("/strict/stream/raise/2", cut=True, until="generator closed"),
    "stream with a time-out": Case("/stream/stall/0.1", cut=True, until="generator closed"),
    "stream with the app's time-out": Case("/hurried/stream/stall/default", cut=True, until="generator closed"),
    "stream that sets the time-out aside": Case("/hurried/stream/patient"),
}

DATA_TAG = hashlib.md5(b"0123456789" * 10).hexdigest()
LATER, EARLIER = "Wed, 01 Jan 2098 00:00:00 GMT", "Wed, 01 Jan 1998 00:00:00 GMT"

# The three kinds of body with which a conditional response is made.
KINDS = {"file": "/file", "file in memory": "/file/memory", "data": "/conditional"}

# Conditions with the status that each kind answers them with. An end of a file, `-5`, is too much for this Quart.
CONDITIONS: dict[str, tuple[dict[str, str], tuple[int, int, int]]] = {
    "": ({}, (200, 200, 200)),
    "in part": ({"Range": "bytes=2-5"}, (206, 206, 206)),
    "at its end": ({"Range": "bytes=-5"}, (500, 500, 500)),
    "from somewhere": ({"Range": "bytes=50-"}, (206, 206, 206)),
    "from behind its end": ({"Range": "bytes=9999999-"}, (416, 416, 416)),
    "in another unit": ({"Range": "lines=1-2"}, (416, 416, 416)),
    "with its tag": ({"If-None-Match": f'"{DATA_TAG}"'}, (200, 200, 304)),
    "with any tag": ({"If-None-Match": "*"}, (304, 200, 304)),
    "if newer": ({"If-Modified-Since": LATER}, (304, 200, 200)),
    "if not older": ({"If-Modified-Since": EARLIER}, (200, 200, 200)),
    "in part if not older": ({"If-Range": EARLIER, "Range": "bytes=2-5"}, (200, 200, 200)),
}

FILES = {
    f"{method} {kind} {condition}".strip(): Case(target, statuses[index], method, headers)
    for index, (kind, target) in enumerate(KINDS.items())
    for condition, (headers, statuses) in CONDITIONS.items()
    for method in ("GET", "HEAD")
} | {
    "attached file": Case("/file/attached"),
    "file of a directory": Case("/directory/quart_cases.py"),
    "static file": Case("/static/quart_cases.py"),
    "part of a static file": Case("/static/quart_cases.py", 206, headers={"Range": "bytes=0-9"}),
    "static file if newer": Case("/static/quart_cases.py", 304, headers={"If-Modified-Since": LATER}),
    "static file of a mount": Case("/mounted/static/quart_cases.py"),
    "no such file": Case("/directory/nowhere", 404),
    "file outside": Case("/directory/..%2Fconftest.py", 404),
}

# A client that has gone is no error of the app. From Quart 0.23, Quart-Trio raises one that is logged with a traceback.
QUIET: dict[str, Any] = {"log": []}

DISCONNECTS = {
    "hang-up": Case("/hold/sleep", 0, hangs_up="holding"),
    "hang-up within a nursery": Case("/hold/nursery", 0, hangs_up="holding"),
    "hang-up under a shield": Case("/hold/shield", 0, hangs_up="holding", differs=QUIET),
    "hang-up that is swallowed": Case("/hold/swallow", 0, hangs_up="holding", differs=QUIET),
    "hang-up within a body": replace(post("/hold/body", [b"o"], 0, Content_Length="4"), hangs_up="holding"),
    "hang-up behind a body": replace(post("/hold/sleep", b"body", 0), hangs_up="holding"),
    "hang-up within a stream": Case("/stream/stall/60", hangs_up="App after_request", until="generator closed"),
    "hang-up within a flood": Case(
        "/stream/flood", hangs_up="App after_request", until="generator closed", differs=QUIET
    ),
}


CASES = PLAIN | FAILURES | BODIES | STREAMS | FILES | DISCONNECTS


@pytest.fixture(scope="module")
def pair(module_uwsgi: Servers) -> tuple[Server, Server]:
    """Two servers, with the direct class and without."""
    mounts = [f"/{name}=quart_cases:{name}" for name in MOUNTS]
    options: dict[str, Any] = {"module": "quart_cases:app", "mount": mounts, "lazy_apps": True}
    options["environment"] = {"PYTHONHASHSEED": "0"}  # For the order of a set, as in `Allow`.
    return module_uwsgi(**options, trio_quart_direct="true"), module_uwsgi(**options, trio_quart_direct="false")


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


@pytest.mark.parametrize("name", CASES)
def test_case(pair: tuple[Server, Server], name: str) -> None:
    case = CASES[name]
    direct, stock = (Outcome(server, name, case).seen for server in pair)
    assert stock.get("status", 0) == case.status or case.status == ANY
    differs = {key: make(stock[key]) if callable(make) else make for key, make in case.differs.items()}
    assert direct == stock | differs


# Requests one after the other on one connection; cookies come back.
SEQUENCES = {
    "session": ["/session", "/session", "/session"],
    "g": ["/context", "/clean"],
    "an error first": ["/raise/value", "/nowhere", "/text"],
    "a stream first": ["/stream/5", "/bytes/70000", "/text", "/stream/0", "/text"],
}


def follow(server: Server, targets: list[str]) -> list[tuple[int, bytes]]:
    """The answers to requests on one connection."""
    answers, cookies = [], ""
    with Http1(server.address) as client:
        for target in targets:
            response = client.get(target, Cookie=cookies)
            answers.append((response.status, response.body))
            cookies = (response.headers["set-cookie"] or cookies).partition(";")[0]
    return answers


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences(pair: tuple[Server, Server], name: str) -> None:
    direct, stock = (follow(server, SEQUENCES[name]) for server in pair)
    assert direct == stock


def test_pipelined(pair: tuple[Server, Server]) -> None:
    """Several requests in one write: they run one after the other without a wait in between."""
    targets = ("/text", "/session", "/stream/3", "/nowhere", "/bytes/70000", "/sync")
    answers = []
    for server in pair:
        with Http1(server.address) as client:
            client.send(b"".join(b"GET %b HTTP/1.1\r\nHost: t\r\n\r\n" % target.encode() for target in targets))
            answers.append([(response.status, response.body) for _ in targets if (response := client.response())])
    assert answers[0] == answers[1]


# A nursery gives each request a context of its own; the express lane would have to, whatever the app.
def test_context_variables_do_not_outlive_their_request(pair: tuple[Server, Server]) -> None:
    direct, stock = (follow(server, ["/variable", "/variable"]) for server in pair)
    assert direct == stock


def answer(server: Server, target: str) -> Any:
    with Http1(server.address) as client:
        return json.loads(client.get(target).body)


def test_the_direct_class_is_in_use(pair: tuple[Server, Server]) -> None:
    for prefix in ("", "/mounted", "/split"):
        direct, stock = (answer(server, f"{prefix}/task") for server in pair)
        assert (direct["class"], stock["class"]) == ("DirectHTTPConnection", "TrioASGIHTTPConnection")
        assert "handle_request" in stock["task"]
        assert "handle_request" not in direct["task"]


def test_a_class_of_the_apps_own_is_left_alone(pair: tuple[Server, Server]) -> None:
    direct, stock = (answer(server, "/own/task") for server in pair)
    assert direct == stock
    assert direct["class"] == "OwnConnection"
    assert "handle_request" in direct["task"]


@pytest.mark.parametrize("late", [True, False])
def test_a_body_on_its_way_takes_the_stock_way(pair: tuple[Server, Server], late: bool) -> None:
    body = [b"la", b"te"] if late else b"here"
    outcome = Outcome(pair[0], f"way of a body, {late}", post("/task", body))
    assert ("handle_request" in json.loads(outcome.seen["body"])["task"]) == late


def test_websocket(pair: tuple[Server, Server]) -> None:
    for server in pair:
        for prefix, name in {"": "main", "/mounted": "mounted"}.items():
            with connect_websocket(f"ws://test{prefix}/ws", sock=connect(server.address)) as client:
                client.send("a text")
                assert client.recv() == f"{name} 'a text'"
