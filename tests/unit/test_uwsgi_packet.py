"""The uwsgi packet's parser on its own."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.packets import USUAL, block

from trio_worker.protocols.uwsgi.packet import PacketError, PacketRequest, RequestError, parse_block, parse_header

NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1).filter(lambda name: not name.startswith("HTTP_"))
VALUES = st.text(st.characters(max_codepoint=255), max_size=300)


def test_the_header() -> None:
    assert parse_header(b"\x00\x34\x12\x05rest") == (0, 0x1234, 5)


@given(st.dictionaries(NAMES, VALUES, max_size=30))
def test_variables_come_out_as_they_went_in(variables: dict[str, str]) -> None:
    headers, found = parse_block(block(variables))
    assert headers == []
    assert found == {key.encode(): value.encode("latin-1") for key, value in variables.items()}


@given(st.lists(st.tuples(st.text("ABC_", min_size=1), VALUES)))
def test_headers_keep_their_order_and_repetitions(pairs: list[tuple[str, str]]) -> None:
    headers, _ = parse_block(block([("HTTP_" + name, value) for name, value in pairs]))
    expected = [(name.lower().replace("_", "-").encode(), value.encode("latin-1")) for name, value in pairs]
    assert headers == expected


@given(st.binary(max_size=500))
def test_nothing_but_the_declared_errors(data: bytes) -> None:
    with contextlib.suppress(PacketError, RequestError):
        PacketRequest(data).replay()


@given(st.data())
def test_a_block_that_is_cut_is_malformed(data: st.DataObject) -> None:
    whole = block(USUAL)
    ends = [len(block(list(USUAL.items())[:count])) for count in range(len(USUAL) + 1)]
    end = data.draw(st.integers(1, len(whole)).filter(lambda end: end not in ends))
    with pytest.raises(PacketError):
        parse_block(whole[:end])


def test_a_replayed_head_is_the_clients() -> None:
    variables = {**USUAL, "REQUEST_URI": "/a%20b?x", "PATH_INFO": "/a b", "QUERY_STRING": "x", "HTTP_A": "1"}
    assert PacketRequest(block(variables)).replay() == b"GET /a%20b?x HTTP/1.1\r\nhost: test\r\na: 1\r\n\r\n"
    rewritten = PacketRequest(block({**variables, "PATH_INFO": "/new path"}))
    assert rewritten.replay().startswith(b"GET /new%20path?x HTTP/1.1\r\n")


def test_names_that_clients_invent_are_not_remembered_for_ever() -> None:
    from trio_worker.protocols.uwsgi import packet as uwsgi_packet

    for number in range(5000):
        parse_block(block({f"HTTP_INVENTED_{number}": ""}))
    assert len(uwsgi_packet._known) <= 2048
