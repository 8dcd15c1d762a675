"""The PROXY protocol's parser on its own."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_worker.serving.proxy_header import SIGNATURE_2, ProxyError, ProxyHeader, may_begin, parse

PORTS = st.integers(0, 65535)


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), PORTS, PORTS, st.binary(max_size=20))
def test_version_1(client: ipaddress.IPv4Address, server: ipaddress.IPv4Address, a: int, b: int, rest: bytes) -> None:
    line = f"PROXY TCP4 {client} {server} {a} {b}\r\n".encode()
    assert parse(line + rest) == ProxyHeader(len(line), True, (str(client), a), (str(server), b))
    assert all(parse(line[:end]) is None for end in range(len(line)))


@given(st.ip_addresses(v=6), st.ip_addresses(v=6), PORTS, PORTS, st.binary(max_size=20))
def test_version_2(client: ipaddress.IPv6Address, server: ipaddress.IPv6Address, a: int, b: int, rest: bytes) -> None:
    data = client.packed + server.packed + struct.pack("!HH", a, b)
    header = SIGNATURE_2 + struct.pack("!BBH", 0x21, 0x21, len(data)) + data
    assert parse(header + rest) == ProxyHeader(len(header), True, (str(client), a), (str(server), b))
    assert all(parse(header[:end]) is None for end in range(len(header)))


@given(st.one_of(st.binary(), st.binary().map(b"PROXY ".__add__), st.binary().map(SIGNATURE_2.__add__)))
def test_nothing_but_the_declared_error(data: bytes) -> None:
    try:
        header = parse(data)
    except ProxyError:
        return
    assert header is None or 0 < header.size <= len(data)
    assert may_begin(data)


def test_what_is_something_else() -> None:
    assert not may_begin(b"GET / HTTP/1.1\r\n")
    assert not may_begin(b"\r\n\r\nGET")
    with pytest.raises(ProxyError):
        parse(b"PRI * HTTP/2.0\r\n")
