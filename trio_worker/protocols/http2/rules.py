"""The head of a request from the fields of its stream (RFC 9113 section 8.3), held against the rules of all."""

from typing import NamedTuple

from trio_worker.asgi import Headers
from trio_worker.host import recall_host
from trio_worker.protocols.rules import METHODS, Head, check, check_size, is_usual_target
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


# Fields that decide how a request goes on, or that are to be held against another field.
_DECISIVE = {b":protocol", b"host", b"content-length", b"transfer-encoding", b"expect"}

# Bytes and fields of a head with which no limit can be exceeded, whatever `buffer-size` says.
_SMALL_HEAD, _FEW_FIELDS = 16384, 64

# Method, target, authority, and the headers, the first of which is the Host.
Fields = tuple[bytes, bytes, bytes, Headers]


def sort_fields(fields: tuple[tuple[bytes, bytes], ...], /) -> Fields | None:
    """Return the parts of a request that has each field once, and none that decides anything; None for any other.

    The first four are those of every request, because libnghttp2 has seen to three of them and to the order (RFC 9113
    section 8.3.1).
    """
    given = dict(fields)
    if (
        len(given) == len(fields) <= _FEW_FIELDS
        and _DECISIVE.isdisjoint(given)
        and (host := given.get(b":authority")) is not None
        and is_usual_target(target := given.get(b":path", b""))
        and len(b"".join(given)) + len(b"".join(given.values())) <= _SMALL_HEAD
    ):
        return given[b":method"], target, host, [(b"host", host), *fields[4:]]
    return None


try:
    # The same in C.
    from trio_worker.protocols._speedups import read_fields
except ImportError:
    read_fields = sort_fields


def read_plain(fields: tuple[tuple[bytes, bytes], ...]) -> tuple[str, bytes, Headers] | None:
    """Return method, target and headers of a request in which no rule can find anything; None for every other."""
    if (parts := read_fields(fields)) is None:
        return None
    method, target, host, headers = parts
    if (word := METHODS.get(method)) is not None and recall_host(host):
        return word, target, headers
    return None


def read(fields: Headers) -> Asked:
    """Return the request of these fields, whose order and names libnghttp2 has checked."""
    pseudo = {name: value for name, value in fields if name[:1] == b":"}
    headers = [field for field in fields if field[0][:1] != b":"]
    authority = pseudo.get(b":authority")
    if authority is not None and not any(field == (b"host", authority) for field in headers):
        headers.insert(0, (b"host", authority))  # One that differs is one too many (RFC 9113 section 8.3.1).
    headers = _join_cookies(headers)
    protocol = pseudo.get(b":protocol", b"")
    method = "GET" if protocol else pseudo.get(b":method", b"").decode("latin-1")
    return Asked(method, pseudo.get(b":path", b""), headers, protocol)


def _join_cookies(headers: Headers) -> Headers:
    """Return the headers with one Cookie, as an app may expect it: a client may split it (RFC 9113 section 8.2.3)."""
    crumbs = [value for name, value in headers if name == b"cookie"]
    if len(crumbs) < 2:
        return headers
    return [*(field for field in headers if field[0] != b"cookie"), (b"cookie", b"; ".join(crumbs))]


def find_fault(asked: Asked, limit_post: int, buffer_size: int) -> Refusal | None:
    """Return the refusal of a request that HTTP/1.1 would refuse as well.

    Args:
        asked: the request.
        limit_post: uWSGI's `limit-post` in bytes, 0 for none.
        buffer_size: uWSGI's `buffer-size` in bytes, which raises the limits of a head.
    """
    if asked.protocol not in (b"", b"websocket"):
        return Refusal(501, "websocket is the only protocol for an extended CONNECT here (RFC 8441 section 4).")
    if asked.protocol and any(name == b"content-length" and value != b"0" for name, value in asked.headers):
        return Refusal(400, "A CONNECT has no body (RFC 9110 section 9.3.6).")
    head = Head(asked.method, asked.target, "1.1", asked.headers)
    names = [name for name, _ in asked.headers]
    return check(head, names, limit_post) or check_size(asked.target, asked.headers, buffer_size)
