"""What an app may send: each conversation of app_messages.toml, over HTTP/1.1, in a uwsgi packet and over HTTP/2.

Those of sessions are held in the WebSockets of the three, those of responses also as denials of these. A client gets
the same in all of them, an app that breaks a rule is told so, and the next request is served. Where a protocol must
differ, the data say why.
"""

import re
from collections import Counter

import pytest
from support.app_messages import DATA, Conversation, Got, close_of, of_frames, of_text, read
from support.http1 import Http1, connect
from support.one_rule import PROTOCOLS, Case
from support.uwsgi import Server, Servers
from support.waiting import eventually

CONVERSATIONS = read()

# The first line of a record.
ERROR = r"^\[worker 1\] ERROR"

EACH = [
    pytest.param(number, each, protocol, id=f"{'session' if each.is_session else 'response'}-{each.name}-{protocol}")
    for number, each in enumerate(CONVERSATIONS)
    for protocol, told in PROTOCOLS.items()
    if told.opened or not each.is_session
]


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    environment = {"PYTHONPATH": str(DATA.parent.parent)}  # The app reads the data as the test does.
    return module_uwsgi(module="conversing:app", disable_logging=True, environment=environment)


def ask(server: Server, number: int, protocol: str) -> Got:
    told = PROTOCOLS[protocol]
    more = [["sec-websocket-protocol", "chat"]] if told.opened else [["te", "trailers"]]
    if protocol == "http/1.1":
        more.append(["connection", "close"])
    case = Case("", "", 200, target=f"/{number}", headers=more)
    with connect(server.unix_path if told.carrier == "packet" else server.address) as sock:
        sock.sendall(told.ask(case))
        return (of_frames if told.carrier == "h2" else of_text)(sock)


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


@pytest.mark.parametrize(("number", "each", "protocol"), EACH)
def test_the_same_in_every_protocol(server: Server, number: int, each: Conversation, protocol: str) -> None:
    wanted, says = expected(each, protocol)
    before = len(server.log)
    status, fields, body = ask(server, number, protocol)
    opened = each.is_session and status in (101, 200)
    verdict = str(close_of(body or b"")) if opened else "cut" if body is None else str(status)
    assert verdict == wanted
    if wanted not in ("500", "cut"):
        assert {name: fields.get(name, "") for name in each.fields} == each.fields
    with Http1(server.address) as client:
        assert client.get("/0").text == "body"
    eventually(lambda: says in server.log[before:], why=lambda: f"no {says!r} in {server.log[before:]}")
    assert len(re.findall(ERROR, server.log[before:], re.MULTILINE)) == bool(says)


def test_each_difference_has_its_reason() -> None:
    for each in CONVERSATIONS:
        assert each.differs.keys() <= {"http/1.1", "packet", "h2", "denial"}, each.name
        for verdict, why, *_ in each.differs.values():
            assert re.match(r"RFC \d+ section \d", why), why
            assert verdict != each.verdict, each.name
    counted = Counter((each.is_session, each.name) for each in CONVERSATIONS)
    assert [name for name, count in counted.items() if count > 1] == []
