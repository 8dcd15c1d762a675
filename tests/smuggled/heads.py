"""Heads whose end, meaning or version two parsers may see differently, and what is said to come after them."""

from smuggled.writing import BEHIND, CHUNKED, HIDDEN, WITHIN, length, post

N = length(HIDDEN)


def start(line: str, *lines: str) -> bytes:
    """A request with another first line, and the hidden one in its body."""
    return post(*lines, N, body=HIDDEN, start=line)


def upgrade(protocol: str, *lines: str) -> bytes:
    return post("Connection: Upgrade", f"Upgrade: {protocol}", *lines, N, body=HIDDEN)


BODILESS = ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE")
WEBSOCKET = ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==")

PAIRS = {
    # Methods that usually have no body.
    **{f"body of a {method}": start(f"{method} /scope/seen HTTP/1.1") for method in BODILESS},
    "body of a CONNECT": start("CONNECT t:80 HTTP/1.1"),
    "chunks of a GET": post(CHUNKED, body=WITHIN, start="GET /scope/seen HTTP/1.1"),
    "chunks of a HEAD": post(CHUNKED, body=WITHIN, start="HEAD /scope/seen HTTP/1.1"),
    "body that nobody reads": post(N, body=HIDDEN),
    # Targets and versions.
    "absolute form": start("POST http://t/scope/seen HTTP/1.1"),
    "absolute form of another host": start("POST http://other/scope/seen HTTP/1.1"),
    "absolute form with a name before the host": start("POST http://other@t/scope/seen HTTP/1.1"),
    "absolute form of another scheme": start("POST gopher://t/scope/seen HTTP/1.1"),
    "absolute form without a path": start("POST http://t HTTP/1.1"),
    "two hosts": start("POST /scope/seen HTTP/1.1", "Host: other"),
    "host with a blank before the colon": start("POST /scope/seen HTTP/1.1", "Host : other"),
    "blanks in the first line": start("POST  /scope/seen  HTTP/1.1"),
    "tabs in the first line": start("POST\t/scope/seen\tHTTP/1.1"),
    "blank behind the version": start("POST /scope/seen HTTP/1.1 "),
    "space in the target": start("POST /scope/seen HTTP/1.1 HTTP/1.1"),
    "NUL in the target": start("POST /scope/seen\x00 HTTP/1.1"),
    "carriage return in the target": start("POST /scope/seen\rX HTTP/1.1"),
    "another version": start("POST /scope/seen HTTP/1.2"),
    "a version with zeros": start("POST /scope/seen HTTP/01.1"),
    "a version in small letters": start("POST /scope/seen http/1.1"),
    "HTTP/2.0 in text": start("POST /scope/seen HTTP/2.0"),
    "no version": start("POST /scope/seen"),
    "HTTP/1.0": start("POST /scope/seen HTTP/1.0", "Connection: keep-alive"),
    "chunks in HTTP/1.0": post(length(BEHIND), CHUNKED, body=BEHIND, start="POST /scope/seen HTTP/1.0"),
    "chunks in HTTP/1.0 that is kept": post(
        "Connection: keep-alive", CHUNKED, body=WITHIN, start="POST /scope/seen HTTP/1.0"
    ),
    # Lines.
    "line feeds alone": post(N, body=HIDDEN).replace(b"\r\n", b"\n", 3),
    "carriage returns alone": post(N, body=HIDDEN).replace(b"\r\n", b"\r", 2),
    "end by a line feed": post(N, body=HIDDEN).replace(b"\r\n\r\n", b"\r\n\n", 1),
    "end by two carriage returns": post(N, body=HIDDEN).replace(b"\r\n\r\n", b"\r\r\n", 1),
    "first header behind a blank": start("POST /scope/seen HTTP/1.1\r\n X: x"),
    "header without a name": post(": x", N, body=HIDDEN),
    "header without a colon": post("X", N, body=HIDDEN),
    "header with a control": post("X: \x01", N, body=HIDDEN),
    "header of 20,000 bytes": post("X: " + "x" * 20000, N, body=HIDDEN),
    "line break before the request": b"\r\n" + post(N, body=HIDDEN),
    "a NUL before the request": b"\x00" + post(N, body=HIDDEN),
    # Expectations and upgrades.
    "expected": post("Expect: 100-continue", N, body=HIDDEN),
    "expected in chunks": post("Expect: 100-continue", CHUNKED, body=WITHIN),
    "expected oddly": post("Expect: y 100-continue", N, body=HIDDEN),
    "expected twice": post("Expect: 100-continue", "Expect: 100-continue", N, body=HIDDEN),
    "expected by a GET": start("GET /scope/seen HTTP/1.1", "Expect: 100-continue"),
    "expected by a HEAD": start("HEAD /scope/seen HTTP/1.1", "Expect: 100-continue"),
    "h2c": upgrade("h2c", "HTTP2-Settings: "),
    "h2c that Connection names": post(
        "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: ", N, body=HIDDEN
    ),
    "h2c of a GET": start(
        "GET /scope/seen HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: "
    ),
    "WebSocket": upgrade("websocket", *WEBSOCKET),
    "WebSocket of a GET": start(
        "GET /scope/seen HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", *WEBSOCKET
    ),
    "WebSocket of another version": start(
        "GET /scope/seen HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 7"
    ),
    "unknown protocol": upgrade("x"),
    "TLS": upgrade("TLS/1.0"),
}  # fmt: skip
