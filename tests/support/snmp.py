"""As much of SNMP (RFC 3416) as asks uWSGI for one number."""

import socket

_INTEGER, _STRING, _NULL, _OID, _SEQUENCE, _GET = 0x02, 0x04, 0x05, 0x06, 0x30, 0xA0

_VERSION_2C = b"\1"


def get(port: int, oid: str, community: bytes = b"public") -> int | None:
    """The value of an object of the agent on this UDP port, None when it has no such object."""
    binding = _field(_SEQUENCE, _field(_OID, _encoded(oid)) + _field(_NULL, b""))
    numbers = _field(_INTEGER, b"\0\0\0\1") + 2 * _field(_INTEGER, b"\0")
    request = _field(_GET, numbers + _field(_SEQUENCE, binding))
    message = _field(_SEQUENCE, _field(_INTEGER, _VERSION_2C) + _field(_STRING, community) + request)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.settimeout(1)
        agent.sendto(message, ("127.0.0.1", port))
        try:
            answer = agent.recv(4096)
        except TimeoutError:
            return None
    # The value stands behind its name, with a byte for its type and one for its length.
    value = answer[answer.index(_encoded(oid)) + len(_encoded(oid)) :]
    return int.from_bytes(value[2 : 2 + value[1]], "big")


def _field(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content


def _encoded(oid: str) -> bytes:
    """X.690 section 8.19: the first two numbers in one byte, the others in groups of seven bits."""
    first, second, *rest = map(int, oid.split("."))
    encoded = bytearray([first * 40 + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(number & 0x7F | 0x80)
        encoded += bytes(reversed(groups))
    return bytes(encoded)
