"""The parts that the requests are made of."""

HIDDEN = "GET /scope/hidden HTTP/1.1\r\nHost: t\r\n\r\n"
LAST = "0\r\n\r\n"

CHUNKED = "Transfer-Encoding: chunked"

# The hidden request behind a body in chunks, and within one.
BEHIND = LAST + HIDDEN
WITHIN = f"{len(HIDDEN):x}\r\n{HIDDEN}\r\n{LAST}"


def post(*lines: str, body: str, start: str = "POST /scope/seen HTTP/1.1") -> bytes:
    """A request to which the one in its body is hidden."""
    return ("\r\n".join([start, "Host: t", *lines, "", ""]) + body).encode("latin-1")


def length(body: str) -> str:
    """The header that counts a body."""
    return f"Content-Length: {len(body)}"
