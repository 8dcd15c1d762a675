"""What an app may send: each conversation of app_messages.toml, over HTTP/1.1, in a uwsgi packet, over HTTP/2 and TLS.

Those of sessions are held in the WebSockets of the three, those of responses also as denials of these. A client gets
the same in all of them, an app that breaks a rule is told so, and the next request is served. Where a protocol must
differ, the data say why.
"""

import re
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
from support.app_messages import DATA, Conversation, Got, close_of, of_frames, of_text, read
from support.certificates import Authority
from support.http1 import Http1
from support.one_rule import PROTOCOLS, Case, Secure
from support.uwsgi import Server, Servers
from support.waiting import eventually

CONVERSATIONS = read()

# The first line of a record.
ERROR = r"^\[worker 1\] ERROR"

# Layers of ours that look at what an app sends.
LAYERS = {"add_header": "x-added: a", "trio_request_id": "x-id", "trio_compress": "gzip"}


def each_in(protocols: Iterable[str]) -> list[Any]:
    return [
        pytest.param(
            number, each, protocol, id=f"{'session' if each.is_session else 'response'}-{each.name}-{protocol}"
        )
        for number, each in enumerate(CONVERSATIONS)
        for protocol in protocols
        if PROTOCOLS[protocol].opened or not each.is_session
    ]


@dataclass
class Asked:
    """A server whose app holds the conversations."""

    server: Server
    secure: Secure

    def ask(self, number: int, protocol: str) -> Got:
        """Have a conversation held."""
        told = PROTOCOLS[protocol]
        more = [["sec-websocket-protocol", "chat"]] if told.opened else [["te", "trailers"]]
        if told.carrier == "http/1.1" and not told.opened:
            more.append(["connection", "close"])
        case = Case("", "", 200, target=f"/{number}", headers=more)
        with self.secure.connect(self.server, told) as sock:
            sock.sendall(told.ask(case))
            return (of_frames if told.carrier == "h2" else of_text)(sock)


def start(servers: Servers, authority: Authority, **options: Any) -> Asked:
    secure = Secure(authority)
    environment = {"PYTHONPATH": str(DATA.parent.parent)}  # The app reads the data as the test does.
    options |= {"disable_logging": True, "https_socket": secure.option}
    return Asked(servers(module="conversing:app", environment=environment, **options), secure)


@pytest.fixture(scope="module")
def plain(module_uwsgi: Servers, authority: Authority) -> Asked:
    return start(module_uwsgi, authority)


@pytest.fixture(scope="module")
def layered(module_uwsgi: Servers, authority: Authority) -> Asked:
    return start(module_uwsgi, authority, **LAYERS)


def expected(each: Conversation, protocol: str) -> tuple[str, str]:
    """Return the verdict, and a part of what the log says."""
    told = PROTOCOLS[protocol]
    denies = told.opened and not each.is_session
    names = ["denial", told.carrier] if denies else [told.carrier]
    name = next((name for name in names if name in each.differs), "")
    verdict, _, *rest = each.differs[name] if name else [each.verdict, ""]
    says = rest[0] if rest else each.says
    if not denies:
        return verdict, says
    by_default = "status" not in each.start and name != "denial"
    return verdict.replace("200", "403") if by_default else verdict, says.replace("http.r", "websocket.http.r")


@pytest.mark.parametrize(("number", "each", "protocol"), each_in(PROTOCOLS))
def test_the_same_in_every_protocol(plain: Asked, number: int, each: Conversation, protocol: str) -> None:
    check(plain, number, each, protocol)


@pytest.mark.parametrize(("number", "each", "protocol"), each_in(["http/1.1", "websocket"]))
def test_the_same_through_layers(layered: Asked, number: int, each: Conversation, protocol: str) -> None:
    check(layered, number, each, protocol)


def check(asked: Asked, number: int, each: Conversation, protocol: str) -> None:
    """Have the conversation held, and compare."""
    server, (wanted, says) = asked.server, expected(each, protocol)
    before = len(server.log)
    status, fields, body = asked.ask(number, protocol)
    opened = each.is_session and status in (101, 200)
    verdict = str(close_of(body or b"")) if opened else "cut" if body is None else str(status)
    assert verdict == wanted
    if wanted not in ("500", "cut"):
        assert {name: fields.get(name, "") for name in each.fields} == each.fields
    with Http1(server.address) as client:
        assert client.get("/0").text == "body"
    eventually(lambda: says in server.log[before:], why=lambda: f"no {says!r} in {server.log[before:]}")
    assert len(re.findall(ERROR, server.log[before:], re.MULTILINE)) == bool(says)


@pytest.mark.parametrize(
    ("name", "ends"), [("Connection that only begins like close", False), ("Connection with close among others", True)]
)
def test_who_asks_for_the_end_of_a_connection_gets_it(plain: Asked, name: str, ends: bool) -> None:
    [number] = [number for number, each in enumerate(CONVERSATIONS) if each.name == name]
    with Http1(plain.server.address) as client:
        answer = client.get(f"/{number}")
        assert (answer.text, answer.headers.get("connection")) == ("body", "close" if ends else None)
        with pytest.raises(ConnectionError) if ends else nullcontext():
            assert client.get("/0").text == "body"


def test_each_difference_has_its_reason() -> None:
    for each in CONVERSATIONS:
        assert each.differs.keys() <= {"http/1.1", "packet", "h2", "denial"}, each.name
        for verdict, why, *_ in each.differs.values():
            assert re.match(r"RFC \d+ section \d", why), why
            assert verdict != each.verdict, each.name
    counted = Counter((each.is_session, each.name) for each in CONVERSATIONS)
    assert [name for name, count in counted.items() if count > 1] == []
