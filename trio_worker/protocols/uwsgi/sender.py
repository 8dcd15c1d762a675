"""The variables of a packet that say who asks, and how the front was reached."""

from trio_worker.protocols.uwsgi.packet import Variables

# The versions of HTTP, as fronts write them and as ASGI does.
VERSIONS = {b"HTTP/1.0": "1.0", b"HTTP/1.1": "1.1", b"HTTP/2.0": "2", b"HTTP/2": "2", b"HTTP/3.0": "3", b"HTTP/3": "3"}


def version_of(variables: Variables) -> str:
    """Return the version of HTTP that the client speaks, as ASGI writes it."""
    return VERSIONS.get(variables.get(b"SERVER_PROTOCOL", b""), "1.1")


def client_of(variables: Variables) -> tuple[str, int] | None:
    """Return the client's address; None where the client came over a UNIX socket."""
    host = variables.get(b"REMOTE_ADDR", b"").decode("latin-1")
    if not host or host.startswith("unix:"):
        return None
    return host, _port(variables.get(b"REMOTE_PORT", b"")) or 0


def server_of(variables: Variables) -> tuple[str, int | None] | None:
    """Return the address where the front was reached, None where it does not say."""
    name = variables.get(b"SERVER_NAME")
    return (name.decode("latin-1"), _port(variables.get(b"SERVER_PORT", b""))) if name else None


def scheme_of(variables: Variables) -> str:
    """Return the scheme by UWSGI_SCHEME, HTTPS, and the REQUEST_SCHEME of nginx's uwsgi_params, in this order."""
    scheme = variables.get(b"UWSGI_SCHEME") or variables.get(b"REQUEST_SCHEME", b"")
    if b"HTTPS" in variables and b"UWSGI_SCHEME" not in variables and variables[b"HTTPS"].lower() in (b"on", b"1"):
        return "https"
    return "https" if scheme.lower() == b"https" else "http"


def _port(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) < 6 else None
