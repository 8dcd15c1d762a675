"""The request in a uwsgi packet, held against the rules of HTTP/1.1: a front may pass on what its client wrote."""

from urllib.parse import quote_from_bytes, unquote_to_bytes

from trio_worker.asgi import Headers
from trio_worker.host import recall_host
from trio_worker.protocols.http1.plain_head import METHODS, NO_HOST, is_usual_target
from trio_worker.protocols.http1.rules import FIELD_LIMIT, TOO_MANY_FIELDS, Head, check
from trio_worker.protocols.uwsgi.asked import body_of, method_of, path_of
from trio_worker.protocols.uwsgi.packet import RequestError, Variables, check_values, parse_block
from trio_worker.protocols.uwsgi.sender import client_of, scheme_of, server_of, version_of
from trio_worker.refusal import Refusal

# The bytes of a target, which has others encoded.
_VISIBLE = bytes(range(0x21, 0x7F))


class PacketRequest:
    """The request in the block of a packet with modifier1 0.

    Args:
        block: of the packet.

    Attributes:
        method: of the request.
        target: as it came from the client.
        raw_path: the target's path, percent-encoded.
        path: decoded, with `root_path` at its beginning.
        query: percent-encoded.
        headers: names in lower case; those of the body are the last ones.
        length: of the body in bytes; None where it comes in chunks, in the raw mode of uWSGI's http router.
        version: of HTTP, as ASGI writes it.
        root_path: where the front has mounted the app (SCRIPT_NAME).
        client, server, scheme: the client's address, where the front was reached, and by which scheme.
        others: the variables that have no place in an ASGI scope.
        wants_websocket: whether it is the request of a WebSocket (RFC 6455 section 4.1), behind which the connection is
            raw.

    Raises:
        PacketError: the packet is malformed or has no request in it.
        RequestError: the request is not valid.
    """

    __slots__ = (
        "client",
        "headers",
        "length",
        "method",
        "others",
        "path",
        "query",
        "raw_path",
        "root_path",
        "scheme",
        "server",
        "target",
        "version",
        "wants_websocket",
    )

    def __init__(self, block: bytes) -> None:
        headers, variables, self.others = parse_block(block)
        if len(headers) > FIELD_LIMIT:
            raise RequestError(TOO_MANY_FIELDS)
        self.version = version_of(variables)
        self.root_path = variables.get(b"SCRIPT_NAME", b"").rstrip(b"/")
        self.client, self.server = client_of(variables), server_of(variables)
        self.scheme = scheme_of(variables)
        method = METHODS.get(variables.get(b"REQUEST_METHOD", b""))
        self.method = method or method_of(variables)
        self.target = target = variables.get(b"REQUEST_URI", b"")
        self.raw_path, _, self.query = target.partition(b"?")
        given = dict(headers)
        if (
            method is not None
            and is_usual_target(target)
            and not self.root_path
            and variables.get(b"PATH_INFO") == self.raw_path
            and variables.get(b"QUERY_STRING") == self.query
            and len(given) == len(headers)
            and recall_host(given.get(b"host", NO_HOST))
        ):
            self.path = self.raw_path.decode()
        else:
            self._place(variables)
            self._check(headers, b"SERVER_PROTOCOL" in variables)
        body, self.length = body_of(variables)
        if body:
            check_values(body)
            headers = headers + body
        self.headers = headers
        self.wants_websocket = self.method == "GET" and b"upgrade" in given and _names_websocket(headers)

    def _place(self, variables: Variables) -> None:
        """Find the path and the query; who sends no REQUEST_URI gets one made."""
        raw_path = self.raw_path
        if not raw_path.startswith(b"/") and b"://" in raw_path:
            raw_path = b"/" + raw_path.partition(b"://")[2].partition(b"/")[2]
        path = path_of(variables, raw_path, self.root_path)
        self.query = variables.get(b"QUERY_STRING", self.query)
        self.raw_path = raw_path or quote_from_bytes(path).encode()
        self.target = self.target or (self.raw_path + b"?" + self.query if self.query else self.raw_path)
        self.path = path.decode("utf-8", "replace")
        if (self.target + self.query).translate(None, _VISIBLE):
            raise RequestError(Refusal(400, "the target has a byte in it that is to be percent-encoded"))

    def _check(self, headers: Headers, is_told: bool) -> None:
        """Raise RequestError for a request that would be refused without a front.

        Args:
            headers: of the request.
            is_told: whether the front tells the version of HTTP; a request of 1.1 or above has a Host.
        """
        version = "1.1" if is_told and self.version != "1.0" else "1.0"
        head = Head(self.method, self.target, version, headers)
        if (refusal := check(head, [name for name, _ in headers], limit_post=0)) is not None:
            raise RequestError(refusal)

    def replay(self) -> bytes:
        """Return the head of this request as a client would have sent it, for an HTTP/1.1 parser."""
        target = self.target
        if unquote_to_bytes(self.raw_path).decode("utf-8", "replace") != self.path:
            # The front has rewritten the path.
            target = quote_from_bytes(self.path.encode()).encode() + (b"?" + self.query if self.query else b"")
        lines = [b"%b %b HTTP/1.1" % (self.method.encode(), target)]
        lines += [b"%b: %b" % header for header in self.headers]
        return b"\r\n".join(lines) + b"\r\n\r\n"


def _names_websocket(headers: Headers) -> bool:
    return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in headers)
