"""The half of a packet that says what is asked for: method, target, size of the body (RFC 3875 section 4.1)."""

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from trio_worker.asgi import Headers
from trio_worker.http.response_head import TOKEN
from trio_worker.protocols.uwsgi.packet import PacketError, RequestError, Variables, check_values

# Digits of the largest number of bytes that any file or stream here can have (2**63).
_LONGEST_NUMBER = 19

_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")}

# Targets that mean themselves (RFC 3986 sections 3.3 and 3.4); what has other bytes in it is looked at more closely.
_PLAIN_TARGET = re.compile(rb"/[A-Za-z0-9._~!$&'()*+,;=:@/?-]*")


class Asked:
    """The request of a packet, but for who asks.

    Args:
        variables: of the packet.
        root_path: where the front has mounted the app.

    Attributes:
        method: of the request.
        target: as it came from the client.
        raw_path: the target's path, percent-encoded.
        path: decoded, with `root_path` at its beginning.
        query: percent-encoded.
        headers: those of the body, names in lower case.
        length: of the body in bytes; None where it comes in chunks, in the raw mode of uWSGI's http router.

    Raises:
        PacketError: there is no request in the packet.
        RequestError: it is not valid.
    """

    __slots__ = ("headers", "length", "method", "path", "query", "raw_path", "target")

    def __init__(self, variables: Variables, root_path: bytes) -> None:
        method = variables.get(b"REQUEST_METHOD")
        self.method = _METHODS.get(method or b"") or _method(method)
        self.headers, self.length = _body(variables)
        self.target = target = variables.get(b"REQUEST_URI", b"")
        self.raw_path, _, self.query = target.partition(b"?")
        self.path = self.raw_path.decode("latin-1")
        as_asked = variables.get(b"PATH_INFO") == self.raw_path and variables.get(b"QUERY_STRING") == self.query
        if root_path or not as_asked or _PLAIN_TARGET.fullmatch(target) is None:
            self._place(variables, root_path)

    def _place(self, variables: Variables, root_path: bytes) -> None:
        """Find the path and the query; who sends no REQUEST_URI gets one made."""
        raw_path = self.raw_path
        if not raw_path.startswith(b"/") and b"://" in raw_path:
            raw_path = b"/" + raw_path.partition(b"://")[2].partition(b"/")[2]
        path = _whole_path(variables, raw_path, root_path)
        self.query = variables.get(b"QUERY_STRING", self.query)
        self.raw_path = raw_path or quote_from_bytes(path).encode()
        self.target = self.target or (self.raw_path + b"?" + self.query if self.query else self.raw_path)
        self.path = path.decode("utf-8", "replace")
        check_values((self.target, self.query))
        if b" " in self.target or b" " in self.query:
            raise RequestError("the target has a space in it")


def _method(value: bytes | None) -> str:
    if value is None:
        raise PacketError("it has no REQUEST_METHOD")
    if not value or value.translate(None, TOKEN):
        raise RequestError(f"{value!r} is no method")
    return value.decode()


def _whole_path(variables: Variables, raw_path: bytes, root_path: bytes) -> bytes:
    """The path, decoded. CGI's PATH_INFO begins behind SCRIPT_NAME; nginx's usual $document_uri is all of it."""
    decoded = unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path
    path = variables.get(b"PATH_INFO", decoded)
    if root_path and (decoded == root_path + path or not _is_below(path, root_path)):
        path = root_path + path
    return path or b"/"


def _is_below(path: bytes, prefix: bytes) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/")


def _body(variables: Variables) -> tuple[Headers, int | None]:
    """The body's headers, and how long it is (RFC 3875 section 4.1.2), None where it comes in chunks."""
    headers: Headers = []
    if content_type := variables.get(b"CONTENT_TYPE"):
        check_values((content_type,))
        headers.append((b"content-type", content_type))
    length = variables.get(b"CONTENT_LENGTH", b"")
    coding = variables.get(b"HTTP_TRANSFER_ENCODING", b"").lower()
    if length and coding and b"UWSGI_ROUTER" in variables:
        # nginx has decoded the chunks and counted; uWSGI's router has done neither (RFC 9112 section 6.3).
        raise RequestError("it has a Content-Length and a Transfer-Encoding")
    if not length and coding:
        if coding != b"chunked":
            raise RequestError("chunked is the only Transfer-Encoding known here")
        headers.append((b"transfer-encoding", coding))
        return headers, None
    if not length:
        return headers, 0
    if not length.isdigit() or len(length) > _LONGEST_NUMBER:
        raise RequestError(f"a Content-Length is a number of bytes, not {length!r}")
    headers.append((b"content-length", length))
    return headers, int(length)
