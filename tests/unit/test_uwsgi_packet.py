"""The uwsgi packet's parser on its own."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.packets import USUAL, block

from trio_worker.protocols.uwsgi import packet as uwsgi_packet
from trio_worker.protocols.uwsgi.packet import ASKED, PacketError, RequestError, parse_block, parse_header
from trio_worker.protocols.uwsgi.request import PacketRequest, Reader

NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1).filter(lambda name: not name.startswith("HTTP_"))
VALUES = st.text(st.characters(max_codepoint=255), max_size=300)


def test_the_header() -> None:
    assert parse_header(b"\x00\x34\x12\x05rest") == (0, 0x1234, 5)


@given(st.dictionaries(NAMES, VALUES, max_size=30))
def test_variables_come_out_as_they_went_in(variables: dict[str, str]) -> None:
    headers, found, size = parse_block(block(variables))
    assert size == len(block(variables))
    assert headers == []
    assert found == {key.encode(): value.encode("latin-1") for key, value in variables.items()}


@given(st.lists(st.tuples(st.text("ABC_", min_size=1), VALUES)))
def test_headers_keep_their_order_and_repetitions(pairs: list[tuple[str, str]]) -> None:
    headers, _, _ = parse_block(block([("HTTP_" + name, value) for name, value in pairs]))
    expected = [(name.lower().replace("_", "-").encode(), value.encode("latin-1")) for name, value in pairs]
    assert headers == expected


@given(st.binary(max_size=500))
def test_nothing_but_the_declared_errors(data: bytes) -> None:
    with contextlib.suppress(PacketError, RequestError):
        Reader().read(data).replay()


@given(st.data())
def test_a_block_that_is_cut_is_malformed(data: st.DataObject) -> None:
    whole = block(USUAL)
    ends = [len(block(list(USUAL.items())[:count])) for count in range(len(USUAL) + 1)]
    end = data.draw(st.integers(1, len(whole)).filter(lambda end: end not in ends))
    with pytest.raises(PacketError):
        parse_block(whole[:end])


def test_a_replayed_head_is_the_clients() -> None:
    variables = {**USUAL, "REQUEST_URI": "/a%20b?x", "PATH_INFO": "/a b", "QUERY_STRING": "x", "HTTP_A": "1"}
    assert Reader().read(block(variables)).replay() == b"GET /a%20b?x HTTP/1.1\r\nhost: test\r\na: 1\r\n\r\n"
    rewritten = Reader().read(block({**variables, "PATH_INFO": "/new path"}))
    assert rewritten.replay().startswith(b"GET /new%20path?x HTTP/1.1\r\n")


def test_names_that_clients_invent_are_not_remembered_for_ever() -> None:
    for number in range(5000):
        parse_block(block({f"HTTP_INVENTED_{number}": ""}))
    assert len(uwsgi_packet._known) <= 2048


def meaning(request: PacketRequest) -> dict[str, object]:
    """All that a request has, in one value that can be compared."""
    found: dict[str, object] = {"headers": request.headers}
    for part in request.asked, request.sender:
        found |= {f"{type(part).__name__}.{name}": getattr(part, name) for name in type(part).__slots__}
    return found


def outcome_of(reader: Reader, data: bytes) -> object:
    try:
        return meaning(reader.read(data))
    except (PacketError, RequestError) as error:
        return type(error), str(error)


# What fronts and clients vary from packet to packet; other variables stay as they are.
VARIED = st.fixed_dictionaries(
    {"REQUEST_METHOD": st.sampled_from(["GET", "POST", "GET", "", "a b"])},
    optional={
        "REQUEST_URI": st.sampled_from(["/", "/a?b=1", "/in/a", "/in", "/x y", "/%2e\n", "http://h/a"]),
        "PATH_INFO": st.sampled_from(["/", "/a", "/in/a", ""]),
        "CONTENT_LENGTH": st.sampled_from(["", "3", "x"]),
        "DOCUMENT_ROOT": st.sampled_from(["", "/srv", "DOCUMENT_ROOT", "\r\0DOCUMENT_ROOT\0\0"]),
        "SCRIPT_NAME": st.sampled_from(["", "/in"]),
        "REMOTE_PORT": st.sampled_from(["1", "2"]),
        "HTTP_A": st.sampled_from(["1", "line\nbreak"]),
        "HTTP_TRANSFER_ENCODING": st.sampled_from(["", "chunked", "gzip"]),
        "UWSGI_ROUTER": st.just("http"),
        "UWSGI_X": st.sampled_from(["1", "2"]),
    },
)


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    variables = list(draw(VARIED).items())
    if draw(st.booleans()):
        variables = draw(st.permutations(variables))
    data = block(variables)
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 9)) == 0 else data


@given(st.lists(packets(), max_size=12))
def test_a_reader_that_remembers_reads_what_a_fresh_one_does(blocks: list[bytes]) -> None:
    reader = Reader()
    for data in blocks * 2:
        assert outcome_of(reader, data) == outcome_of(Reader(), data)


def test_what_a_reader_remembers_is_not_parsed_again() -> None:
    reader = Reader()
    # As nginx has it: what is asked for comes first.
    request = dict(sorted(USUAL.items(), key=lambda variable: variable[0].encode() not in ASKED))
    other = {**request, "REQUEST_URI": "/other", "PATH_INFO": "/other"}
    first, second = (reader.read(block(each)) for each in (request, other))
    assert first.sender is second.sender
    again = reader.read(block(request))
    assert again.sender is first.sender
    assert again.asked is first.asked


def test_requests_do_not_share_what_an_app_may_change() -> None:
    reader = Reader()
    reader.read(block(USUAL)).headers.append((b"x", b"y"))
    assert (b"x", b"y") not in reader.read(block(USUAL)).headers
