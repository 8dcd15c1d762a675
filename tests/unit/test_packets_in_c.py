"""The readers of packets in C say what those in Python say, or nothing; they are there wherever a C compiler is."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.packets import USUAL, block, packet

from trio_worker.host import is_host, known_hosts
from trio_worker.protocols.rules import METHODS
from trio_worker.protocols.uwsgi.packet import Block, PacketError, RequestError, known_names, learn_block
from trio_worker.protocols.uwsgi.sender import VERSIONS
from trio_worker.protocols.uwsgi.whole import Plain, split_plain

# A checkout that was compiled before they came has to be compiled again.
packets: Any = pytest.importorskip("trio_worker.protocols._packets")


def pack(*texts: bytes) -> bytes:
    return b"".join(len(text).to_bytes(2, "little") + text for text in texts)


HEADERS = {b"HTTP_HOST": b"host", b"HTTP_ACCEPT": b"accept"}
KNOWN: dict[bytes, bytes | str] = {**HEADERS, b"QUERY_STRING": b"", b"A": "A", b"\x80": "\udc80"}
VARIABLES = st.lists(st.sampled_from([*KNOWN]) | st.binary(max_size=4), max_size=12)


def learned(block: bytes) -> Block | None:
    try:
        return learn_block(block)
    except (PacketError, RequestError):
        return None


@given(VARIABLES, st.integers(0, 40), st.binary(max_size=3))
def test_blocks(texts: list[bytes], end: int, behind: bytes) -> None:
    block = pack(*texts)
    for each in (block, block[:end], block + behind):
        read = packets.read_block(each, KNOWN)
        assert read is None or read == learned(each)


def test_a_block_with_large_values() -> None:
    values = b"v" * 255, b"w" * 256, b"x" * 65535
    block = pack(b"HTTP_HOST", values[0], b"HTTP_ACCEPT", values[1], b"QUERY_STRING", values[2], b"A", b"\xff")
    headers = [(b"host", values[0]), (b"accept", values[1])]
    assert packets.read_block(block, KNOWN) == (headers, {b"QUERY_STRING": values[2], b"A": b"\xff"}, {"A": "\udcff"})
    assert packets.read_block(pack(b"REMOTE_USER", b"x"), KNOWN) is None


def test_arguments_of_other_types() -> None:
    with pytest.raises(TypeError, match="bytes and a dictionary"):
        packets.read_block("text", {})
    for wrong in range(6):
        right = [b"", 1, {}, {}, {}, {}]
        right[wrong] = "text"
        with pytest.raises(TypeError, match="bytes, a number and four dictionaries"):
            packets.read_packet(*right)


LIMIT = 4096


def read(data: bytes, limit: int = LIMIT, known: Mapping[bytes, bytes | str] = known_names) -> Plain | None:
    plain: Plain | None = packets.read_packet(data, limit, known, METHODS, VERSIONS, known_hosts)
    return plain


# What a front sends, and what lies close to it: the values of variables, and variables that not every packet has.
VALUES = {
    "REQUEST_METHOD": ["GET", "POST", "PURGE", "get", ""],
    "REQUEST_URI": ["/", "/a?b", "/a?", "/a", "/%41", "/a#b", "a", "//a", "http://test/a", "*", "/\xe9", ""],
    "PATH_INFO": ["/", "/a", "/A", "/%41", "//a", "", "/\xe9"],
    "QUERY_STRING": ["", "b", "c"],
    "SERVER_PROTOCOL": ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3", "HTTP/9"],
    "HTTP_HOST": ["test", "a, b", "", "known"],
    "CONTENT_LENGTH": ["", "0", "5", "x"],
    "CONTENT_TYPE": ["", "text/plain"],
    "REMOTE_ADDR": ["203.0.113.7", "::1", "unix:", "unix:/a", "unix", "\xe9", ""],
    "REMOTE_PORT": ["4711", "99999", "100000", "-1", "", "007", "x"],
    "SERVER_NAME": ["front.test", "\xe9", ""],
    "SERVER_PORT": ["80", "0", "", "x"],
}
OTHERS = {
    "REQUEST_SCHEME": ["http", "https", "HTTPS", "", "x"],
    "HTTPS": ["on", "ON", "1", "off", ""],
    "UWSGI_SCHEME": ["https", "http"],
    "UWSGI_ROUTER": ["http"],
    "SCRIPT_NAME": ["", "/", "/app"],
    "HTTP_ACCEPT": ["*/*", "a\tb", "a\x01", "\xff"],
    "HTTP_UPGRADE": ["websocket", "h2c"],
    "HTTP_TRANSFER_ENCODING": ["chunked"],
    "HTTP_CONTENT_LENGTH": ["0"],
    "DOCUMENT_ROOT": ["/srv", "\xff"],
}
CHANGES = st.fixed_dictionaries({}, optional={name: st.sampled_from(each) for name, each in (VALUES | OTHERS).items()})
EXTRA = st.lists(st.sampled_from([(name, each[0]) for name, each in (VALUES | OTHERS).items()]), max_size=1)


@pytest.fixture(scope="module", autouse=True)
def _learn() -> None:
    """Know what a worker knows that has seen all of this before."""
    for name, values in (VALUES | OTHERS).items():
        learn_block(block({name: values[0]}))
    for host in VALUES["HTTP_HOST"]:
        is_host(host.encode())


@given(CHANGES, EXTRA, st.sets(st.sampled_from(sorted(USUAL)), max_size=1))
def test_packets(changes: dict[str, str], extra: list[tuple[str, str]], missing: set[str]) -> None:
    variables = [(name, value) for name, value in {**USUAL, **changes}.items() if name not in missing]
    data = packet(block([*variables, *extra]))
    plain = read(data)
    assert plain is None or plain == split_plain(data, LIMIT)


@given(st.binary(max_size=64))
def test_what_is_no_packet(data: bytes) -> None:
    plain = read(data)
    assert plain is None or plain == split_plain(data, LIMIT)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"REQUEST_URI": "/a?b=%20", "PATH_INFO": "/a", "QUERY_STRING": "b=%20"},
        {"REQUEST_SCHEME": "https", "HTTPS": "on", "SERVER_PORT": "443"},
        {"REQUEST_METHOD": "DELETE", "SERVER_PROTOCOL": "HTTP/2.0", "HTTP_ACCEPT": "*/*", "DOCUMENT_ROOT": "/srv"},
        {"REMOTE_ADDR": "unix:", "REMOTE_PORT": ""},
    ],
)
def test_what_fronts_send_is_plain(changes: dict[str, str]) -> None:
    data = packet(block({**USUAL, **changes}))
    assert read(data) == split_plain(data, LIMIT) is not None


def test_a_packet_that_is_not_all_there_is() -> None:
    whole = packet(block(USUAL))
    assert read(whole) is not None
    for data in (*(whole[:end] for end in range(len(whole))), whole + b"x"):
        assert read(data) is split_plain(data, LIMIT) is None
    size = len(whole) - 4
    assert read(whole, size) == split_plain(whole, size) is not None
    assert read(whole, size - 1) is split_plain(whole, size - 1) is None


def test_an_unknown_name_is_left_to_python() -> None:
    data = packet(block({**USUAL, "HTTP_NOT_SEEN_BEFORE": "1"}))
    known = dict(known_names)
    known.pop(b"HTTP_NOT_SEEN_BEFORE", None)
    assert read(data, known=known) is None
    known[b"HTTP_NOT_SEEN_BEFORE"] = b"not-seen-before"
    assert read(data, known=known) == split_plain(data, LIMIT) is not None


def test_a_header_that_comes_twice_in_two_spellings() -> None:
    for names in itertools.permutations([b"HTTP_X_Y", b"HTTP_X-Y", b"HTTP_x_y", b"HTTP_YX"], 2):
        data = packet(block({**USUAL, **{name.decode(): "1" for name in names}}))
        learn_block(data[4:])
        assert (read(data) is None) == (b"HTTP_YX" not in names)


def test_names_that_look_alike() -> None:
    """Names are remembered by a number that several share, and so are headers."""
    names = [f"HTTP_{first}{second}" for first in "ABCDEFGHIJ" for second in "KLMNOPQRST"]
    for start in range(0, 70, 10):
        data = packet(block({**USUAL, **{name: name for name in names[start : start + 30]}}))
        learn_block(data[4:])
        assert read(data) == split_plain(data, LIMIT) is not None
