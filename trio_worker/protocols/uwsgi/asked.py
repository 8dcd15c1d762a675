"""The variables of a packet that say what is asked for: method, path, size of the body (RFC 3875 section 4.1)."""

from urllib.parse import unquote_to_bytes

from trio_worker.asgi import Headers
from trio_worker.http.app_rules import TOKEN
from trio_worker.protocols.rules import METHODS
from trio_worker.protocols.uwsgi.packet import PacketError, RequestError, Variables
from trio_worker.refusal import Refusal

# Digits of the largest number of bytes that any file or stream here can have (2**63).
_LONGEST_NUMBER = 19


def method_of(variables: Variables) -> str:
    """Return the method of the request.

    Raises:
        PacketError: there is none, and so no request in the packet.
        RequestError: it is not valid.
    """
    value = variables.get(b"REQUEST_METHOD")
    if value is None:
        raise PacketError("it has no REQUEST_METHOD")
    if not value or value.translate(None, TOKEN):
        raise RequestError(Refusal(400, f"{value!r} is no method"))
    return METHODS.get(value) or value.decode()


def path_of(variables: Variables, raw_path: bytes, root_path: bytes) -> bytes:
    """Return the path, decoded. CGI's PATH_INFO begins behind SCRIPT_NAME; nginx's usual $document_uri is all of it.

    Args:
        variables: of the packet.
        raw_path: of the target, percent-encoded.
        root_path: where the front has mounted the app.
    """
    decoded = unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path
    path = variables.get(b"PATH_INFO", decoded)
    if root_path and (decoded == root_path + path or not _is_below(path, root_path)):
        path = root_path + path
    return path or b"/"


def _is_below(path: bytes, prefix: bytes) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/")


def body_of(variables: Variables) -> tuple[Headers, int | None]:
    """Return the body's headers, and its bytes (RFC 3875 section 4.1.2), None where a Transfer-Encoding frames it.

    Raises:
        RequestError: the length is no number.
    """
    headers: Headers = []
    if content_type := variables.get(b"CONTENT_TYPE"):
        headers.append((b"content-type", content_type))
    length = variables.get(b"CONTENT_LENGTH", b"")
    coding = variables.get(b"HTTP_TRANSFER_ENCODING", b"").lower()
    if length:
        if not length.isdigit() or len(length) > _LONGEST_NUMBER:
            raise RequestError(Refusal(400, f"a Content-Length is a number of bytes, not {length!r}"))
        headers.append((b"content-length", length))
    # nginx has decoded the chunks and counted; uWSGI's router has done neither, and the rules see to it.
    if coding and (not length or b"UWSGI_ROUTER" in variables):
        headers.append((b"transfer-encoding", coding))
        return headers, None
    return headers, int(length) if length else 0
