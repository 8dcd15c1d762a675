"""The head of a request from the fields of its stream (RFC 9113 section 8.3), held against the rules of HTTP/1.1."""

from typing import NamedTuple

from trio_worker.asgi import Headers
from trio_worker.protocols.http1.rules import Head, check, check_size
from trio_worker.refusal import Refusal


class Asked(NamedTuple):
    """A request for a response, or for a protocol on its stream.

    Attributes:
        method, target, headers: of the request; the authority is a Host among the headers.
        protocol: of an extended CONNECT (RFC 8441 section 4), empty for other requests.
    """

    method: str
    target: bytes
    headers: Headers
    protocol: bytes


def read(fields: Headers) -> Asked:
    """Return the request of these fields, whose order and names libnghttp2 has checked."""
    pseudo = {name: value for name, value in fields if name[:1] == b":"}
    headers = [field for field in fields if field[0][:1] != b":"]
    authority = pseudo.get(b":authority")
    if authority is not None and not any(name == b"host" for name, _ in headers):
        headers.insert(0, (b"host", authority))
    protocol = pseudo.get(b":protocol", b"")
    method = "GET" if protocol else pseudo.get(b":method", b"").decode("latin-1")
    return Asked(method, pseudo.get(b":path", b""), headers, protocol)


def find_fault(asked: Asked, limit_post: int, buffer_size: int) -> Refusal | None:
    """Return the refusal of a request that HTTP/1.1 would refuse as well.

    Args:
        asked: the request.
        limit_post: uWSGI's `limit-post` in bytes, 0 for none.
        buffer_size: uWSGI's `buffer-size` in bytes, which raises the limits of a head.
    """
    if asked.protocol not in (b"", b"websocket"):
        return Refusal(501, "websocket is the only protocol for an extended CONNECT here (RFC 8441 section 4).")
    head = Head(asked.method, asked.target, "1.1", asked.headers)
    names = [name for name, _ in asked.headers]
    return check(head, names, limit_post) or check_size(asked.target, asked.headers, buffer_size)
