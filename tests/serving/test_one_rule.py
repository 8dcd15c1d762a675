"""One rule for one thing: what is refused in one protocol is refused in all of them, however its bytes are cut.

Each request of requests.toml is asked over HTTP/1.1, in a uwsgi packet and over HTTP/2, and as the head of a WebSocket
in each of them. Where a protocol must differ, the data say why.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from ssl import SSLError
from typing import Any

import pytest
from support.certificates import Authority
from support.one_rule import PROTOCOLS, Case, Secure, Verdict, expected, read
from support.uwsgi import Server, Servers

CASES = read()


# By whether their limits are the smallest, which are those of an ini that says nothing of them.
Both = dict[bool, tuple[Server, Secure]]


@pytest.fixture(scope="module")
def servers(module_uwsgi: Servers, authority: Authority) -> Both:
    secure = Secure(authority), Secure(authority)
    usual: dict[str, Any] = {"module": "mirror:app", "disable_logging": True}
    large = module_uwsgi(**usual, https_socket=secure[0].option, buffer_size=65535, limit_post=1_000_000)
    small = module_uwsgi(**usual, https_socket=secure[1].option)
    return {False: (large, secure[0]), True: (small, secure[1])}


def verdict(servers: Both, case: Case, protocol: str, pieces: Iterable[bytes]) -> Verdict:
    """What comes of these bytes."""
    told, (server, secure) = PROTOCOLS[protocol], servers[case.small]
    try:
        with secure.connect(server, told) as sock:
            with suppress(ConnectionError):  # It may be refused, and closed, before all of it has left.
                for number, piece in enumerate(pieces):
                    if number:
                        time.sleep(0.0005)
                    sock.sendall(piece)
            return told.read(sock)
    except (ConnectionError, SSLError):
        return "closed"


def skip_impossible(case: Case, protocol: str) -> None:
    told = PROTOCOLS[protocol]
    if told.opened and case.method != "GET":
        pytest.skip("a handshake is a GET")
    if told.carrier == "packet" and case.is_long:
        pytest.skip("a packet has 65,535 bytes")
    if told.secure and case.is_long:
        pytest.skip("who sends so much may see the end before the word, which is encrypted")
    if told.carrier == "h2" and case.version != "1.1":
        pytest.skip("HTTP/2 has no other version")
    if case.handshake and not told.opened:
        pytest.skip("it is about WebSockets")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_same_verdict(servers: Both, case: Case, protocol: str) -> None:
    skip_impossible(case, protocol)
    assert verdict(servers, case, protocol, [PROTOCOLS[protocol].ask(case)]) == expected(case, protocol)


def cuts(data: bytes, secure: bool) -> Iterable[int]:
    """Every byte of a short one, and some forty places of a long one; ten over TLS, where each is a handshake."""
    places = 10 if secure else 40 if len(data) > 400 else len(data)
    return range(1, len(data), max(1, len(data) // places))


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_same_verdict_however_it_is_cut(servers: Both, case: Case, protocol: str) -> None:
    skip_impossible(case, protocol)
    data = PROTOCOLS[protocol].ask(case)
    told = {
        cut: verdict(servers, case, protocol, [data[:cut], data[cut:]])
        for cut in cuts(data, PROTOCOLS[protocol].secure)
    }
    found = {cut: status for cut, status in told.items() if status not in allowed(case, protocol)}
    assert found == {}


@pytest.mark.long
@pytest.mark.parametrize("protocol", [name for name, told in PROTOCOLS.items() if not told.secure])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_same_verdict_byte_by_byte(servers: Both, case: Case, protocol: str) -> None:
    skip_impossible(case, protocol)
    data = PROTOCOLS[protocol].ask(case)
    step = max(1, len(data) // 1000)
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    assert verdict(servers, case, protocol, pieces) in allowed(case, protocol)


def allowed(case: Case, protocol: str) -> tuple[Verdict, ...]:
    """Return what may come of a request in pieces.

    What is too long for a target is too long for a head; what comes first says which of them is told. And who is cut
    behind a head that expects it gets the 100.
    """
    wanted = expected(case, protocol)
    return (414, 431) if wanted in (414, 431) else (wanted, 100) if case.name.startswith("100-") else (wanted,)


def test_each_difference_has_its_reason() -> None:
    """Names are of protocols, and a reason names a section, or what the protocol of fronts is."""
    names = {*PROTOCOLS, "websockets"}
    for case in CASES:
        assert case.differs.keys() <= names, case.name
        for name, (told, why) in case.differs.items():
            assert told != case.status or "websocket" in name, case.name
            assert re.match(r"RFC \d+ (section|appendix) [\dA-Z]|a front ", why), why
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []
