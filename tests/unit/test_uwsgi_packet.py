"""The uwsgi packet's parser on its own."""

import contextlib
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.packets import USUAL, block

from trio_worker.protocols.uwsgi import packet as uwsgi_packet
from trio_worker.protocols.uwsgi.packet import PacketError, RequestError, parse_block, split_packet
from trio_worker.protocols.uwsgi.request import PacketRequest

NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1).filter(lambda name: not name.startswith("HTTP_"))
VALUES = st.text(st.characters(max_codepoint=255), max_size=300)
HEADER_VALUES = st.text(
    st.characters(max_codepoint=255, exclude_categories=["Cc"], include_characters="\t"), max_size=300
)


def test_the_header() -> None:
    whole = b"\x00\x34\x12\x05" + b"b" * 0x1234 + b"rest"
    assert split_packet(whole, 0x1234) == (whole[:4], b"b" * 0x1234, b"rest")
    assert [split_packet(whole[:end], 0x1234) for end in (0, 3, 4, 5, 0x1237)] == [None] * 5
    with pytest.raises(PacketError, match="buffer-size allows 4659"):
        split_packet(whole[:4], 0x1233)


@given(st.dictionaries(NAMES, VALUES, max_size=30))
def test_variables_come_out_as_they_went_in(variables: dict[str, str]) -> None:
    headers, found, _ = parse_block(block(variables))
    assert headers == []
    assert found == {key.encode(): value.encode("latin-1") for key, value in variables.items()}


@given(st.lists(st.tuples(st.text("ABC_", min_size=1), HEADER_VALUES)))
def test_headers_keep_their_order_and_repetitions(pairs: list[tuple[str, str]]) -> None:
    headers, _, _ = parse_block(block([("HTTP_" + name, value) for name, value in pairs]))
    expected = [(name.lower().replace("_", "-").encode(), value.encode("latin-1")) for name, value in pairs]
    assert headers == expected


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\0", "\x1b[m", "\x7f"])
def test_a_control_character_in_a_header_is_refused(value: str) -> None:
    with pytest.raises(RequestError, match="control character"):
        parse_block(block({"HTTP_A": value}))


@given(st.binary(max_size=500))
def test_nothing_but_the_declared_errors(data: bytes) -> None:
    with contextlib.suppress(PacketError, RequestError):
        PacketRequest(data)


@given(st.data())
def test_a_block_that_is_cut_is_malformed(data: st.DataObject) -> None:
    whole = block(USUAL)
    ends = [len(block(list(USUAL.items())[:count])) for count in range(len(USUAL) + 1)]
    end = data.draw(st.integers(1, len(whole)).filter(lambda end: end not in ends))
    with pytest.raises(PacketError):
        parse_block(whole[:end])


def test_names_that_clients_invent_are_not_remembered_for_ever() -> None:
    for number in range(5000):
        parse_block(block({f"HTTP_INVENTED_{number}": ""}))
    assert len(uwsgi_packet.known_names) <= 2048


@pytest.mark.parametrize(
    ("variables", "status"),
    [
        ({"REQUEST_URI": "admin", "PATH_INFO": "admin"}, 400),
        ({"REQUEST_URI": "/a#b", "PATH_INFO": "/a"}, 400),
        ({"REQUEST_URI": "/a b", "PATH_INFO": "/a b"}, 400),
        ({"REQUEST_URI": "/\xe9", "PATH_INFO": "/\xe9"}, 400),
        ({"REQUEST_URI": "*"}, 400),
        ({"REQUEST_URI": "ftp://test/"}, 400),
        ({"REQUEST_METHOD": "CONNECT", "REQUEST_URI": "test:80", "PATH_INFO": "test:80"}, 501),
        ({"HTTP_HOST": '"><script>'}, 400),
        ({"HTTP_HOST": "a, b"}, 400),
        ({"HTTP_A": "b\x01c"}, 400),
        ({"HTTP_A": "b\x7f"}, 400),
        ({"HTTP_TRANSFER_ENCODING": "gzip"}, 501),
        ({"HTTP_TRANSFER_ENCODING": "chunked", "SERVER_PROTOCOL": "HTTP/1.0"}, 400),
    ],
)
def test_what_http1_refuses(variables: dict[str, str], status: int) -> None:
    with pytest.raises(RequestError) as caught:
        PacketRequest(block({**USUAL, **variables}))
    assert caught.value.refusal.status == status


def test_a_host_is_one_and_may_be_missing_where_http_has_none() -> None:
    without = {name: value for name, value in USUAL.items() if name != "HTTP_HOST"}
    assert PacketRequest(block(USUAL)).headers == [(b"host", b"test")]
    for several in ([], [("HTTP_HOST", "test"), ("HTTP_HOST", "test")]):
        with pytest.raises(RequestError):
            PacketRequest(block([*without.items(), ("SERVER_PROTOCOL", "HTTP/1.1"), *several]))
    assert PacketRequest(block({**without, "SERVER_PROTOCOL": "HTTP/1.0"})).headers == []


@pytest.mark.parametrize("target", ["/", "/a/b?c=d", "/a%20b", "http://test/a?b", "//a"])
def test_targets_that_are_served(target: str) -> None:
    raw, _, query = target.removeprefix("http://test").partition("?")
    request = PacketRequest(block({**USUAL, "REQUEST_URI": target, "PATH_INFO": unquote(raw), "QUERY_STRING": query}))
    assert (request.path, request.query, request.target) == (unquote(raw), query.encode(), target.encode())


def test_the_host_of_a_target_goes_before_the_header() -> None:
    """RFC 9112 section 3.2.2: an app that asks for the host hears the one by which the front has chosen its site."""
    request = PacketRequest(block({**USUAL, "REQUEST_URI": "http://front/a", "PATH_INFO": "/a", "HTTP_A": "b"}))
    assert request.headers == [(b"host", b"front"), (b"a", b"b")]
    assert request.target == b"http://front/a"


WEBSOCKET = {**USUAL, "HTTP_UPGRADE": "WebSocket", "HTTP_CONNECTION": "keep-alive, Upgrade"}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, True),
        ({"CONTENT_LENGTH": "0"}, True),
        ({"HTTP_CONNECTION": "keep-alive"}, False),
        ({"HTTP_UPGRADE": "h2c"}, False),
        ({"REQUEST_METHOD": "POST"}, False),
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, False),
        ({"SERVER_PROTOCOL": "HTTP/2.0"}, False),
        ({"CONTENT_LENGTH": "5"}, False),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, False),
    ],
)
def test_an_upgrade_is_followed_as_in_http1(changes: dict[str, str], wanted: bool) -> None:
    assert PacketRequest(block({**WEBSOCKET, **changes})).wants_websocket is wanted
    given = {name: value for name, value in {**WEBSOCKET, **changes}.items() if name != "HTTP_CONNECTION"}
    assert not PacketRequest(block(given)).wants_websocket
