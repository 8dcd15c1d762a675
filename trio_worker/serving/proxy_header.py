"""The PROXY protocol, versions 1 and 2: who a proxy speaks for, said once at the beginning of a connection.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt

    version 1   PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\\r\\n
    version 2   12 bytes of signature, version and command (1 byte), family (1), length (2), addresses, TLVs

Nothing here does I/O, and nothing here is believed: whether the peer may say it is trio-proxy-allow's to decide.
"""

import ipaddress
import struct
from collections.abc import Callable
from typing import NamedTuple

from trio_worker.transport.wire import Address

SIGNATURE_1 = b"PROXY "
SIGNATURE_2 = b"\r\n\r\n\0\r\nQUIT\n"

# Section 2.1: the longest line there can be, its line break included.
_LINE_LIMIT = 107

# Bytes of addresses and TLVs in version 2. Two UNIX paths have 216; certificates' names and the like come on top.
_BLOCK_LIMIT = 4096

_HEAD_2 = struct.Struct("!12sBBH")

# Section 2.2: the commands, with version 2 in the upper half of the byte.
_LOCAL, _PROXY = 0x20, 0x21

_TLV = struct.Struct("!BH")

# Section 2.2.6: the TLV about TLS between client and proxy, and the bit in it that says that there is some.
_TLV_SSL = 0x20
_CLIENT_SSL = 0x01


class ProxyError(ValueError):
    """Bytes that begin like a PROXY header are none; the message says why."""


class ProxyHeader(NamedTuple):
    """The word of a proxy on its client.

    Attributes:
        size: of the header in bytes; what is behind it belongs to the client.
        speaks_for: whether the proxy speaks for somebody; where it does not, the addresses of the connection stand.
        client, server: both ends of the client's connection, None for UNIX sockets.
        tls: whether the client came to the proxy over TLS.
    """

    size: int
    speaks_for: bool = False
    client: Address | None = None
    server: Address | None = None
    tls: bool = False


def may_begin(data: bytes) -> bool:
    """Return True if a PROXY header may begin with these bytes, of which there may be none yet."""
    return any(data.startswith(each) or each.startswith(data) for each in (SIGNATURE_1, SIGNATURE_2))


def parse(data: bytes) -> ProxyHeader | None:
    """Read the header from the first bytes of a connection; None while it is not complete.

    Raises:
        ProxyError: it is not valid.
    """
    if data.startswith(SIGNATURE_2):
        return _parse_2(data)
    if data.startswith(SIGNATURE_1):
        return _parse_1(data)
    if may_begin(data):
        return None
    raise ProxyError("it has no signature")


def _parse_1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, _LINE_LIMIT)
    if end < 0:
        if len(data) >= _LINE_LIMIT:
            raise ProxyError(f"its line is longer than {_LINE_LIMIT} bytes")
        return None
    words = data[:end].split(b" ")
    if words[1] == b"UNKNOWN":
        return ProxyHeader(end + 2)
    versions = {b"TCP4": 4, b"TCP6": 6}
    if len(words) != 6 or words[1] not in versions:
        raise ProxyError(f"{data[:end]!r} is no line of version 1")
    version = versions[words[1]]
    client, server = (
        (_host(host, version), _port(port)) for host, port in ((words[2], words[4]), (words[3], words[5]))
    )
    return ProxyHeader(end + 2, True, client, server)


def _host(text: bytes, version: int) -> str:
    try:
        address = ipaddress.ip_address(text.decode("ascii"))
    except ValueError as error:
        raise ProxyError(f"{text!r} is no address") from error
    if address.version != version:
        raise ProxyError(f"{text!r} is no address of IPv{version}")
    return str(address)


def _port(text: bytes) -> int:
    if not text.isdigit() or len(text) > 5 or int(text) > 65535:
        raise ProxyError(f"{text!r} is no port")
    return int(text)


def _parse_2(data: bytes) -> ProxyHeader | None:
    if len(data) < _HEAD_2.size:
        return None
    _, command, family, length = _HEAD_2.unpack_from(data)
    if command not in (_LOCAL, _PROXY):
        raise ProxyError(f"version and command {command:#04x} are not known")
    if length > _BLOCK_LIMIT:
        raise ProxyError(f"its addresses and TLVs have {length} bytes, {_BLOCK_LIMIT} are allowed")
    size = _HEAD_2.size + length
    if len(data) < size:
        return None
    if command == _LOCAL or family not in _FAMILIES:
        return ProxyHeader(size)  # Section 2.2: a family that is not known is taken for "unspecified".
    layout, read = _FAMILIES[family]
    if length < layout.size:
        raise ProxyError(f"its addresses have {length} bytes, {layout.size} belong to family {family:#04x}")
    fields = layout.unpack_from(data, _HEAD_2.size)
    tls = _has_tls(data[_HEAD_2.size + layout.size : size])
    return ProxyHeader(size, True, *read(*fields), tls)


def _inet(client: bytes, server: bytes, client_port: int, server_port: int) -> tuple[Address, Address]:
    return (str(ipaddress.ip_address(client)), client_port), (str(ipaddress.ip_address(server)), server_port)


def _unix(client: bytes, server: bytes) -> tuple[None, Address | None]:
    path = server.rstrip(b"\0").decode("utf-8", "replace")
    return None, (path, None) if path else None


_FAMILIES: dict[int, tuple[struct.Struct, Callable[..., tuple[Address | None, Address | None]]]] = {
    0x11: (struct.Struct("!4s4sHH"), _inet),
    0x21: (struct.Struct("!16s16sHH"), _inet),
    0x31: (struct.Struct("!108s108s"), _unix),
}


def _has_tls(tlvs: bytes) -> bool:
    """Look for the TLV about TLS; what is no TLV at all is the end of them."""
    position = 0
    while position + _TLV.size < len(tlvs):
        kind, length = _TLV.unpack_from(tlvs, position)
        position += _TLV.size
        if kind == _TLV_SSL and length:
            return bool(tlvs[position] & _CLIENT_SSL)
        position += length
    return False
