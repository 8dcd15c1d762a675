"""The request in a uwsgi packet, held against the rules of all protocols: a front may pass on what its client wrote."""

from urllib.parse import quote_from_bytes

from trio_worker.asgi import Headers
from trio_worker.host import recall_host
from trio_worker.protocols.rules import (
    FIELD_LIMIT,
    METHODS,
    NO_HOST,
    TOO_MANY_FIELDS,
    Head,
    asked_protocol,
    check,
    in_origin_form,
    is_usual_target,
)
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
        body, self.length = body_of(variables)
        if body:
            check_values(body)
            headers = headers + body
        given = dict(headers)
        if (
            method is not None
            and self.length is not None
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
            headers = self._check(headers, b"SERVER_PROTOCOL" in variables)
        self.headers = headers
        self.wants_websocket = (
            b"upgrade" in given and asked_protocol(Head(self.method, target, self.version, headers)) == b"websocket"
        )

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

    def _check(self, headers: Headers, is_told: bool) -> Headers:
        """Return the headers of a request that would be served without a front, and raise RequestError for any other.

        Args:
            headers: of the request.
            is_told: whether the front tells the version of HTTP; where it does not, a Host may be missing.
        """
        if not is_told and not any(name == b"host" for name, _ in headers):
            return self._check([(b"host", b""), *headers], True)[1:]
        head = Head(self.method, self.target, "1.0" if self.version == "1.0" else "1.1", headers)
        if (refusal := check(head, [name for name, _ in headers], limit_post=0)) is not None:
            raise RequestError(refusal)
        return in_origin_form(head).headers
